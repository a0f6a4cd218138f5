//! SIGINT and SIGTERM: the first one asks to stop, a second one ends the process at once.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::error::Status;

/// Tells whether the process was asked to stop.
#[derive(Debug, Clone)]
pub(super) struct Signals {
    received: Arc<AtomicUsize>,
    /// Becomes readable with the first signal, for those who wait for input.
    wake: Arc<OwnedFd>,
}

impl Signals {
    /// Begins to listen.
    pub(super) fn listen() -> io::Result<Self> {
        let received = Arc::new(AtomicUsize::new(0));
        let again = Arc::new(AtomicBool::new(false));
        let (wake, trigger) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            // In this order: the first signal finds `again` false, and sets it.
            signal_hook::flag::register_conditional_shutdown(
                signal,
                128 + signal,
                Arc::clone(&again),
            )?;
            signal_hook::flag::register(signal, Arc::clone(&again))?;
            signal_hook::flag::register_usize(signal, Arc::clone(&received), number)?;
            signal_hook::low_level::pipe::register(signal, trigger.try_clone()?)?;
        }
        Ok(Self { received, wake: Arc::new(wake) })
    }

    /// Has the signals set a flag too, each to its number.
    pub(super) fn set(&self, flag: &Arc<AtomicUsize>) -> io::Result<()> {
        for signal in [SIGINT, SIGTERM] {
            let number = usize::try_from(signal).unwrap_or_default();
            signal_hook::flag::register_usize(signal, Arc::clone(flag), number)?;
        }
        flag.fetch_max(self.received.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    /// The status to end with, if a signal has come.
    pub(super) fn received(&self) -> Option<Status> {
        match i32::try_from(self.received.load(Ordering::Relaxed)) {
            Ok(SIGINT) => Some(Status::Interrupted),
            Ok(SIGTERM) => Some(Status::Terminated),
            _ => None,
        }
    }

    /// Waits for a signal.
    pub(super) fn wait(&self) -> io::Result<()> {
        loop {
            match poll(&mut [PollFd::new(&*self.wake, PollFlags::IN)], None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) => return Ok(()),
            }
        }
    }

    /// Waits until `input` can be read. False if a signal came first.
    pub(super) fn wait_for(&self, input: impl AsFd) -> io::Result<bool> {
        loop {
            let mut fds = [
                PollFd::new(&*self.wake, PollFlags::IN),
                PollFd::from_borrowed_fd(input.as_fd(), PollFlags::IN),
            ];
            match poll(&mut fds, None) {
                Err(rustix::io::Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
                Ok(_) if !fds[0].revents().is_empty() => return Ok(false),
                Ok(_) => return Ok(true),
            }
        }
    }
}
