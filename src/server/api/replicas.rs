//! What one node says of replicas: each partition has one, here.
//!
//! Differs: where `runnel.clamp.replication.factor` is true, more replicas than there are brokers
//! are taken for one, so that what was written for a cluster runs against one node; else they are
//! refused with Kafka's error. `min.insync.replicas` above one is refused when it is set, since no
//! acks=all would ever be answered; with the clamp it is taken, and counts as one.

use super::Context;
use super::refusal::Refusal;
use crate::protocol::ErrorCode;

/// Checks how many replicas a topic is to have; -1 is the broker's default.
pub(super) fn check_factor(context: &Context<'_>, factor: i16) -> Result<(), Refusal> {
    let config = context.node.broker.config();
    let refuse = |message| Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
    let factor = match factor {
        -1 => config.default_replication_factor,
        factor => i32::from(factor),
    };
    match factor {
        1 => Ok(()),
        ..=0 => refuse("Replication factor was set to an invalid non-positive value.".to_owned()),
        _ if config.clamp_replication_factor => Ok(()),
        _ => refuse(format!(
            "Unable to replicate the partition {factor} time(s): The target replication factor of \
             {factor} cannot be reached because only 1 broker(s) are registered. \
             (runnel.clamp.replication.factor=true takes it for 1.)"
        )),
    }
}

/// Checks the brokers that a partition is to be on.
pub(super) fn check_brokers(context: &Context<'_>, brokers: &[i32]) -> Result<(), Refusal> {
    let this_node = context.node.node_id;
    let refuse = |message| Err(Refusal::new(ErrorCode::InvalidReplicaAssignment, message));
    match brokers {
        [] => refuse("The manual partition assignment includes an empty replica list.".to_owned()),
        [only] if *only == this_node => Ok(()),
        brokers => match brokers.iter().find(|broker| **broker != this_node) {
            Some(unknown) => refuse(format!(
                "The manual partition assignment includes broker {unknown}, but no such broker is \
                 registered."
            )),
            None => refuse(format!(
                "The manual partition assignment includes the broker {this_node} more than once."
            )),
        },
    }
}

/// Checks a value that is set for `min.insync.replicas`. One that is no number is refused by its
/// type, elsewhere.
pub(super) fn check_min_insync(
    context: &Context<'_>,
    key: &str,
    value: &str,
) -> Result<(), Refusal> {
    let is_too_many = key == "min.insync.replicas"
        && value.trim().parse().is_ok_and(|replicas: i32| replicas > 1);
    if !is_too_many || context.node.broker.config().clamp_replication_factor {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::InvalidConfig,
        format!(
            "min.insync.replicas cannot be {value} on one node: no produce with acks=all would \
             succeed. (runnel.clamp.replication.factor=true takes it for 1.)"
        ),
    ))
}
