use proptest::prelude::*;

use super::*;

/// 2026-05-04T10:00:00Z, by Python's `datetime`.
const NOW: UtcMicros = UtcMicros(1_777_888_800_000_000);

/// Expected values come from Python's `datetime`.
#[test]
fn every_spelling_gives_the_microseconds_that_python_gives() {
    let table = [
        ("2021-02-09T11:38:31.6315770Z", 1_612_870_711_631_577),
        ("2020-06-12T13:07:46.766Z", 1_591_967_266_766_000),
        ("2018-03-07T14:23:51.22Z", 1_520_432_631_220_000),
        ("2018-03-07t14:23:51.22z", 1_520_432_631_220_000),
        ("2023-12-12T13:45:09.385717298Z", 1_702_388_709_385_717),
        ("2025-11-30T01:47:13Z", 1_764_467_233_000_000),
        ("2025-04-22T20:00:38.4932919+00:00", 1_745_352_038_493_291),
        ("2025-04-22T20:00:03.346468+00:00", 1_745_352_003_346_468),
        ("2007-01-09T09:41:00+02:00", 1_168_328_460_000_000),
        ("2007-01-09T09:41:00+0200", 1_168_328_460_000_000),
        ("2007-01-09T09:41:00 +02:00", 1_168_328_460_000_000),
        ("2007-01-09T09:41:00-05:30", 1_168_355_460_000_000),
        ("2007-01-09T09:41:00", 1_168_335_660_000_000),
        ("2007-01-09 09:41:00", 1_168_335_660_000_000),
        ("2007-01-09 09:41:00 UTC", 1_168_335_660_000_000),
        (" 2007-01-09T09:41:00Z\r\n", 1_168_335_660_000_000),
        ("2021-02-04T07: 45: 44.5864815Z", 1_612_424_744_586_481),
        ("2025/09/16 13:11:22.6543210", 1_758_028_282_654_321),
        ("1/9/2007 9:41:00 AM", 1_168_335_660_000_000),
        ("1/9/2007 9:41:00\u{202f}AM", 1_168_335_660_000_000),
        ("01/09/2007 09:41:00", 1_168_335_660_000_000),
        ("1/9/2007 10:41:00 AM +01:00", 1_168_335_660_000_000),
        ("1/1/2021 8:40:06 PM +00:00", 1_609_533_606_000_000),
        ("4/28/2021, 2:32:14.029 PM", 1_619_620_334_029_000),
        ("12/1/2023 5:54:47 PM", 1_701_453_287_000_000),
        ("4/14/2025 11:35:37 AM", 1_744_630_537_000_000),
        ("5/5/2025 12:00:01 AM", 1_746_403_201_000_000),
        ("5/5/2025 12:00:01 pm", 1_746_446_401_000_000),
        ("1751304503", 1_751_304_503_000_000),
        ("1751304503123", 1_751_304_503_123_000),
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999Z", -1_000),
        ("1900-01-01T00:00:00Z", -2_208_988_800_000_000),
        ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ("2000-02-29T12:00:00Z", 951_825_600_000_000),
        ("2024-02-29T12:00:00Z", 1_709_208_000_000_000),
    ];

    for (text, micros) in table {
        assert_eq!(UtcMicros::parse(text), Some(UtcMicros(micros)), "{text}");
    }
}

#[test]
fn what_is_no_time_of_the_calendar_is_refused() {
    let table = [
        "",
        " ",
        "null",
        "2024",
        "20240530",
        "2024-05-30",
        "2023-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-04-31T00:00:00Z",
        "2024-13-01T00:00:00Z",
        "2024-00-10T00:00:00Z",
        "2024-05-00T00:00:00Z",
        "2024-05-30T24:00:00Z",
        "2024-05-30T23:60:00Z",
        "2016-12-31T23:59:60Z",
        "1899-12-31T23:59:59Z",
        "1900-01-01T00:00:00+01:00",
        "9999-12-31T23:59:59-01:00",
        "0001-01-01T00:00:00Z",
        "2024-05-30T10:00:00.Z",
        "2024-05-30T10:00:00.1234567890Z",
        "2024-05-30T10:00:00X",
        "2024-05-30T10:00:00Z and more",
        "2024-05-30T10:00:00+24:00",
        "2024-05-30T10:00:00+0a:00",
        "2024-05-30T10:00Z",
        "2024-05-3010:00:00Z",
        "2024-05/30 10:00:00",
        "28/4/2021 2:32:14 PM",
        "4/28/2021 13:32:14 PM",
        "4/28/2021 0:32:14 AM",
        "4-28-2021 2:32:14 PM",
        "4/28/21 2:32:14 PM",
        "2024-05-30T1:2:3Z",
        "٢024-05-30T10:00:00Z",
        "99999999999",
        "0751304503",
        "637655747526697920",
        "-1751304503",
    ];

    for text in table {
        assert_eq!(UtcMicros::parse(text), None, "{text}");
    }
}

