//! Requests off a socket: frames of a length and so many bytes, bounded before they are allocated.
//!
//! A connection that has sent nothing holds no buffer. Small frames share one; a large one gets
//! memory of its own size, from a budget that all connections share, and what it holds of the
//! budget is given back when its request was answered. Memory that is promised to a slow sender is
//! address space, no more: a page is there once a byte of it came.

use std::io;
use std::sync::Arc;

use bytes::{Buf as _, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, timeout_at};

/// Bytes of the shared buffer; a frame that does not fit gets memory of its own.
const BUFFER_BYTES: usize = 16 << 10;
/// Bytes of the length before a frame.
const LENGTH_BYTES: usize = 4;
/// Bytes that one permit of the budget stands for.
const PERMIT_BYTES: usize = 1 << 10;
/// A sender has this long for a frame, and a second more for each [`SLOWEST_BYTES_PER_SECOND`].
const FRAME_TIME: Duration = Duration::from_secs(30);
const SLOWEST_BYTES_PER_SECOND: usize = 64 << 10;

/// Bytes of requests that may be in memory at once, over all connections.
#[derive(Debug, Clone)]
pub(super) struct MemoryBudget {
    permits: Arc<Semaphore>,
    all: u32,
}

impl MemoryBudget {
    pub(super) fn new(bytes: usize) -> Self {
        let all = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX);
        Self { permits: Arc::new(Semaphore::new(all as usize)), all }
    }

    /// Waits until there is room for so many bytes. More than the whole budget takes the whole.
    async fn take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let permits = u32::try_from(bytes.div_ceil(PERMIT_BYTES)).unwrap_or(u32::MAX).min(self.all);
        let permits = Arc::clone(&self.permits).acquire_many_owned(permits).await;
        permits.expect("the semaphore is never closed")
    }
}

/// The bytes of one request, without their length.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) bytes: BytesMut,
    /// Its part of the budget.
    pub(super) permit: Option<OwnedSemaphorePermit>,
}

/// Why nothing more can be read of a connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("a request of {len} bytes, at most {max} are taken")]
    Length { len: i32, max: usize },
    #[error("the connection ended within a request")]
    Truncated,
    #[error("a request of {len} bytes took too long to come")]
    Slow { len: usize },
}

/// What came of a connection and was not taken as a request yet.
#[derive(Debug)]
pub(super) struct Incoming {
    buffer: BytesMut,
    large: Option<Large>,
    budget: MemoryBudget,
    frame_bytes_max: usize,
    /// When the frame that has begun must be whole.
    deadline: Option<Instant>,
}

#[derive(Debug)]
struct Large {
    bytes: BytesMut,
    len: usize,
    permit: OwnedSemaphorePermit,
}

impl Incoming {
    pub(super) fn new(budget: MemoryBudget, frame_bytes_max: usize) -> Self {
        let buffer = BytesMut::new();
        Self { buffer, large: None, budget, frame_bytes_max, deadline: None }
    }

    /// The next frame; `None` at the end of the connection. What has come stays, if the future is
    /// dropped.
    pub(super) async fn next(&mut self, stream: &TcpStream) -> Result<Option<Frame>, ReadError> {
        loop {
            if let Some(frame) = self.take_whole()? {
                return Ok(Some(frame));
            }
            let Some(deadline) = self.deadline else {
                // Nothing has begun: wait as long as it takes, and hold nothing meanwhile.
                self.buffer = BytesMut::new();
                stream.readable().await?;
                if self.receive(stream)? == Some(0) {
                    return Ok(None);
                }
                continue;
            };
            let more = async {
                self.begin_large().await?;
                stream.readable().await?;
                Ok::<_, ReadError>(self.receive(stream)?)
            };
            match timeout_at(deadline, more).await {
                Ok(Ok(Some(0))) => return Err(ReadError::Truncated),
                Ok(received) => drop(received?),
                Err(_) => return Err(ReadError::Slow { len: self.length()?.unwrap_or_default() }),
            }
        }
    }

    /// A frame that is whole already.
    pub(super) fn take_whole(&mut self) -> Result<Option<Frame>, ReadError> {
        if let Some(large) = self.large.take_if(|large| large.bytes.len() == large.len) {
            self.deadline = None;
            return Ok(Some(Frame { bytes: large.bytes, permit: Some(large.permit) }));
        }
        let whole = match self.length()? {
            Some(len) if self.large.is_none() => self.buffer.len() >= LENGTH_BYTES + len,
            _ => false,
        };
        if !whole {
            if self.deadline.is_none() && !self.buffer.is_empty() {
                let len = self.length()?.unwrap_or_default();
                let extra = Duration::from_secs((len / SLOWEST_BYTES_PER_SECOND) as u64);
                self.deadline = Some(Instant::now() + FRAME_TIME + extra);
            }
            return Ok(None);
        }
        let len = self.length()?.unwrap_or_default();
        self.buffer.advance(LENGTH_BYTES);
        self.deadline = None;
        Ok(Some(Frame { bytes: self.buffer.split_to(len), permit: None }))
    }

    /// The length of the frame that has begun, once it is there.
    fn length(&self) -> Result<Option<usize>, ReadError> {
        if let Some(large) = &self.large {
            return Ok(Some(large.len));
        }
        let Some(length) = self.buffer.first_chunk::<LENGTH_BYTES>() else {
            return Ok(None);
        };
        let (len, max) = (i32::from_be_bytes(*length), self.frame_bytes_max);
        match usize::try_from(len) {
            Ok(length) if length > 0 && length <= max => Ok(Some(length)),
            _ => Err(ReadError::Length { len, max }),
        }
    }

    /// Gives a frame that the shared buffer can't hold memory of its own.
    async fn begin_large(&mut self) -> Result<(), ReadError> {
        let Some(len) = self.length()? else {
            return Ok(());
        };
        if self.large.is_some() || LENGTH_BYTES + len <= BUFFER_BYTES {
            return Ok(());
        }
        let permit = self.budget.take(len).await;
        let mut bytes = BytesMut::with_capacity(len);
        bytes.extend_from_slice(&self.buffer[LENGTH_BYTES..]);
        self.buffer = BytesMut::new();
        self.large = Some(Large { bytes, len, permit });
        Ok(())
    }

    /// Reads what is there; 0 is the end, `None` nothing yet.
    fn receive(&mut self, stream: &TcpStream) -> io::Result<Option<usize>> {
        let read = match &mut self.large {
            Some(large) => {
                // What follows the frame is not its.
                let left = large.len - large.bytes.len();
                stream.try_read_buf(&mut bytes::BufMut::limit(&mut large.bytes, left))
            }
            None => {
                self.buffer.reserve(BUFFER_BYTES - self.buffer.len().min(BUFFER_BYTES));
                stream.try_read_buf(&mut self.buffer)
            }
        };
        match read {
            Ok(count) => Ok(Some(count)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        }
    }
}
