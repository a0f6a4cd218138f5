//! A record's number in its partition.

use std::fmt;
use std::ops::{Add, Sub};

/// The number of a record within its partition, from 0 up, never reused and never reassigned.
///
/// Not to be confused with a position, which is a byte in a file. Ends are exclusive: the log end
/// offset is the offset that the next record gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub i64);

impl Offset {
    /// The first offset of a fresh partition.
    pub const ZERO: Self = Self(0);

    /// The offset after this one. Saturates: the last offset has no successor.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl Add<i64> for Offset {
    type Output = Self;

    /// Saturates: offsets come from files, and a hostile one must not overflow.
    fn add(self, delta: i64) -> Self {
        Self(self.0.saturating_add(delta))
    }
}

impl Sub for Offset {
    type Output = i64;

    /// How many offsets lie between two, saturating.
    fn sub(self, other: Self) -> i64 {
        self.0.saturating_sub(other.0)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
