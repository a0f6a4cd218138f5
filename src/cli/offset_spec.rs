//! The grammar of `-o`: where reading begins and stops.
//!
//! `SPEC`, or `START:STOP` of two, of which either may be left out. A spec is `beginning`, `end`,
//! `stored`, `N`, `-N` (so many before the end), `+N` (so many after the beginning) or `@TIME`.
//! Other tools' words: `earliest oldest start`, `latest newest`, kcat's `s@TIME` and `e@TIME`
//! (start at, stop at).
//!
//! Times hold colons themselves: what is one spec as a whole is that; otherwise the last colon
//! that leaves a spec on both sides parts them.

use jiff::tz::TimeZone;
use thiserror::Error;

use super::time::parse_time;

/// Why an offset could not be read.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OffsetError {
    /// Nothing of the grammar fits.
    #[error(
        "cannot read the offset {0:?}; it is beginning, end, stored, N, -N, +N, @TIME \
         or START:STOP of those"
    )]
    Spec(String),
    /// `stored` as a stop.
    #[error("stored says where to start, not where to stop: {0:?}")]
    StoredStop(String),
    /// Two `-o` that both say where to start, or both where to stop.
    #[error("two offsets say where to {0}")]
    Twice(&'static str),
}

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The log start offset.
    Beginning,
    /// The end as it stood at the start of the command.
    End,
    /// The committed offset of the group.
    Stored,
    /// This offset.
    At(i64),
    /// So many offsets after the log start offset.
    AfterBeginning(i64),
    /// So many offsets before the end.
    BeforeEnd(i64),
    /// The first record at or after this time, in milliseconds since 1970.
    Time(i64),
}

/// What `-o` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OffsetRange {
    /// Where to start; none where `-o` does not say.
    pub start: Option<OffsetSpec>,
    /// Where to stop, exclusive.
    pub stop: Option<OffsetSpec>,
}

impl OffsetRange {
    /// Reads the argument of `-o`.
    pub fn parse(text: &str, now_ms: i64, zone: fn() -> TimeZone) -> Result<Self, OffsetError> {
        let spec = |text: &str| OffsetSpec::parse(text, now_ms, zone);
        let time = |text: &str| parse_time(text, now_ms, zone).ok().map(OffsetSpec::Time);
        if let Some(start) = spec(text).or_else(|| time(text.strip_prefix("s@")?)) {
            return Ok(Self { start: Some(start), stop: None });
        }
        if let Some(stop) = text.strip_prefix("e@").and_then(time) {
            return Ok(Self { start: None, stop: Some(stop) });
        }
        // The outer `None` is no spec, the inner one a side left out.
        let side = |text: &str| if text.is_empty() { Some(None) } else { spec(text).map(Some) };
        let split = text.rmatch_indices(':').find_map(|(at, _)| {
            let (start, stop) = (side(&text[..at])?, side(&text[at + 1..])?);
            (start.is_some() || stop.is_some()).then_some(Self { start, stop })
        });
        match split {
            Some(Self { stop: Some(OffsetSpec::Stored), .. }) => {
                Err(OffsetError::StoredStop(text.to_owned()))
            }
            Some(range) => Ok(range),
            None => Err(OffsetError::Spec(text.to_owned())),
        }
    }

    /// Joins this with another `-o`, as `s@… ` and `e@…` are given.
    pub fn merge(self, other: Self) -> Result<Self, OffsetError> {
        let join = |one: Option<_>, two: Option<_>, what| match (one, two) {
            (Some(_), Some(_)) => Err(OffsetError::Twice(what)),
            (one, two) => Ok(one.or(two)),
        };
        Ok(Self {
            start: join(self.start, other.start, "start")?,
            stop: join(self.stop, other.stop, "stop")?,
        })
    }
}

