//! AlterConfigs 0–2 and IncrementalAlterConfigs 0–1: configs of topics and brokers, durable and in
//! force when the answer goes out. The older of the two replaces all that was set: keys that it
//! does not name go back to what they inherit. Source: KIP-133, KIP-226, KIP-339.

use std::collections::{BTreeMap, HashMap};

use super::refusal::Refusal;
use super::{Context, replicas, resource};
use crate::broker::{ConfigChange, KeyChange};
use crate::protocol::ErrorCode;
use crate::protocol::alter_configs::{
    AlterConfigsRequest, AlterConfigsResource, AlterConfigsResourceResponse, AlterConfigsResponse,
};
use crate::protocol::incremental_alter_configs as incremental;

pub(super) fn handle(context: &Context<'_>, request: AlterConfigsRequest) -> AlterConfigsResponse {
    let key =
        |resource: &AlterConfigsResource| (resource.resource_type, resource.resource_name.clone());
    let times = count(request.resources.iter().map(key));
    let alter = |asked: AlterConfigsResource| {
        let of = key(&asked);
        let change = once(&times, &of).and_then(|()| replacement(asked));
        let result = change.and_then(|change| alter(context, &of, &change, request.validate_only));
        let (error_code, error_message) = Refusal::fields(result);
        let (resource_type, resource_name) = of;
        AlterConfigsResourceResponse { error_code, error_message, resource_type, resource_name }
    };
    let responses = request.resources.into_iter().map(alter).collect();
    AlterConfigsResponse { responses, ..Default::default() }
}

pub(super) fn handle_incremental(
    context: &Context<'_>,
    request: incremental::IncrementalAlterConfigsRequest,
) -> incremental::IncrementalAlterConfigsResponse {
    let key = |resource: &incremental::AlterConfigsResource| {
        (resource.resource_type, resource.resource_name.clone())
    };
    let times = count(request.resources.iter().map(key));
    let alter = |asked: incremental::AlterConfigsResource| {
        let of = key(&asked);
        let change = once(&times, &of).and_then(|()| steps(asked));
        let result = change.and_then(|change| alter(context, &of, &change, request.validate_only));
        let (error_code, error_message) = Refusal::fields(result);
        let (resource_type, resource_name) = of;
        incremental::AlterConfigsResourceResponse {
            error_code,
            error_message,
            resource_type,
            resource_name,
        }
    };
    let responses = request.resources.into_iter().map(alter).collect();
    incremental::IncrementalAlterConfigsResponse { responses, ..Default::default() }
}

/// A type and a name.
type Resource = (i8, String);

fn alter(
    context: &Context<'_>,
    (resource_type, name): &Resource,
    change: &ConfigChange,
    validate_only: bool,
) -> Result<(), Refusal> {
    let owner = resource::owner(context, *resource_type, name)?;
    match change {
        ConfigChange::Replace(new) => {
            for (key, value) in new {
                replicas::check_min_insync(context, key, value)?;
            }
        }
        ConfigChange::Each(changes) => {
            for (key, change) in changes {
                if let KeyChange::Set(value) = change {
                    replicas::check_min_insync(context, key, value)?;
                }
            }
        }
    }
    Ok(context.node.broker.alter_configs(&owner, change, validate_only)?)
}

fn replacement(asked: AlterConfigsResource) -> Result<ConfigChange, Refusal> {
    let mut new = BTreeMap::new();
    for config in asked.configs {
        let value = config.value.ok_or_else(|| null_value(&config.name))?;
        if new.insert(config.name.clone(), value).is_some() {
            return Err(duplicate_key(&config.name));
        }
    }
    Ok(ConfigChange::Replace(new))
}

fn steps(asked: incremental::AlterConfigsResource) -> Result<ConfigChange, Refusal> {
    let mut changes: Vec<(String, KeyChange)> = Vec::with_capacity(asked.configs.len());
    for incremental::AlterableConfig { name, config_operation, value } in asked.configs {
        if changes.iter().any(|(other, _)| *other == name) {
            return Err(duplicate_key(&name));
        }
        let value = value.ok_or_else(|| null_value(&name));
        let change = match config_operation {
            0 => KeyChange::Set(value?),
            1 => KeyChange::Unset,
            2 => KeyChange::Append(value?),
            3 => KeyChange::Subtract(value?),
            other => {
                let message = format!("Unknown operation type {other} for config {name}.");
                return Err(Refusal::new(ErrorCode::InvalidRequest, message));
            }
        };
        changes.push((name, change));
    }
    Ok(ConfigChange::Each(changes))
}

fn null_value(key: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, format!("Null value not supported for : {key}"))
}

fn duplicate_key(key: &str) -> Refusal {
    Refusal::new(ErrorCode::InvalidRequest, format!("Error due to duplicate config keys : {key}"))
}

fn count(resources: impl Iterator<Item = Resource>) -> HashMap<Resource, usize> {
    let mut times = HashMap::new();
    for resource in resources {
        *times.entry(resource).or_default() += 1;
    }
    times
}

/// Refuses a resource that the request names twice.
fn once(times: &HashMap<Resource, usize>, resource: &Resource) -> Result<(), Refusal> {
    match times.get(resource) {
        Some(2..) => {
            Err(Refusal::new(ErrorCode::InvalidRequest, "Each resource must appear at most once."))
        }
        _ => Ok(()),
    }
}
