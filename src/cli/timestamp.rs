//! Timestamps as text: RFC 3339 in UTC with milliseconds, and strftime in a zone.
//!
//! Every `i64` has a text: years outside 0000–9999 are written as ISO 8601 expands them, a sign and
//! six digits or more. No allocation.

use jiff::Timestamp;
use jiff::fmt::StdIoWrite;
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;

const MILLISECONDS_PER_DAY: i64 = 86_400_000;

/// Appends `timestamp` (milliseconds since 1970) as `2026-01-01T00:00:00.000Z`.
pub fn write_rfc3339_ms(out: &mut Vec<u8>, timestamp: i64) {
    let (year, month, day) = civil(timestamp.div_euclid(MILLISECONDS_PER_DAY));
    let rest = timestamp.rem_euclid(MILLISECONDS_PER_DAY) as u32;
    if let Ok(year @ 0..=9999) = u32::try_from(year) {
        put(out, &[digit(year, 1000), digit(year, 100), digit(year, 10), digit(year, 1)]);
    } else {
        out.push(if year < 0 { b'-' } else { b'+' });
        let mut digits = itoa::Buffer::new();
        let digits = digits.format(year.unsigned_abs()).as_bytes();
        put(out, &b"000000"[digits.len().min(6)..]);
        put(out, digits);
    }
    let (hour, minute) = (rest / 3_600_000, rest / 60_000 % 60);
    let (second, ms) = (rest / 1000 % 60, rest % 1000);
    let mut text = *b"-mm-ddThh:mm:ss.mmmZ";
    for (at, value) in [(1, month), (4, day), (7, hour), (10, minute), (13, second)] {
        text[at] = digit(value, 10);
        text[at + 1] = digit(value, 1);
    }
    text[16..19].copy_from_slice(&[digit(ms, 100), digit(ms, 10), digit(ms, 1)]);
    put(out, &text);
}

/// Appends `timestamp` as `format` (strftime) has it in `zone`; what no calendar holds is written
/// as [`write_rfc3339_ms`] does.
pub fn write_strftime(out: &mut Vec<u8>, timestamp: i64, format: &str, zone: &TimeZone) {
    let start = out.len();
    let written = Timestamp::from_millisecond(timestamp).and_then(|instant| {
        let local = instant.to_zoned(zone.clone());
        BrokenDownTime::from(&local).format(format, StdIoWrite(&mut *out))
    });
    if written.is_err() {
        out.truncate(start);
        write_rfc3339_ms(out, timestamp);
    }
}

/// What is wrong with a strftime format, if anything.
pub(super) fn check_strftime(format: &str) -> Result<(), String> {
    let sample = Timestamp::UNIX_EPOCH.to_zoned(TimeZone::UTC);
    BrokenDownTime::from(&sample)
        .format(format, StdIoWrite(&mut Vec::new()))
        .map_err(|error| error.to_string())
}

/// Reads what [`write_strftime`] wrote, as far as `format` tells the time.
pub(super) fn parse_strftime(format: &str, text: &[u8], zone: &TimeZone) -> Option<i64> {
    let parts = BrokenDownTime::parse(format, text).ok()?;
    let instant = match parts.to_timestamp() {
        Ok(instant) => instant,
        Err(_) => {
            let local = parts.to_datetime().or_else(|_| {
                parts.to_date().map(|date| date.to_datetime(jiff::civil::Time::midnight()))
            });
            zone.to_timestamp(local.ok()?).ok()?
        }
    };
    Some(instant.as_millisecond())
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(bytes);
}

const fn digit(value: u32, place: u32) -> u8 {
    b'0' + (value / place % 10) as u8
}

/// Year, month and day of a day counted from 1970-01-01, in the proleptic Gregorian calendar.
///
/// Counts in eras of 400 years (146,097 days) that begin on a first of March.
const fn civil(day: i64) -> (i64, u32, u32) {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day_of_month = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as i64;
    (year, month as u32, day_of_month as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rfc3339(timestamp: i64) -> String {
        let mut out = Vec::new();
        write_rfc3339_ms(&mut out, timestamp);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn golden_times() {
        for (timestamp, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"),
            (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (1_700_000_000_123, "2023-11-14T22:13:20.123Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "+010000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (i64::MAX, "+292278994-08-17T07:12:55.807Z"),
            (i64::MIN, "-292275055-05-16T16:47:04.192Z"),
        ] {
            assert_eq!(rfc3339(timestamp), expected);
        }
    }

    #[test]
    fn agrees_with_the_library() {
        for step in 0..200_000_i64 {
            let timestamp = -62_000_000_000_000 + step * 1_570_000_009;
            let instant = Timestamp::from_millisecond(timestamp).expect("in range");
            assert_eq!(rfc3339(timestamp), format!("{instant:.3}"));
        }
    }

    #[test]
    fn strftime_in_a_zone_and_back() {
        let zone = TimeZone::get("Europe/Berlin").expect("a zone of the database");
        let mut out = Vec::new();
        write_strftime(&mut out, 1_700_000_000_000, "%F %T", &zone);
        assert_eq!(out, b"2023-11-14 23:13:20");
        assert_eq!(parse_strftime("%F %T", &out, &zone), Some(1_700_000_000_000));
        assert_eq!(parse_strftime("%F", b"2023-11-14", &zone), Some(1_699_916_400_000));
        assert_eq!(parse_strftime("%s", b"1700000000", &zone), Some(1_700_000_000_000));
        assert_eq!(parse_strftime("%F", b"x", &zone), None);
        out.clear();
        write_strftime(&mut out, i64::MAX, "%F", &zone);
        assert!(out.starts_with(b"+292278994-"));
        assert!(check_strftime("%F").is_ok());
        assert!(check_strftime("%!").is_err());
    }
}