impl OffsetSpec {
    /// Reads one spec; `None` if it is none.
    #[must_use]
    pub fn parse(text: &str, now_ms: i64, zone: fn() -> TimeZone) -> Option<Self> {
        let digits = |text: &str| {
            let number = text.parse::<i64>().ok()?;
            text.bytes().all(|byte| byte.is_ascii_digit()).then_some(number)
        };
        Some(match text {
            "beginning" | "earliest" | "oldest" | "start" => Self::Beginning,
            "end" | "latest" | "newest" => Self::End,
            "stored" => Self::Stored,
            _ => match text.as_bytes().first()? {
                b'-' => Self::BeforeEnd(digits(&text[1..])?),
                b'+' => Self::AfterBeginning(digits(&text[1..])?),
                b'@' => Self::Time(parse_time(&text[1..], now_ms, zone).ok()?),
                _ => Self::At(digits(text)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::OffsetSpec::{AfterBeginning, At, BeforeEnd, Beginning, End, Stored, Time};
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    fn parse(text: &str) -> Result<OffsetRange, OffsetError> {
        OffsetRange::parse(text, NOW, || TimeZone::UTC)
    }

    #[test]
    fn ranges() {
        let ten = 1_767_261_600_000;
        for (text, start, stop) in [
            ("beginning", Some(Beginning), None),
            ("earliest", Some(Beginning), None),
            ("oldest", Some(Beginning), None),
            ("start", Some(Beginning), None),
            ("end", Some(End), None),
            ("latest", Some(End), None),
            ("newest", Some(End), None),
            ("stored", Some(Stored), None),
            ("0", Some(At(0)), None),
            ("-5", Some(BeforeEnd(5)), None),
            ("+5", Some(AfterBeginning(5)), None),
            ("@now", Some(Time(NOW)), None),
            ("@5m", Some(Time(NOW - 300_000)), None),
            ("s@1h", Some(Time(NOW - 3_600_000)), None),
            ("e@1700000000", None, Some(Time(NOW))),
            ("10:20", Some(At(10)), Some(At(20))),
            ("10:", Some(At(10)), None),
            (":20", None, Some(At(20))),
            ("-10:-5", Some(BeforeEnd(10)), Some(BeforeEnd(5))),
            ("stored:end", Some(Stored), Some(End)),
            ("@2026-01-01T10:00:00Z", Some(Time(ten)), None),
            ("@2026-01-01T10:00:00Z:@now", Some(Time(ten)), Some(Time(NOW))),
            (
                "@2026-01-01T10:00:00Z:@2026-01-01T10:00:01Z",
                Some(Time(ten)),
                Some(Time(ten + 1000)),
            ),
            ("@2026-01-01 10:00:00:@2026-01-01 10:00:01", Some(Time(ten)), Some(Time(ten + 1000))),
            ("@2026-01-01T10:00:00:30", Some(Time(ten)), Some(At(30))),
            ("5:@2026-01-01T10:00", Some(At(5)), Some(Time(ten))),
            ("@2026-01-01T10:00:00+00:00:end", Some(Time(ten)), Some(End)),
        ] {
            assert_eq!(parse(text), Ok(OffsetRange { start, stop }), "{text}");
        }
    }

    #[test]
    fn mistakes() {
        for text in ["", ":", "x", "--5", "+-5", "@", "1:2:3", "99999999999999999999", "1:x"] {
            assert_eq!(parse(text), Err(OffsetError::Spec(text.to_owned())), "{text}");
        }
        assert!(matches!(parse("0:stored"), Err(OffsetError::StoredStop(_))));
    }

    #[test]
    fn two_halves_join() {
        let range = parse("s@1").and_then(|start| start.merge(parse("e@2")?));
        assert_eq!(range, Ok(OffsetRange { start: Some(Time(1000)), stop: Some(Time(2000)) }));
        let twice = parse("1").and_then(|start| start.merge(parse("2:")?));
        assert_eq!(twice, Err(OffsetError::Twice("start")));
    }
}
