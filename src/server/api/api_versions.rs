//! ApiVersions 0–4: what this node serves. A version that is not served is answered in the form of
//! version 0 with error 35, which every client understands. Source: KIP-511.
//!
//! No features are listed: transactions of version 2 and the new group protocols are not served.

use super::Context;
use crate::protocol::api_versions::{ApiVersion, ApiVersionsRequest, ApiVersionsResponse};
use crate::protocol::{ApiKey, ErrorCode};

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
    ApiVersionsResponse { api_keys: served(), finalized_features_epoch: 0, ..Default::default() }
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
