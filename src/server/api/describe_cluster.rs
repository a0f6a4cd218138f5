//! DescribeCluster 0–2: this node, which is broker and controller. The addresses of controllers
//! (endpoint type 2) are not told here, as by Kafka's brokers; no broker is ever fenced. Source:
//! KIP-700, KIP-919, KIP-1073.

use super::Context;
use super::metadata::CLUSTER_OPERATIONS;
use super::refusal::Refusal;
use crate::protocol::ErrorCode;
use crate::protocol::describe_cluster::{
    DescribeClusterBroker, DescribeClusterRequest, DescribeClusterResponse,
};
use crate::protocol::metadata::OPERATIONS_UNKNOWN;

/// The addresses of brokers.
const BROKERS: i8 = 1;
/// The addresses of controllers.
const CONTROLLERS: i8 = 2;

pub(super) fn handle(
    context: &Context<'_>,
    request: &DescribeClusterRequest,
) -> DescribeClusterResponse {
    let endpoint_type = request.endpoint_type;
    let refusal = match endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some(Refusal::new(
            ErrorCode::MismatchedEndpointType,
            "The request was sent to an endpoint of type BROKER, but we wanted an endpoint of type \
             CONTROLLER",
        )),
        other => Some(Refusal::new(
            ErrorCode::UnsupportedEndpointType,
            format!("Unsupported endpoint type {other}"),
        )),
    };
    if let Some(refusal) = refusal {
        let (error_code, error_message) = Refusal::fields::<()>(Err(refusal));
        return DescribeClusterResponse {
            error_code,
            error_message,
            endpoint_type,
            ..Default::default()
        };
    }
    let node = context.node;
    DescribeClusterResponse {
        endpoint_type,
        cluster_id: node.cluster_id.clone(),
        controller_id: node.node_id,
        brokers: vec![DescribeClusterBroker {
            broker_id: node.node_id,
            host: context.advertised.host.clone(),
            port: i32::from(context.advertised.port),
            rack: node.broker.config().broker_rack.clone(),
            is_fenced: false,
        }],
        cluster_authorized_operations: match request.include_cluster_authorized_operations {
            true => CLUSTER_OPERATIONS,
            false => OPERATIONS_UNKNOWN,
        },
        ..Default::default()
    }
}
