use super::*;

/// The first hour of Monday, 4 May 2026, in hours from 1970.
const MONDAY: i64 = 493_848;

fn gaps(hours: impl IntoIterator<Item = i64>) -> Vec<(i64, u64, u64)> {
    let hours = Hours { source: "storage".to_owned(), subscription: None, active: hours.into_iter().collect() };
    let Some((gaps, _)) = hours.judge() else { return Vec::new() };
    let of = |gap: Gap| (gap.from.0 / MICROS_PER_HOUR - MONDAY, gap.hours, gap.busy_hours.unwrap());
    gaps.into_iter().map(of).collect()
}

/// Nine to five on working days, for so many weeks from a Monday on.
fn office(weeks: i64) -> impl Iterator<Item = i64> {
    let hours = MONDAY..MONDAY + weeks * WEEK_HOURS;
    hours.filter(|hour| {
        let of_week = (hour - MONDAY) % WEEK_HOURS;
        of_week < 5 * 24 && (9..17).contains(&(of_week % 24))
    })
}

fn without(hours: impl Iterator<Item = i64>, from: i64, length: i64) -> Vec<i64> {
    hours.filter(|hour| !(MONDAY + from..MONDAY + from + length).contains(hour)).collect()
}

#[test]
fn monday_is_one() {
    assert_eq!(UtcMicros(MONDAY * MICROS_PER_HOUR).date().to_string(), "2026-05-04");
}

#[test]
fn six_hours_without_an_event_stand_out_in_a_log_that_has_some_every_hour() {
    let steady = || MONDAY..MONDAY + 10 * 24;

    assert_eq!(gaps(steady()), []);
    assert_eq!(gaps(without(steady(), 50, 5)), []);
    assert_eq!(gaps(without(steady(), 50, 6)), [(50, 6, 6)]);
    assert_eq!(gaps(without(without(steady(), 50, 6).into_iter(), 90, 7)), [(50, 6, 6), (90, 7, 7)]);
}

#[test]
fn a_long_silence_does_not_make_its_log_look_quiet() {
    let steady = || MONDAY..MONDAY + 30 * 24;

    assert_eq!(gaps(without(steady(), 100, 20 * 24)), [(100, 480, 480)]);
}

#[test]
fn nights_and_weekends_are_no_gaps() {
    for weeks in [1, 2, 4, 12] {
        assert_eq!(gaps(office(weeks)), [], "{weeks} weeks");
    }
}

#[test]
fn a_holiday_is_no_gap_and_two_days_are_one() {
    // Wednesday of the third week, from midnight to midnight, and Thursday with it. The silence begins
    // after Tuesday's last hour and ends with the first hour of the next day at work.
    let wednesday = 2 * WEEK_HOURS + 2 * 24;

    assert_eq!(gaps(without(office(6), wednesday, 24)), []);
    assert_eq!(gaps(without(office(6), wednesday, 48)), [(wednesday - 7, 64, 16)]);
}

#[test]
fn two_long_absences_of_a_log_that_goes_by_the_week_are_both_told() {
    let first = 2 * WEEK_HOURS;
    let second = 6 * WEEK_HOURS;
    let left = without(without(office(9), first, 2 * WEEK_HOURS).into_iter(), second, 2 * WEEK_HOURS);

    // From Friday, 17:00, to Monday, 9:00: eighty hours of work in each.
    let hours = 2 * 168 + 64;
    assert_eq!(gaps(left), [(first - 55, hours, 80), (second - 55, hours, 80)]);
}

#[test]
fn less_than_four_weeks_do_not_tell_what_is_usual_in_a_week() {
    assert_eq!(gaps(without(office(3), WEEK_HOURS, 72)), []);
}

#[test]
fn a_quiet_log_has_no_gaps_however_long_its_silences_are() {
    // Every 31 hours one, for a year: silences of 30 hours are how it is.
    assert_eq!(gaps((0..282).map(|n| MONDAY + n * 31)), []);
    // A burst of three days every month.
    assert_eq!(gaps((0..12).flat_map(|month| MONDAY + month * 720..MONDAY + month * 720 + 72)), []);
}

#[test]
fn one_wrong_clock_far_away_makes_no_gap() {
    let mut hours: Vec<i64> = (MONDAY..MONDAY + 10 * 24).collect();
    hours.insert(0, 0);
    hours.push(MONDAY + 70 * 365 * 24);

    assert_eq!(gaps(hours), []);
}

#[test]
fn too_few_hours_tell_nothing() {
    let hours = |known: i64| (MONDAY..MONDAY + known - 1).chain([MONDAY + known + 5]);

    assert_eq!(gaps(hours(71)), []);
    assert_eq!(gaps(hours(72)), [(71, 6, 6)]);
}

#[test]
fn a_log_that_stops_before_the_others_end_is_told() {
    let tail = |hours: Vec<i64>| {
        let hours = Hours { source: "storage".to_owned(), subscription: Some("s".to_owned()), active: hours };
        hours.judge().unwrap().1
    };
    let steady = tail((MONDAY..MONDAY + 100).collect());
    let office = tail(office(4).collect());

    assert_eq!(steady.last(), MONDAY + 99);
    assert_eq!(steady.judge(MONDAY + 99), None);
    assert_eq!(steady.judge(MONDAY + 104), None);
    let stopped = steady.judge(MONDAY + 105).unwrap();
    assert_eq!((stopped.kind, stopped.subscription.as_deref()), (GapKind::Stopped, Some("s")));
    assert_eq!(stopped.from, UtcMicros((MONDAY + 100) * MICROS_PER_HOUR));
    assert_eq!((stopped.hours, stopped.busy_hours), (6, Some(6)));
    // The weekend, and Monday, are not enough; Tuesday's fourth hour is.
    assert_eq!(office.judge(MONDAY + 4 * WEEK_HOURS + 23), None);
    assert_eq!(office.judge(MONDAY + 4 * WEEK_HOURS + 24 + 11), None);
    assert_eq!(office.judge(MONDAY + 4 * WEEK_HOURS + 24 + 12).unwrap().busy_hours, Some(12));
}
