//! Tells which stretches without events stand out.
//!
//! Azure writes a blob only for an hour that has events, so that hours without any are usual where
//! little happens. What stands out is silence in hours in which a source is otherwise busy.

use crate::coverage::{Gap, GapKind};
use crate::source::hours::MICROS_PER_HOUR;
use crate::time::UtcMicros;

/// Hours without events, at least, of a source that is steady.
const STEADY_HOURS: i64 = 6;

/// Busy hours without events, at least, of a source that goes by the week: a holiday has fewer of them.
const BUSY_HOURS: i64 = 12;

/// Hours with events that it takes to know a source (three days' worth).
const KNOWN_HOURS: usize = 72;

/// Hours from the first event to the last that it takes to know the hours of the week in which a source
/// is busy (25 days): four weeks of working days.
const KNOWN_SPAN_HOURS: i64 = 25 * 24;

/// Longest distance in hours of the first hour, or the last, from the next one with events: what is
/// farther away is one wrong clock, not where a log begins or ends.
const SOLID_HOURS: i64 = 24;

/// Hours of a week.
const WEEK_HOURS: i64 = 7 * 24;

/// Silences of a week or more that say nothing of how busy the source is otherwise: two, for with more
/// of them silence is usual.
const LONG_SILENCES: usize = 2;

/// The hours with events of a source in a subscription, each counted from 1970, ascending, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Hours {
    pub(super) source: String,
    pub(super) subscription: Option<String>,
    pub(super) active: Vec<i64>,
}

/// What is left of a source to judge whether it stopped.
#[derive(Debug)]
pub(super) struct Tail {
    source: String,
    subscription: Option<String>,
    week: Week,
    /// The last hour with events.
    last: i64,
}

/// How busy a source is.
#[derive(Debug)]
struct Week {
    /// From the first hour with events to the last.
    span: i64,
    active: i64,
    /// Hours with events, by the hour of the week.
    seen: Vec<u16>,
    /// All hours, by the hour of the week, without the long silences.
    all: Vec<u16>,
    /// The longest silences of a week or more, [`LONG_SILENCES`] at most: from, until.
    long: Vec<(i64, i64)>,
}

impl Hours {
    /// The silences that stand out, and what it takes to judge the one after the last event; `None`
    /// where too little is known of the source.
    pub(super) fn judge(mut self) -> Option<(Vec<Gap>, Tail)> {
        self.active = solid(&self.active).to_vec();
        if self.active.len() < KNOWN_HOURS {
            return None;
        }
        let (first, last) = (*self.active.first()?, *self.active.last()?);
        let silences = self.active.windows(2).filter_map(|pair| match pair {
            [before, after] if after - before > STEADY_HOURS => Some((before + 1, *after)),
            _ => None,
        });
        let silences: Vec<(i64, i64)> = silences.collect();
        let week = Week::of(&self.active, (first, last), &silences);
        let gaps = silences.iter().filter_map(|(from, until)| {
            let busy = week.busy_hours(*from, *until, Place::Between)?;
            Some(gap(GapKind::Silence, (&self.source, self.subscription.as_ref()), (*from, *until), busy))
        });
        let gaps = gaps.collect();
        let Self { source, subscription, .. } = self;
        Some((gaps, Tail { source, subscription, week, last }))
    }
}

impl Tail {
    /// The last hour with events.
    pub(super) fn last(&self) -> i64 {
        self.last
    }

    /// The silence up to the last hour of anything that was read, where it stands out.
    pub(super) fn judge(&self, last_of_all: i64) -> Option<Gap> {
        let (from, until) = (self.last + 1, last_of_all + 1);
        let busy = self.week.busy_hours(from, until, Place::After)?;
        Some(gap(GapKind::Stopped, (&self.source, self.subscription.as_ref()), (from, until), busy))
    }
}

