//! What stands before a message's body.
//!
//! A request's header has version 1, from the first flexible version of its API on 2, which adds
//! tagged fields; the client id stays a plain string in both. A response's has version 0, then 1,
//! except that of ApiVersions, which stays 0: who reads it doesn't know yet what the server speaks.
//! Source: KIP-482, KIP-511.

use super::api::ApiKey;
use super::wire::{DecodeError, Reader, Result, Wire as _, Writer};

/// The header of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API.
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// What the response must bear.
    pub correlation_id: i32,
    /// The name that the client gave itself; empty where it gave none.
    pub client_id: String,
}

impl RequestHeader {
    /// Reads a header, and leaves the reader at the body of a request of a known API.
    ///
    /// # Errors
    /// Where the bytes are no header. Of an API or version that is not known, the header is read
    /// as version 1, which all have in common.
    pub fn read(reader: &mut Reader) -> Result<Self> {
        let (api_key, api_version) = (i16::read(reader)?, i16::read(reader)?);
        let correlation_id = i32::read(reader)?;
        let client_id = Option::<String>::read(reader)?.unwrap_or_default();
        let header = Self { api_key, api_version, correlation_id, client_id };
        if let Some(api) = ApiKey::find(api_key)
            && api.served().contains(&api_version)
        {
            let flexible = api.is_flexible(api_version);
            reader.become_body(api_version, flexible);
            reader.tagged_fields(|_, _| Ok(false))?;
        }
        Ok(header)
    }

    /// Writes the header of a request, and leaves the writer at its body.
    pub fn write(&self, api: ApiKey, writer: &mut Writer) {
        self.api_key.write(writer);
        self.api_version.write(writer);
        self.correlation_id.write(writer);
        self.client_id.write(writer);
        writer.become_body(self.api_version, api.is_flexible(self.api_version));
        writer.tagged_fields(0);
    }
}

/// Writes the header of a response, and leaves the writer at its body.
pub fn write_response_header(api: ApiKey, version: i16, correlation_id: i32, writer: &mut Writer) {
    correlation_id.write(writer);
    writer.become_body(version, api.is_flexible(version));
    if api != ApiKey::ApiVersions {
        writer.tagged_fields(0);
    }
}

/// Reads the header of a response to a request of an API, and leaves the reader at its body.
///
/// # Errors
/// Where the bytes are no header.
pub fn read_response_header(api: ApiKey, version: i16, reader: &mut Reader) -> Result<i32> {
    if !api.served().contains(&version) {
        return Err(DecodeError::Version { api_key: api as i16, api_version: version });
    }
    let correlation_id = i32::read(reader)?;
    reader.become_body(version, api.is_flexible(version));
    if api != ApiKey::ApiVersions {
        reader.tagged_fields(|_, _| Ok(false))?;
    }
    Ok(correlation_id)
}
