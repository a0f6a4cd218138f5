//! Standard output, for records: large writes, and a reader that goes away is no error.

use std::io;
use std::os::fd::AsFd;

use super::error::CommandError;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::FileType;

/// Bytes at which the buffer is written.
const WRITE_BYTES: usize = 256 << 10;
/// Bytes that a pipe is asked to hold, so that both of its ends run at once.
const PIPE_BYTES: usize = 1 << 20;

/// Gathers output and writes it in large pieces.
#[derive(Debug)]
pub(super) struct Sink {
    buffer: Vec<u8>,
}

/// Why nothing more can be written.
#[derive(Debug)]
pub(super) enum SinkError {
    /// Whoever read has gone away.
    Closed,
    /// Anything else.
    Io(io::Error),
}

impl Sink {
    pub(super) fn stdout() -> Self {
        let stdout = io::stdout();
        let is_pipe = rustix::fs::fstat(&stdout)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
        if is_pipe {
            // Over the limit of a user's pipes it stays as it is.
            let _ = rustix::pipe::fcntl_setpipe_size(&stdout, PIPE_BYTES);
        }
        Self { buffer: Vec::with_capacity(WRITE_BYTES + (WRITE_BYTES >> 2)) }
    }

    /// Where output is put before it is written.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// Whether enough has gathered for a write.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= WRITE_BYTES
    }

    /// Writes all that has gathered.
    pub(super) fn flush(&mut self) -> Result<(), SinkError> {
        let result = write_all(&self.buffer);
        self.buffer.clear();
        // One huge record must not be paid for ever after.
        self.buffer.shrink_to(2 * WRITE_BYTES);
        result
    }
}

/// Prints an answer in one piece. That nobody reads it to its end is no error.
pub(super) fn print(bytes: impl AsRef<[u8]>) -> Result<(), CommandError> {
    match write_all(bytes.as_ref()) {
        Err(SinkError::Io(error)) => Err(CommandError::stdout(error)),
        Err(SinkError::Closed) | Ok(()) => Ok(()),
    }
}

fn write_all(mut bytes: &[u8]) -> Result<(), SinkError> {
    use rustix::io::Errno;
    let stdout = io::stdout();
    while !bytes.is_empty() {
        match rustix::io::write(&stdout, bytes) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) => {
                let mut fds = [PollFd::from_borrowed_fd(stdout.as_fd(), PollFlags::OUT)];
                match poll(&mut fds, None) {
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(errno) => return Err(SinkError::Io(errno.into())),
                }
            }
            Err(Errno::PIPE) => return Err(SinkError::Closed),
            Err(errno) => return Err(SinkError::Io(errno.into())),
        }
    }
    Ok(())
}
