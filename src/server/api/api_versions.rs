//! ApiVersions 0–4: what this node serves. A version that is not served is answered in the form of
//! version 0 with error 35, which every client understands. Source: KIP-511.
//!
//! Of the features, `transaction.version` is 2: clients follow KIP-890. Others, and with them the new
//! group protocols, are not listed. Source: KIP-584.

use super::Context;
use crate::protocol::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeature, SupportedFeature,
};
use crate::protocol::{ApiKey, ErrorCode};

/// The feature that says how transactions are done.
const TRANSACTION_VERSION: &str = "transaction.version";
/// Its level: that of KIP-890.
const TRANSACTION_LEVEL: i16 = 2;
/// What would rise if a level changed.
const FEATURES_EPOCH: i64 = 1;

pub(super) fn handle(context: &Context<'_>, request: &ApiVersionsRequest) -> ApiVersionsResponse {
    let named = |text: &str| is_software_name(text);
    let is_valid = context.version < 3
        || named(&request.client_software_name) && named(&request.client_software_version);
    if !is_valid {
        let error_code = ErrorCode::InvalidRequest.code();
        return ApiVersionsResponse { error_code, ..Default::default() };
    }
    tracing::debug!(
        client = context.client_id,
        software = request.client_software_name,
        version = request.client_software_version,
        "client"
    );
    let finalized = FinalizedFeature {
        name: TRANSACTION_VERSION.to_owned(),
        max_version_level: TRANSACTION_LEVEL,
        min_version_level: TRANSACTION_LEVEL,
    };
    ApiVersionsResponse {
        api_keys: served(),
        supported_features: supported(context.version),
        finalized_features_epoch: FEATURES_EPOCH,
        finalized_features: vec![finalized],
        ..ApiVersionsResponse::default()
    }
}

/// The features that this node has. A lowest level of 0 is nothing that clients of before version 4
/// can read. Source: KAFKA-17492.
fn supported(version: i16) -> Vec<SupportedFeature> {
    let name = TRANSACTION_VERSION.to_owned();
    match version {
        4.. => vec![SupportedFeature { name, min_version: 0, max_version: TRANSACTION_LEVEL }],
        _ => Vec::new(),
    }
}

/// The answer to a version that is not served.
pub(in crate::server) fn unsupported() -> ApiVersionsResponse {
    let error_code = ErrorCode::UnsupportedVersion.code();
    ApiVersionsResponse { error_code, api_keys: served(), ..Default::default() }
}

fn served() -> Vec<ApiVersion> {
    let versions = |api: &ApiKey| {
        let listed = api.listed();
        let (min_version, max_version) = (*listed.start(), *listed.end());
        ApiVersion { api_key: *api as i16, min_version, max_version }
    };
    ApiKey::ALL.iter().map(versions).collect()
}

/// Letters, digits, `.` and `-`, not at an end. Source: `ApiVersionsRequest.isValid`.
fn is_software_name(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let bytes = text.as_bytes();
    let at_end = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    at_end(bytes.first()) && at_end(bytes.last()) && bytes.iter().all(|byte| inner(*byte))
}
