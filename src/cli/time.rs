//! The one grammar of times and durations that every flag shares.
//!
//! | text | meaning |
//! | --- | --- |
//! | `now` | the moment the command started |
//! | `90s` `5m` `1h30m` `1.5d` | so long ago; `-5m` too, and `+5m` is ahead |
//! | `1700000000` `1700000000.25` | seconds since 1970, where below 1e11 |
//! | `1700000000000` | milliseconds since 1970 |
//! | `2026-01-01` `2026-01-01 10:00[:05[.25]]` | local; `T` may stand for the space |
//! | `10:00` | today, local |
//! | `today` `yesterday` | midnight, local |
//! | `2026-01-01T10:00:00Z` `…+02:00` | as it says |
//!
//! Units: `ms s m h d w`; a day is 24 hours. Local times that a clock change skips or repeats are
//! taken as jiff's "compatible" rule has it: the later one of a gap, the earlier one of a fold.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use thiserror::Error;

/// Bare numbers below this are seconds, from it on milliseconds.
const MILLISECONDS_FROM: u64 = 100_000_000_000;

/// Nanoseconds of each unit; longer names first where one begins another.
const UNITS: [(&str, u128); 6] = [
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
    ("w", 604_800_000_000_000),
];

/// Why a time or duration could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeError {
    /// Nothing of the grammar fits.
    #[error(
        "cannot read the time {0:?}; a time is now, 5m or 1h30m (ago), 1700000000, \
         2026-01-01, 2026-01-01 10:00 (local) or 2026-01-01T10:00:00Z"
    )]
    Time(String),
    /// No duration.
    #[error("cannot read the duration {0:?}; units are ms s m h d w, as in 500ms or 1h30m")]
    Duration(String),
    /// Well formed, but beyond what milliseconds in 64 bits or the calendar hold.
    #[error("the time {0:?} is out of range")]
    Range(String),
}

/// Reads a time; the result is in milliseconds since 1970, as is `now_ms`. The zone is asked for
/// only by a local time: to find the system's, the directories of all zones are read.
pub fn parse_time(text: &str, now_ms: i64, zone: fn() -> TimeZone) -> Result<i64, TimeError> {
    let text = text.trim();
    if text == "now" {
        return Ok(now_ms);
    }
    if let Some(number) = parse_number(text) {
        return number.ok_or_else(|| TimeError::Range(text.to_owned()));
    }
    if let Some(moved) = parse_relative(text, now_ms) {
        return moved.ok_or_else(|| TimeError::Range(text.to_owned()));
    }
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Ok(instant.as_millisecond());
    }
    if let Ok(zoned) = text.parse::<Zoned>() {
        return Ok(zoned.timestamp().as_millisecond());
    }
    let zone = zone();
    let local = parse_local(text, now_ms, &zone).ok_or_else(|| TimeError::Time(text.to_owned()))?;
    let instant = zone.to_timestamp(local).map_err(|_| TimeError::Range(text.to_owned()))?;
    Ok(instant.as_millisecond())
}

/// Reads a duration as `--timeout` and `--idle` take it; a bare number is seconds.
pub fn parse_duration(text: &str) -> Result<Duration, TimeError> {
    let fail = || TimeError::Duration(text.to_owned());
    let range = || TimeError::Range(text.to_owned());
    let trimmed = text.trim();
    let nanoseconds = match take_quantity(trimmed) {
        Some((whole, fraction, "")) => scale(whole, fraction, UNITS[1].1).ok_or_else(range)?,
        _ => parse_units(trimmed).ok_or_else(fail)?.ok_or_else(range)?,
    };
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).map_err(|_| range())?;
    Ok(Duration::new(seconds, (nanoseconds % 1_000_000_000) as u32))
}

/// A bare number, with decimals only as seconds; the outer `None` is none, the inner one too large.
fn parse_number(text: &str) -> Option<Option<i64>> {
    let (whole, fraction, rest) = take_quantity(text)?;
    if !rest.is_empty() {
        return None;
    }
    let Ok(number) = whole.parse::<u64>() else { return Some(None) };
    if number < MILLISECONDS_FROM {
        let nanoseconds = scale(whole, fraction, UNITS[1].1);
        return Some(nanoseconds.and_then(|all| i64::try_from(all / 1_000_000).ok()));
    }
    Some(i64::try_from(number).ok())
}

/// A duration before `now_ms`, or behind it after a `+`; `None`s as in [`parse_number`].
fn parse_relative(text: &str, now_ms: i64) -> Option<Option<i64>> {
    let (ahead, amount) = match text.strip_prefix('+') {
        Some(amount) => (true, amount),
        None => (false, text.strip_prefix('-').unwrap_or(text)),
    };
    let milliseconds = parse_units(amount)?.and_then(|all| i64::try_from(all / 1_000_000).ok());
    Some(milliseconds.and_then(
        |by| {
            if ahead { now_ms.checked_add(by) } else { now_ms.checked_sub(by) }
        },
    ))
}

