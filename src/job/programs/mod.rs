//! jq programs as the closures of a topology. They see the engine's records and write into its buffers; the plain ones
//! allocate nothing per record.

mod aggregates;
mod keys;
mod script;
mod streams;
mod tuple;

pub(super) use aggregates::{aggregate_value, aggregator};
pub(super) use keys::write_window_key;
pub use script::ScriptError;
pub(super) use script::Setting;
pub(super) use streams::{
    ResultTexts, TimestampOf, encoded_headers, joiner, predicate, rekey, results, selector,
    timestamp, value_of, with_value,
};
pub(super) use tuple::SIDES_MAX;

/// What programs name a topic or table by: what is no letter, digit or underscore is an underscore.
#[must_use]
pub fn alias_of(name: &str) -> String {
    let alias: String =
        name.chars().map(|it| if it.is_ascii_alphanumeric() { it } else { '_' }).collect();
    if alias.starts_with(|first: char| first.is_ascii_digit()) {
        format!("_{alias}")
    } else {
        alias
    }
}

/// Whether programs have something by this name already.
#[must_use]
pub(super) fn is_taken(alias: &str) -> bool {
    matches!(
        alias,
        "key" | "topic" | "partition" | "offset" | "ts" | "headers" | "value" | "ENV" | "__loc__"
    )
}
