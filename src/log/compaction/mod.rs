//! x
pub(super) mod swap;