/// A date, a time of today, or both, without a zone.
fn parse_local(text: &str, now_ms: i64, zone: &TimeZone) -> Option<DateTime> {
    let today = || {
        let now = Timestamp::from_millisecond(now_ms).ok()?;
        Some(now.to_zoned(zone.clone()).date())
    };
    match text {
        "today" => return Some(today()?.to_datetime(Time::midnight())),
        "yesterday" => return Some(today()?.yesterday().ok()?.to_datetime(Time::midnight())),
        _ => {}
    }
    if let Ok(both) = text.parse::<DateTime>() {
        return Some(both);
    }
    if let Ok(date) = text.parse::<Date>() {
        return Some(date.to_datetime(Time::midnight()));
    }
    if !text.contains(':') {
        return None;
    }
    Some(today()?.to_datetime(text.parse::<Time>().ok()?))
}

/// `1h30m` in nanoseconds; the outer `None` is no duration, the inner one too large.
fn parse_units(text: &str) -> Option<Option<u128>> {
    let mut total = Some(0_u128);
    let mut rest = text;
    loop {
        let (whole, fraction, after) = take_quantity(rest)?;
        let (unit, size) = UNITS.iter().find(|(unit, _)| after.starts_with(unit))?;
        let part = scale(whole, fraction, *size);
        total = total.zip(part).and_then(|(sum, part)| sum.checked_add(part));
        rest = after[unit.len()..].trim_start();
        if rest.is_empty() {
            return Some(total);
        }
    }
}

/// Takes `digits[.digits]` off the front: whole part, decimals, the rest.
fn take_quantity(text: &str) -> Option<(&str, &str, &str)> {
    let (whole, rest) = take_digits(text)?;
    match rest.strip_prefix('.') {
        Some(after) => {
            let (fraction, rest) = take_digits(after)?;
            Some((whole, fraction, rest))
        }
        None => Some((whole, "", rest)),
    }
}

fn take_digits(text: &str) -> Option<(&str, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

/// `whole.fraction` times `size`, cut to an integer; decimals past the ninth do not count.
fn scale(whole: &str, fraction: &str, size: u128) -> Option<u128> {
    let whole = whole.parse::<u64>().ok()?;
    let decimals = &fraction[..fraction.len().min(9)];
    let parts = if decimals.is_empty() { 0 } else { decimals.parse::<u128>().ok()? };
    let of = 10_u128.pow(decimals.len() as u32);
    u128::from(whole).checked_mul(size)?.checked_add(parts * size / of)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-10T12:00:00Z.
    const NOW: i64 = 1_773_144_000_000;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").expect("a zone of the database")
    }

    #[test]
    fn times() {
        let hour = 3_600_000;
        for (text, expected) in [
            ("now", NOW),
            (" 0s ", NOW),
            ("5m", NOW - 300_000),
            ("-5m", NOW - 300_000),
            ("+1h", NOW + hour),
            ("1h30m", NOW - hour * 3 / 2),
            ("1h 30m", NOW - hour * 3 / 2),
            ("1.5h", NOW - hour * 3 / 2),
            ("250ms", NOW - 250),
            ("2d", NOW - 48 * hour),
            ("1w", NOW - 168 * hour),
            ("0", 0),
            ("1700000000", 1_700_000_000_000),
            ("1700000000.2509", 1_700_000_000_250),
            ("99999999999", 99_999_999_999_000),
            ("100000000000", 100_000_000_000),
            ("1700000000000", 1_700_000_000_000),
            ("2026-03-10", NOW - 13 * hour),
            ("2026-03-10 10:00", NOW - 3 * hour),
            ("2026-03-10T10:00:00.250", NOW - 3 * hour + 250),
            ("10:00", NOW - 3 * hour),
            ("today", NOW - 13 * hour),
            ("yesterday", NOW - 37 * hour),
            ("2026-03-10T10:00:00Z", NOW - 2 * hour),
            ("2026-03-10T10:00Z", NOW - 2 * hour),
            ("2026-03-10 10:00:00+02:00", NOW - 4 * hour),
            ("2026-03-10T10:00[America/New_York]", NOW + 2 * hour),
            ("1969-12-31T23:59:59.999Z", -1),
            // The clock goes forward at 02:00 on this day.
            ("2026-03-29 02:30", 1_774_747_800_000),
        ] {
            assert_eq!(parse_time(text, NOW, berlin), Ok(expected), "{text}");
        }
    }

    #[test]
    fn no_times() {
        for text in ["", "soon", "5x", "h", "1h30", "-5", "1h-5m", "2026-13-01", "5 m", "1.h"] {
            let error = parse_time(text, NOW, berlin);
            assert_eq!(error, Err(TimeError::Time(text.to_owned())));
        }
        for text in ["99999999999999999999", "99999999999999w", "9223372036854775808ms"] {
            let error = parse_time(text, NOW, berlin);
            assert_eq!(error, Err(TimeError::Range(text.to_owned())));
        }
        assert!(parse_time("1h", i64::MIN, berlin).is_err());
    }

    #[test]
    fn durations() {
        for (text, expected) in [
            ("5", Duration::from_secs(5)),
            ("0.5", Duration::from_millis(500)),
            ("500ms", Duration::from_millis(500)),
            ("1m30s", Duration::from_secs(90)),
            ("2d", Duration::from_secs(172_800)),
        ] {
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
        for text in ["", "x", "-5", "5y", "-1m"] {
            let error = parse_duration(text);
            assert_eq!(error, Err(TimeError::Duration(text.to_owned())));
        }
    }
}
