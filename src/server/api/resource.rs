//! Whose configs a client means: a type and a name.

use super::Context;
use super::refusal::Refusal;
use crate::broker::ConfigOwner;
use crate::model::TopicName;
use crate::protocol::ErrorCode;

/// A topic, by its name.
pub(super) const TOPIC: i8 = 2;
/// A broker, by its id; all of them, by the empty name.
pub(super) const BROKER: i8 = 4;

/// Finds out whose configs are meant. Kafka's other types (loggers 8, client metrics 16, groups 32)
/// have none here.
pub(super) fn owner(
    context: &Context<'_>,
    resource_type: i8,
    name: &str,
) -> Result<ConfigOwner, Refusal> {
    match (resource_type, name) {
        (TOPIC, name) => {
            let name = TopicName::new(name)?;
            match context.node.broker.topic_named(&name)? {
                Some(_) => Ok(ConfigOwner::Topic(name)),
                None => Err(Refusal::unknown_topic()),
            }
        }
        (BROKER, "") => Ok(ConfigOwner::AllBrokers),
        (BROKER, name) if name.parse() == Ok(context.node.node_id) => Ok(ConfigOwner::Broker),
        (BROKER, name) => {
            let expected = context.node.node_id;
            let message = format!(
                "Unexpected broker id, expected {expected} or empty string, but received {name}"
            );
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
        (other, _) => {
            let message = format!("Resources of type {other} have no configs here.");
            Err(Refusal::new(ErrorCode::InvalidRequest, message))
        }
    }
}
