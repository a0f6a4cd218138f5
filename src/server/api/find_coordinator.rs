//! FindCoordinator 0–6: this node, for every group and transactional id. The coordinators of share
//! groups are none of a client's business: error 42. Source: KIP-98, KIP-699 (several keys).

use super::{Advertised, Context};
use crate::protocol::ErrorCode;
use crate::protocol::find_coordinator::{
    Coordinator, FindCoordinatorRequest, FindCoordinatorResponse, KEY_TYPE_GROUP,
    KEY_TYPE_TRANSACTION,
};

/// What stands for a node that there is not.
const NO_NODE: i32 = -1;

pub(super) fn handle(
    context: &Context<'_>,
    request: FindCoordinatorRequest,
) -> FindCoordinatorResponse {
    let find = |key: String| find(context.advertised, context.node.node_id, request.key_type, key);
    if context.version >= 4 {
        let coordinators = request.coordinator_keys.into_iter().map(find).collect();
        return FindCoordinatorResponse { coordinators, ..Default::default() };
    }
    let found = find(request.key);
    FindCoordinatorResponse {
        error_code: found.error_code,
        error_message: found.error_message,
        node_id: found.node_id,
        host: found.host,
        port: found.port,
        ..FindCoordinatorResponse::default()
    }
}

fn find(advertised: &Advertised, node_id: i32, key_type: i8, key: String) -> Coordinator {
    let (error, message) = match key_type {
        KEY_TYPE_GROUP | KEY_TYPE_TRANSACTION => {
            let (host, port) = (advertised.host.clone(), i32::from(advertised.port));
            return Coordinator { key, node_id, host, port, ..Coordinator::default() };
        }
        other => (ErrorCode::InvalidRequest, format!("no coordinators of type {other}")),
    };
    Coordinator {
        key,
        node_id: NO_NODE,
        host: String::new(),
        port: -1,
        error_code: error.code(),
        error_message: Some(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_transactional_ids_are_here_and_others_are_nowhere() {
        let advertised = Advertised { host: "h".to_owned(), port: 9092 };
        for key_type in [KEY_TYPE_GROUP, KEY_TYPE_TRANSACTION] {
            let here = find(&advertised, 1, key_type, "g".to_owned());
            assert_eq!((here.node_id, &*here.host, here.port, here.error_code), (1, "h", 9092, 0));
        }
        for (key_type, code) in [(2, 42), (9, 42)] {
            let found = find(&advertised, 1, key_type, "g".to_owned());
            assert_eq!((found.node_id, &*found.host, found.port), (-1, "", -1));
            assert_eq!(found.error_code, code);
        }
    }
}
