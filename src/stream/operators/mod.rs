//! The operators, a file for each kind. Those that keep something say which rows.

mod aggregate;
mod foreign_key;
mod hopping;
mod latest;
mod session;
mod sliding;
mod stateless;
mod stream_stream;
mod stream_table;
mod suppress;
mod table;
mod table_table;
mod unmatched;
mod windowed;

pub(super) use aggregate::{AggregateStream, AggregateTable};
pub(super) use foreign_key::JoinForeignKey;
pub(super) use latest::Latest;
pub(super) use stateless::{Branch, Filter, Map, Pass, Sink};
pub use stream_stream::JoinWindows;
pub(super) use stream_stream::{Buffer, JoinStreams};
pub(super) use stream_table::{JoinGlobal, JoinTable};
pub(super) use suppress::Suppress;
pub(super) use table::{FilterTable, GroupTable, MapTable};
pub(super) use table_table::JoinTables;
pub(super) use windowed::AggregateWindows;
pub use windowed::EmitStrategy;

use super::topology::Side;

/// Which sides of a join come out without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// None.
    Inner,
    /// The left one.
    Left,
    /// Both.
    Outer,
}

impl JoinKind {
    /// Whether a record of this side comes out without a match.
    fn keeps(self, side: Side) -> bool {
        match self {
            Self::Inner => false,
            Self::Left => side == Side::Left,
            Self::Outer => true,
        }
    }
}
