//! Standard output, for records: large writes, and a reader that goes away is no error.
//!
//! Full buffers are written by a thread of their own, so that records are decoded while the pipe
//! is filled; it is there from the first full buffer on. What [`Sink::flush`] returned from is
//! written.

use std::io;
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::error::CommandError;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;

/// Bytes at which the buffer is written.
const WRITE_BYTES: usize = 256 << 10;
/// Bytes that a pipe is asked to hold, so that both of its ends run at once.
const PIPE_BYTES: usize = 1 << 20;

/// Buffers that may be on their way to the thread that writes them.
const BUFFERS_WRITING_MAX: usize = 2;

/// Gathers output and writes it in large pieces.
#[derive(Debug)]
pub(super) struct Sink {
    buffer: Vec<u8>,
    writer: Option<Writer>,
    /// Bytes that were given to be written.
    given: u64,
    /// Bytes that are known to be written.
    written: u64,
}

/// The thread that writes, and what it has in hand.
#[derive(Debug)]
struct Writer {
    full: SyncSender<Vec<u8>>,
    written: Receiver<Written>,
    writing: usize,
}

/// What became of a buffer: how many of its bytes were written, and the buffer if all were.
type Written = (usize, Result<Vec<u8>, SinkError>);

/// Why nothing more can be written.
#[derive(Debug)]
pub(super) enum SinkError {
    /// Whoever read has gone away.
    Closed,
    /// Anything else.
    Io(io::Error),
}

impl Sink {
    /// Standard output; a pipe is made larger where that may be.
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let is_pipe = rustix::fs::fstat(&stdout)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        if is_pipe {
            // Over the limit of a user's pipes it stays as it is.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
        }
        Self::as_it_is()
    }

    /// Standard output, with a pipe left as it is: what is in it when its reader dies is lost to who
    /// has noted it as written.
    pub(super) fn as_it_is() -> Self {
        Self { buffer: empty_buffer(), writer: None, given: 0, written: 0 }
    }

    /// Where output is put before it is written.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether enough has gathered for a write.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= WRITE_BYTES
    }

    /// Hands what has gathered to be written, and goes on with an empty buffer.
    pub(super) fn hand_over(&mut self) -> Result<(), SinkError> {
        let writer = match &mut self.writer {
            Some(writer) => writer,
            None => match Writer::start() {
                Ok(writer) => self.writer.insert(writer),
                // No thread to be had: then by this one.
                Err(_) => return self.flush(),
            },
        };
        let empty = match writer.writing {
            BUFFERS_WRITING_MAX => writer.wait(&mut self.written)?,
            _ => empty_buffer(),
        };
        writer.writing += 1;
        let full = std::mem::replace(&mut self.buffer, empty);
        self.given += full.len() as u64;
        if writer.full.send(full).is_ok() {
            return Ok(());
        }
        // It has ended, and what it tells last is why.
        loop {
            writer.wait(&mut self.written)?;
        }
    }

    /// How many bytes were put here so far: where the next record begins.
    pub(super) fn position(&self) -> u64 {
        self.given + self.buffer.len() as u64
    }

    /// How many of them are known to be written. After a failure that is the whole truth.
    pub(super) const fn written(&self) -> u64 {
        self.written
    }

    /// Writes all that has gathered.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        if let Some(writer) = &mut self.writer {
            while writer.writing > 0 {
                writer.wait(&mut self.written)?;
            }
        }
        let (written, result) = write_all(&self.buffer);
        self.given += self.buffer.len() as u64;
        self.written += written as u64;
        self.buffer.clear();
        // One huge record must not be paid for ever after.
        self.buffer.shrink_to(2 * WRITE_BYTES);
        result
    }
}

impl Writer {
    fn start() -> io::Result<Self> {
        let (full, to_write) = sync_channel::<Vec<u8>>(BUFFERS_WRITING_MAX);
        let (done, written) = sync_channel(BUFFERS_WRITING_MAX);
        std::thread::Builder::new().name("stdout".to_owned()).spawn(move || {
            for mut buffer in to_write {
                let (written, result) = write_all(&buffer);
                buffer.clear();
                buffer.shrink_to(2 * WRITE_BYTES);
                let failed = result.is_err();
                if done.send((written, result.map(|()| buffer))).is_err() || failed {
                    return;
                }
            }
        })?;
        Ok(Self { full, written, writing: 0 })
    }

    /// Waits until a buffer is written, counts its bytes, and gives it back.
    fn wait(&mut self, count: &mut u64) -> Result<Vec<u8>, SinkError> {
        self.writing = self.writing.saturating_sub(1);
        let (written, result) = self.written.recv().unwrap_or((0, Err(SinkError::Closed)));
        *count += written as u64;
        result
    }
}

fn empty_buffer() -> Vec<u8> {
    Vec::with_capacity(WRITE_BYTES + (WRITE_BYTES >> 2))
}

/// Prints an answer in one piece. That nobody reads it to its end is no error.
pub(super) fn print(bytes: impl AsRef<[u8]>) -> Result<(), CommandError> {
    match write_all(bytes.as_ref()).1 {
        Err(SinkError::Io(error)) => Err(CommandError::stdout(error)),
        Err(SinkError::Closed) | Ok(()) => Ok(()),
    }
}

/// Writes all of it, or as much as could be; tells how many bytes that were.
fn write_all(bytes: &[u8]) -> (usize, Result<(), SinkError>) {
    use rustix::io::Errno;
    let stdout = io::stdout();
    let mut written = 0;
    while written < bytes.len() {
        match rustix::io::write(&stdout, &bytes[written..]) {
            Ok(count) => written += count,
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::OUT)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(errno) => return (written, Err(SinkError::Io(errno.into()))),
                }
            }
            Err(Errno::PIPE) => return (written, Err(SinkError::Closed)),
            Err(errno) => return (written, Err(SinkError::Io(errno.into()))),
        }
    }
    (written, Ok(()))
}
