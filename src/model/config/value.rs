//! Reads one config's text by its row of the table.

use super::keys::Rule;
use super::{ConfigError, ConfigType, Valid};

/// A text as its type.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Boolean(bool),
    Text(&'a str),
    Int(i32),
    Long(i64),
    Double(f64),
    List(Vec<&'a str>),
}

/// Reads and checks a text; blanks around it do not count, as in Java's `ConfigDef`.
pub(super) fn read(rule: Rule, text: &str) -> Result<Value<'_>, ConfigError> {
    parse(rule.kind, text.trim()).filter(|value| is_valid(rule.valid, value)).ok_or_else(|| {
        ConfigError::Invalid {
            key: rule.name,
            value: text.chars().take(128).collect(),
            expected: expected(&rule),
        }
    })
}

fn parse(kind: ConfigType, text: &str) -> Option<Value<'_>> {
    Some(match kind {
        ConfigType::Boolean if text.eq_ignore_ascii_case("true") => Value::Boolean(true),
        ConfigType::Boolean if text.eq_ignore_ascii_case("false") => Value::Boolean(false),
        ConfigType::Boolean => return None,
        ConfigType::String | ConfigType::Password => Value::Text(text),
        ConfigType::Short => Value::Int(text.parse::<i16>().ok()?.into()),
        ConfigType::Int => Value::Int(text.parse().ok()?),
        ConfigType::Long => Value::Long(text.parse().ok()?),
        ConfigType::Double => Value::Double(text.parse().ok()?),
        ConfigType::List if text.is_empty() => Value::List(Vec::new()),
        ConfigType::List => Value::List(text.split(',').map(str::trim).collect()),
    })
}

fn is_valid(valid: Valid, value: &Value<'_>) -> bool {
    let in_range = |min: i64, max: i64| match value {
        Value::Int(number) => (min..=max).contains(&i64::from(*number)),
        Value::Long(number) => (min..=max).contains(number),
        Value::Double(number) => (min as f64..=max as f64).contains(number),
        _ => false,
    };
    match valid {
        Valid::Any => true,
        Valid::AtLeast(min) => in_range(min, i64::MAX),
        Valid::Between(min, max) => in_range(min, max),
        Valid::GzipLevel => in_range(-1, -1) || in_range(1, 9),
        Valid::Words(words) => match value {
            Value::Text(text) => words.contains(text),
            Value::List(list) => list
                .iter()
                .enumerate()
                .all(|(index, word)| words.contains(word) && !list[..index].contains(word)),
            _ => false,
        },
        Valid::Replicas => match value {
            Value::List(list) => {
                list.as_slice() == ["*"] || list.iter().all(|pair| is_replica(pair))
            }
            _ => false,
        },
        Valid::False => *value == Value::Boolean(false),
    }
}

/// Whether a text is `partition:broker`, both numbers.
fn is_replica(pair: &str) -> bool {
    let number = |text: &str| text.parse::<i32>().is_ok_and(|n| n >= 0);
    pair.split_once(':').is_some_and(|(partition, broker)| number(partition) && number(broker))
}

/// What the row takes, for an error message.
fn expected(row: &Rule) -> String {
    let kind = match row.kind {
        ConfigType::Boolean => "true or false",
        ConfigType::String | ConfigType::Password => "a text",
        ConfigType::Short => "a whole number of 16 bits",
        ConfigType::Int => "a whole number of 32 bits",
        ConfigType::Long => "a whole number of 64 bits",
        ConfigType::Double => "a number",
        ConfigType::List => "a list parted by commas",
    };
    match row.valid {
        Valid::Any => format!("expected {kind}"),
        Valid::AtLeast(min) => format!("expected {kind}, at least {min}"),
        Valid::Between(min, max) => format!("expected {kind} from {min} to {max}"),
        Valid::GzipLevel => "expected -1 or a level from 1 to 9".to_owned(),
        Valid::Words(words) if row.kind == ConfigType::List => {
            format!("expected any of {}, each at most once", words.join(", "))
        }
        Valid::Words(words) => format!("expected one of {}", words.join(", ")),
        Valid::Replicas => "expected * or pairs partition:broker".to_owned(),
        Valid::False => "tiered storage is not available".to_owned(),
    }
}
