//! Which records of transactions a reader wants.

/// What a reader sees of transactions. Source: KIP-98 and Kafka's `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// Every record, as soon as it is there, of whatever becomes aborted too.
    ReadUncommitted,
    /// The records of no transaction that is open or was aborted; up to where none is open.
    #[default]
    ReadCommitted,
}