fn gap(
    kind: GapKind,
    (source, subscription): (&str, Option<&String>),
    (from, until): (i64, i64),
    busy_hours: i64,
) -> Gap {
    let count = |hours: i64| u64::try_from(hours).unwrap_or(0);
    Gap {
        kind,
        source: source.to_owned(),
        subscription: subscription.cloned(),
        principal_id: None,
        from: UtcMicros(from.saturating_mul(MICROS_PER_HOUR)),
        until: UtcMicros(until.saturating_mul(MICROS_PER_HOUR)),
        hours: count(until - from),
        busy_hours: Some(count(busy_hours)),
        tokens: None,
    }
}

/// The hours without those at either end that stand alone.
fn solid(hours: &[i64]) -> &[i64] {
    let mut rest = hours;
    while let [first, second, ..] = rest
        && second - first > SOLID_HOURS
    {
        rest = rest.get(1..).unwrap_or_default();
    }
    while let [.., second, last] = rest
        && last - second > SOLID_HOURS
    {
        rest = rest.get(..rest.len() - 1).unwrap_or_default();
    }
    rest
}

/// Where a silence lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between two hours with events: it is part of the span.
    Between,
    /// After the last.
    After,
}

impl Week {
    fn of(hours: &[i64], (first, last): (i64, i64), silences: &[(i64, i64)]) -> Self {
        let mut seen = vec![0; usize::try_from(WEEK_HOURS).unwrap_or(0)];
        for hour in hours {
            bump(&mut seen, *hour, 1);
        }
        let mut all = vec![0; seen.len()];
        add_hours(&mut all, (first, last + 1), 1);
        let mut long: Vec<(i64, i64)> =
            silences.iter().filter(|(from, until)| until - from >= WEEK_HOURS).copied().collect();
        long.sort_by_key(|(from, until)| (from - until, *from));
        long.truncate(LONG_SILENCES);
        for silence in &long {
            add_hours(&mut all, *silence, -1);
        }
        Self { span: last - first + 1, active: i64::try_from(hours.len()).unwrap_or(i64::MAX), seen, all, long }
    }

    /// How many hours of a silence the source is busy in otherwise; `None` where it does not stand out.
    fn busy_hours(&self, from: i64, until: i64, place: Place) -> Option<i64> {
        let length = until - from;
        let others = if place == Place::Between { self.span - length } else { self.span };
        // Nine of ten of all other hours have events.
        if self.active.saturating_mul(10) >= others.saturating_mul(9) {
            return (length >= STEADY_HOURS).then_some(length);
        }
        if self.span < KNOWN_SPAN_HOURS {
            return None;
        }
        let mut within = vec![0; self.seen.len()];
        add_hours(&mut within, (from, until), 1);
        let is_counted = place == Place::Between && !self.long.contains(&(from, until));
        // An hour of the week is busy that has events in three of four weeks without the silence.
        let is_busy = |hour: &i64| {
            let all = at(&self.all, *hour) - if is_counted { at(&within, *hour) } else { 0 };
            let seen = at(&self.seen, *hour);
            seen > 1 && seen * 4 >= all * 3
        };
        let busy = (0..WEEK_HOURS).filter(is_busy).map(|hour| at(&within, hour)).sum();
        (busy >= BUSY_HOURS).then_some(busy)
    }
}

fn at(counts: &[u16], hour: i64) -> i64 {
    usize::try_from(hour.rem_euclid(WEEK_HOURS)).ok().and_then(|at| counts.get(at)).copied().map_or(0, i64::from)
}

fn bump(counts: &mut [u16], hour: i64, by: i16) {
    let slot = usize::try_from(hour.rem_euclid(WEEK_HOURS)).ok().and_then(|at| counts.get_mut(at));
    if let Some(count) = slot {
        *count = count.saturating_add_signed(by);
    }
}

/// Adds the hours of a stretch to the hours of the week: whole weeks at once.
fn add_hours(counts: &mut [u16], (from, until): (i64, i64), sign: i16) {
    let length = until - from;
    let weeks = i16::try_from(length / WEEK_HOURS).unwrap_or(i16::MAX);
    for hour in 0..WEEK_HOURS.min(length) {
        bump(counts, from + hour, sign * weeks);
    }
    for hour in 0..length % WEEK_HOURS {
        bump(counts, from + hour, sign);
    }
}

#[cfg(test)]
mod tests;
