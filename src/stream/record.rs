//! What flows through a topology: records of a stream, changes of a table, and the spans of windows.

/// The span of a window in milliseconds since the epoch. Whether its end belongs to it is a matter of its kind: that of a
/// tumbling or hopping window does not, that of a sliding window or a session does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Window {
    /// Its first millisecond.
    pub start: i64,
    /// Its end.
    pub end: i64,
}

/// Headers of a record, in whatever encoding who feeds the task uses. The engine carries them and never looks inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Headers<'a>(pub &'a [u8]);

/// Where a record came from: what programs may ask for. What was kept in a store in between has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset there.
    pub offset: i64,
}

/// A record on its way from operator to operator. It borrows all that it holds.
///
/// Behind a table's operator it is a change: `value` is what the key has now, `None` once it is gone, and `old` what it had
/// before. Between streams `old` says nothing. Tables drop records without a key, so behind them there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record<'a> {
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// The window that the value is for, where it is the result of one.
    pub window: Option<Window>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// What a table's key had before, where the operator in front tells.
    pub old: Option<&'a [u8]>,
    /// Milliseconds since the epoch, never negative.
    pub timestamp: i64,
    /// Its headers.
    pub headers: Headers<'a>,
    /// The record of a topic that it was, or that caused it.
    pub origin: Option<Origin<'a>>,
}