#[test]
fn times_are_written_with_as_many_digits_as_they_need() {
    let table = [
        (0, "1970-01-01T00:00:00Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (1_591_967_266_766_000, "2020-06-12T13:07:46.766Z"),
        (1_612_870_711_631_577, "2021-02-09T11:38:31.631577Z"),
        (1_702_388_709_000_010, "2023-12-12T13:45:09.000010Z"),
        (1_709_208_000_000_000, "2024-02-29T12:00:00Z"),
    ];

    for (micros, text) in table {
        assert_eq!(UtcMicros(micros).to_string(), text);
    }
}

#[test]
fn milliseconds_and_days_are_rounded_down_on_both_sides_of_1970() {
    assert_eq!(UtcMicros(1_999).millis(), 1);
    assert_eq!(UtcMicros(-1).millis(), -1);
    assert_eq!(UtcMicros(-1).date().to_string(), "1969-12-31");
    assert_eq!(NOW.date().to_string(), "2026-05-04");
}

#[test]
fn a_bound_is_a_time_a_date_or_an_age() {
    let table = [
        ("2026-05-04T10:00:00Z", NOW.0),
        ("2026-05-04T12:00:00+02:00", NOW.0),
        ("2026-05-04", 1_777_852_800_000_000),
        (" 2026-05-04 ", 1_777_852_800_000_000),
        ("10h", 1_777_852_800_000_000),
        ("600m", 1_777_852_800_000_000),
        ("30d", NOW.0 - 30 * 86_400 * 1_000_000),
        ("2w", NOW.0 - 14 * 86_400 * 1_000_000),
        ("0d", NOW.0),
    ];

    for (text, micros) in table {
        assert_eq!(parse_bound(text, NOW), Ok(UtcMicros(micros)), "{text}");
    }
}

#[test]
fn a_bound_that_cannot_be_read_is_told_what_would_be_right() {
    for text in ["", "yesterday", "2026-02-30", "5/4/2026", "30", "d", "-3d", "1.5h", "30s", "１d", "1800-01-01"] {
        let message = parse_bound(text, NOW).unwrap_err();

        assert!(message.contains(&format!("{text:?}")) && message.contains("2026-05-04"), "{message}");
    }
    for text in ["200000w", "99999999999999999999d"] {
        let message = parse_bound(text, NOW).unwrap_err();

        assert!(message.contains("before 1900"), "{message}");
    }
}

/// Every day of the 400 years after which the calendar repeats is the one after the day before, by a
/// calendar that only counts.
#[test]
fn the_calendar_agrees_with_counting_days() {
    let (mut year, mut month, mut day) = (1900, 1, 1);
    let mut time = EARLIEST;

    while year < 2_301 {
        assert_eq!(time.date().to_string(), format!("{year:04}-{month:02}-{day:02}"));
        assert_eq!(UtcMicros::parse(&format!("{month}/{day}/{year} 12:00:00 AM")), Some(time));
        let leap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0);
        let last = [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month - 1];
        (year, month, day) = match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            _ if day == last => (year, month + 1, 1),
            _ => (year, month, day + 1),
        };
        time = UtcMicros(time.0 + 86_400 * 1_000_000);
    }

    // By Python's `datetime`.
    assert_eq!(time, UtcMicros(10_445_328_000 * 1_000_000));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(micros in EARLIEST.0..=LATEST.0) {
        for time in [UtcMicros(micros), UtcMicros(micros / 1_000 * 1_000), UtcMicros(micros / 1_000_000 * 1_000_000)] {
            prop_assert_eq!(UtcMicros::parse(&time.to_string()), Some(time));
        }
    }

    #[test]
    fn the_offset_moves_the_time_and_nothing_else(micros in EARLIEST.0 + 86_400_000_000..=LATEST.0 - 86_400_000_000, minutes in -839_i64..=839) {
        let local = UtcMicros(micros + minutes * 60_000_000).to_string();
        let sign = if minutes < 0 { '-' } else { '+' };
        let offset = format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60);

        let time = UtcMicros::parse(&local.replace('Z', &offset));

        prop_assert_eq!(time, Some(UtcMicros(micros)));
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,40}", near in "[0-9/:, TZAPM.+-]{0,40}") {
        for text in [text, near] {
            if let Some(time) = UtcMicros::parse(&text) {
                prop_assert_eq!(UtcMicros::parse(&time.to_string()), Some(time));
            }
        }
    }
}
