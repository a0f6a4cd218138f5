//! Each of a list once.

use std::collections::HashSet;
use std::hash::Hash;

/// The items whose key no item before had. What a client names twice is told of once: an answer
/// may be a thousand times the size of what was asked for.
pub fn each_once<T, K: Eq + Hash>(
    items: impl IntoIterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> impl Iterator<Item = T> {
    let mut seen = HashSet::new();
    items.into_iter().filter(move |item| seen.insert(key(item)))
}
