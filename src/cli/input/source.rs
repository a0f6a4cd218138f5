//! Where input comes from, and whether it would block.

use std::io::{self, Read};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A byte stream that can tell whether a read would wait.
pub trait Source: Read {
    /// Whether a read returns at once, with bytes, the end or an error.
    fn ready(&mut self) -> bool;
}

/// A source that never waits, such as a file.
#[derive(Debug)]
pub struct AlwaysReady<R>(pub R);

impl<R: Read> Read for AlwaysReady<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R: Read> Source for AlwaysReady<R> {
    fn ready(&mut self) -> bool {
        true
    }
}

/// A file descriptor that poll(2) is asked about. What is inside must not buffer, for poll sees
/// only what is not yet read: a `File`, not `Stdin`.
#[derive(Debug)]
pub struct Polled<R>(pub R);

impl<R: Read> Read for Polled<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.0.read(bytes)
    }
}

impl<R: Read + AsFd> Source for Polled<R> {
    fn ready(&mut self) -> bool {
        let mut fds = [PollFd::new(&self.0, PollFlags::IN)];
        // On an error the read itself is to tell.
        poll(&mut fds, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).map_or(true, |ready| ready > 0)
    }
}
