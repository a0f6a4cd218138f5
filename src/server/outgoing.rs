//! Responses onto a socket: their own bytes, and records straight from the segments' files.
//!
//! A response has gaps where records go; the kernel copies those from the page cache to the socket
//! (`sendfile`), so they pass through no memory of ours.

use std::collections::VecDeque;
use std::io;
use std::os::fd::AsFd as _;
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use rustix::net::SendFlags;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::protocol::{Response, frame_response};
use crate::storage::File;

/// Bytes that one call sends from a file: a slow disk then holds up a thread for so many at most.
const SENDFILE_BYTES: usize = 1 << 20;

/// Bytes of a file that go into a response.
#[derive(Debug, Clone)]
pub(super) struct FilePart {
    pub(super) file: Arc<dyn File>,
    pub(super) position: u64,
    pub(super) len: usize,
}

/// A response, and what goes into its gaps, in their order.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) response: Response,
    pub(super) files: Vec<FilePart>,
}

impl<T: Into<Response>> From<T> for Output {
    fn from(response: T) -> Self {
        Self { response: response.into(), files: Vec::new() }
    }
}

#[derive(Debug)]
enum Part {
    Bytes(Bytes),
    File(FilePart),
}

/// What is to be sent on a connection.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    parts: VecDeque<Part>,
}

impl Outgoing {
    /// Puts a response behind those that wait. Gives its size in bytes.
    pub(super) fn push(&mut self, version: i16, correlation_id: i32, output: Output) -> usize {
        let (mut bytes, splices) = frame_response(version, correlation_id, &output.response);
        let mut size = bytes.len();
        let mut before = 0;
        for (splice, file) in splices.iter().zip(output.files) {
            debug_assert_eq!(splice.len, file.len, "a gap is as long as what goes there");
            let own = bytes.split_to(splice.position - before);
            before = splice.position;
            size += file.len;
            self.parts.push_back(Part::Bytes(own.freeze()));
            self.parts.push_back(Part::File(file));
        }
        self.push_bytes(bytes.freeze());
        size
    }

    fn push_bytes(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.parts.push_back(Part::Bytes(bytes));
        }
    }

    /// Whether all was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Sends everything.
    pub(super) async fn flush(&mut self, stream: &TcpStream) -> io::Result<()> {
        while !self.is_empty() {
            match stream.try_io(Interest::WRITABLE, || self.send_some(stream)) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sends until the socket takes no more.
    fn send_some(&mut self, stream: &TcpStream) -> io::Result<()> {
        while let Some(part) = self.parts.pop_front() {
            let more = !self.parts.is_empty();
            let rest = match part {
                Part::Bytes(bytes) => send_bytes(stream, bytes, more),
                Part::File(file) => send_file(stream, file),
            };
            match rest {
                Ok(None) => {}
                Ok(Some(rest)) => self.parts.push_front(rest),
                Err((part, error)) => {
                    self.parts.push_front(part);
                    return Err(error);
                }
            }
        }
        Ok(())
    }
}

/// What is left to send of a part, or the part and why nothing of it was sent.
type Sent = Result<Option<Part>, (Part, io::Error)>;

fn send_bytes(stream: &TcpStream, mut bytes: Bytes, more: bool) -> Sent {
    let flags = if more { SendFlags::NOSIGNAL | SendFlags::MORE } else { SendFlags::NOSIGNAL };
    match rustix::net::send(stream.as_fd(), &bytes, flags) {
        Ok(count) => {
            bytes.advance(count);
            Ok((!bytes.is_empty()).then_some(Part::Bytes(bytes)))
        }
        Err(error) => Err((Part::Bytes(bytes), error.into())),
    }
}

fn send_file(stream: &TcpStream, mut part: FilePart) -> Sent {
    let Some(file) = part.file.descriptor() else {
        return match part.file.slice(part.position, part.len) {
            Ok(slice) => Ok(Some(Part::Bytes(Bytes::copy_from_slice(&slice)))),
            Err(error) => Err((Part::File(part), error.source)),
        };
    };
    let mut position = part.position;
    let len = part.len.min(SENDFILE_BYTES);
    match rustix::fs::sendfile(stream.as_fd(), file, Some(&mut position), len) {
        // What was published is never cut off: a file that ends early was damaged by others.
        Ok(0) => Err((Part::File(part), io::ErrorKind::UnexpectedEof.into())),
        Ok(count) => {
            part.position = position;
            part.len -= count;
            Ok((part.len > 0).then_some(Part::File(part)))
        }
        Err(error) => Err((Part::File(part), error.into())),
    }
}
