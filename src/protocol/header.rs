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

    /// Writes the header of a request of an API, and leaves the writer, a new one, at its body.
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

#[cfg(test)]
mod tests {
    use bytes::BytesMut;

    use super::{ApiKey, RequestHeader, Writer, read_response_header, write_response_header};
    use crate::protocol::wire::{DecodeError, Reader};

    fn reader(bytes: &[u8]) -> Reader {
        Reader::new(BytesMut::from(bytes), 0, false)
    }

    #[test]
    fn a_requests_header_has_tagged_fields_from_the_first_flexible_version_on() {
        for (version, end) in [(8, &[][..]), (9, &[0])] {
            let client_id = "me".to_owned();
            let header =
                RequestHeader { api_key: 3, api_version: version, correlation_id: 7, client_id };
            let golden = [&[0, 3, 0, version as u8, 0, 0, 0, 7, 0, 2, b'm', b'e'], end].concat();

            let mut writer = Writer::new(0, false);
            header.write(ApiKey::Metadata, &mut writer);
            assert_eq!((writer.version(), writer.is_flexible()), (version, version == 9));
            assert_eq!(writer.finish().0, golden, "the client id is never compact");

            let mut reader = reader(&[&golden[..], &[0xaa]].concat());
            assert_eq!(RequestHeader::read(&mut reader), Ok(header));
            assert_eq!((reader.version(), reader.is_flexible()), (version, version == 9));
            assert_eq!((reader.position(), reader.remaining()), (golden.len(), 1), "at its body");
        }
    }

    #[test]
    fn a_header_of_what_is_not_served_is_read_as_far_as_all_are_the_same() {
        // ApiVersions 5, with the tagged fields that its header would have.
        let mut reader = reader(&[0, 18, 0, 5, 0, 0, 0, 7, 0xff, 0xff, 0]);
        let header = RequestHeader::read(&mut reader).expect("a header");
        assert_eq!((header.api_key, header.api_version, header.correlation_id), (18, 5, 7));
        assert_eq!((header.client_id.as_str(), reader.remaining()), ("", 1));
    }

    #[test]
    fn a_responses_header_has_tagged_fields_too_but_that_of_api_versions() {
        for (api, version, golden) in [
            (ApiKey::Metadata, 8, &[0, 0, 0, 7][..]),
            (ApiKey::Metadata, 9, &[0, 0, 0, 7, 0]),
            (ApiKey::ApiVersions, 3, &[0, 0, 0, 7]),
        ] {
            let mut writer = Writer::new(0, false);
            write_response_header(api, version, 7, &mut writer);
            assert_eq!(writer.finish().0, golden, "{api:?} {version}");
            let mut reader = reader(golden);
            assert_eq!(read_response_header(api, version, &mut reader), Ok(7));
            assert_eq!(reader.remaining(), 0);
        }
        let error = DecodeError::Version { api_key: 3, api_version: 14 };
        let read = read_response_header(ApiKey::Metadata, 14, &mut reader(&[0; 5]));
        assert_eq!(read, Err(error));
    }
}
