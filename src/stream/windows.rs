//! The kinds of windows: which ones a record falls into, and when they close. All times are milliseconds, aligned to the
//! epoch.
//!
//! | kind | its windows | end | closed at stream time |
//! | --- | --- | --- | --- |
//! | hopping; tumbling where the advance is the size | `[n·advance, n·advance + size)` | exclusive | end + grace |
//! | sliding | of each record at `t`: `[t − d, t]`, and `[t + 1, t + 1 + d]` | inclusive | end + grace + 1 |
//! | session | from the first to the last of records that are at most a gap apart | inclusive | end + gap + grace + 1 |
//!
//! Source: Kafka Streams' `TimeWindows`, `SlidingWindows`, `SessionWindows`.

use super::record::Window;

/// Windows that one record may fall into.
pub const HOPS_MAX: i64 = 100_000;

/// How an aggregation cuts time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    pub(super) kind: Kind,
    grace_ms: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hopping { size_ms: i64, advance_ms: i64 },
    Sliding { difference_ms: i64 },
    Session { gap_ms: i64 },
}

/// Windows that can't be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidWindows {
    /// A span below zero, or an empty window.
    #[error("a window of {0} ms")]
    Span(i64),
    /// An advance that is no part of the size.
    #[error("windows of {size_ms} ms that advance by {advance_ms} ms")]
    Advance {
        /// The size.
        size_ms: i64,
        /// The advance.
        advance_ms: i64,
    },
    /// More windows for one record than [`HOPS_MAX`].
    #[error("{0} windows for each record, at most {HOPS_MAX}")]
    Hops(i64),
    /// A grace below zero.
    #[error("a grace of {0} ms")]
    Grace(i64),
}

impl Windows {
    /// One after the other, each as long as the next.
    ///
    /// # Errors
    /// A size or grace that can't be.
    pub fn tumbling(size_ms: i64, grace_ms: i64) -> Result<Self, InvalidWindows> {
        Self::hopping(size_ms, size_ms, grace_ms)
    }

    /// One every `advance_ms`, each `size_ms` long.
    ///
    /// # Errors
    /// A size, advance or grace that can't be.
    pub fn hopping(size_ms: i64, advance_ms: i64, grace_ms: i64) -> Result<Self, InvalidWindows> {
        let size_ms = span(size_ms, 1)?;
        if !(1..=size_ms).contains(&advance_ms) {
            return Err(InvalidWindows::Advance { size_ms, advance_ms });
        }
        if size_ms / advance_ms > HOPS_MAX {
            return Err(InvalidWindows::Hops(size_ms / advance_ms));
        }
        Self::new(Kind::Hopping { size_ms, advance_ms }, grace_ms)
    }

    /// Around the records: those at most `difference_ms` apart share one.
    ///
    /// # Errors
    /// A difference or grace that can't be.
    pub fn sliding(difference_ms: i64, grace_ms: i64) -> Result<Self, InvalidWindows> {
        Self::new(Kind::Sliding { difference_ms: span(difference_ms, 0)? }, grace_ms)
    }

    /// As long as there is no gap longer than `gap_ms`.
    ///
    /// # Errors
    /// A gap or grace that can't be.
    pub fn session(gap_ms: i64, grace_ms: i64) -> Result<Self, InvalidWindows> {
        Self::new(Kind::Session { gap_ms: span(gap_ms, 1)? }, grace_ms)
    }

    fn new(kind: Kind, grace_ms: i64) -> Result<Self, InvalidWindows> {
        if grace_ms < 0 {
            return Err(InvalidWindows::Grace(grace_ms));
        }
        Ok(Self { kind, grace_ms })
    }

    /// The end of the last window that is closed at a stream time: those that end later are open.
    pub(super) fn closed_end(&self, time: i64) -> i64 {
        let until = time.saturating_sub(self.grace_ms);
        match self.kind {
            Kind::Hopping { .. } => until,
            Kind::Sliding { .. } => until.saturating_sub(1),
            Kind::Session { gap_ms } => until.saturating_sub(gap_ms).saturating_sub(1),
        }
    }

    /// The stream time at which a window with this end is closed.
    pub(super) fn closing_time(&self, end: i64) -> i64 {
        let until = end.saturating_add(self.grace_ms);
        match self.kind {
            Kind::Hopping { .. } => until,
            Kind::Sliding { .. } => until.saturating_add(1),
            Kind::Session { gap_ms } => until.saturating_add(gap_ms).saturating_add(1),
        }
    }

    /// How long a closed window's row still tells of what goes into others: a record that makes a sliding window looks at
    /// those that end up to two differences before the first one that is open.
    pub(super) fn useful_ms(&self) -> i64 {
        match self.kind {
            Kind::Sliding { difference_ms } => difference_ms.saturating_mul(2),
            Kind::Hopping { .. } | Kind::Session { .. } => 0,
        }
    }

    /// How long after its end a window is surely open.
    pub(super) fn open_ms(&self) -> i64 {
        match self.kind {
            Kind::Hopping { .. } | Kind::Sliding { .. } => self.grace_ms,
            Kind::Session { gap_ms } => self.grace_ms.saturating_add(gap_ms),
        }
    }
}

fn span(ms: i64, least: i64) -> Result<i64, InvalidWindows> {
    if ms < least { Err(InvalidWindows::Span(ms)) } else { Ok(ms) }
}

/// How long the rows of windows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Retention {
    pub(super) windows: Windows,
    /// From a window's end on; never less than what a window stays open.
    pub(super) after_end_ms: i64,
}

impl Retention {
    /// The end of the last windows whose rows are not needed at this time: closed, of no use to others, and their retention
    /// over.
    pub(super) fn expired_end(&self, time: i64) -> i64 {
        let beyond = self.after_end_ms.saturating_sub(self.windows.open_ms());
        let kept_ms = beyond.max(self.windows.useful_ms());
        self.windows.closed_end(time).saturating_sub(kept_ms)
    }
}

/// The hopping windows that a time falls into, earliest first. None starts before the epoch.
pub(super) fn hopping(
    timestamp: i64,
    size_ms: i64,
    advance_ms: i64,
) -> impl Iterator<Item = Window> {
    let first = timestamp.saturating_sub(size_ms).saturating_add(advance_ms).max(0) / advance_ms;
    let starts = (first..).map_while(move |n| n.checked_mul(advance_ms));
    starts
        .take_while(move |start| *start <= timestamp)
        .map(move |start| Window { start, end: start.saturating_add(size_ms) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hops_cover_a_time_and_none_starts_before_the_epoch() {
        let starts = |timestamp| -> Vec<i64> {
            hopping(timestamp, 10, 3).map(|window| window.start).collect()
        };
        assert_eq!(starts(0), [0]);
        assert_eq!(starts(9), [0, 3, 6, 9]);
        assert_eq!(starts(10), [3, 6, 9]);
        assert_eq!(starts(i64::MAX).len(), 3);
    }

    #[test]
    fn a_window_is_closed_from_its_closing_time_on() {
        let kinds = [Windows::tumbling(10, 5), Windows::sliding(10, 5), Windows::session(10, 5)];
        for windows in kinds.map(|windows| windows.expect("windows")) {
            let closing = windows.closing_time(100);
            assert_eq!(windows.closed_end(closing), 100, "{windows:?}");
            assert_eq!(windows.closed_end(closing - 1), 99, "{windows:?}");
        }
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        assert_eq!(Windows::tumbling(0, 0), Err(InvalidWindows::Span(0)));
        assert_eq!(Windows::session(5, -1), Err(InvalidWindows::Grace(-1)));
        let advance = Windows::hopping(5, 6, 0);
        assert_eq!(advance, Err(InvalidWindows::Advance { size_ms: 5, advance_ms: 6 }));
        assert_eq!(Windows::hopping(1_000_000, 1, 0), Err(InvalidWindows::Hops(1_000_000)));
        assert!(Windows::sliding(0, 0).is_ok());
    }
}
