//! A process that runs beside the test.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, Command};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::{Output, PATIENCE};

/// A child; stdout and stderr are drained by threads. Dropped, it is killed.
///
/// It is in a process group of its own, which ends with it: what it started and left behind would hold its stdout open,
/// and the test would wait for ever.
pub(crate) struct Running {
    child: Child,
    command: String,
    stdin: Option<ChildStdin>,
    feeder: Option<JoinHandle<()>>,
    lines: mpsc::Receiver<Vec<u8>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
    taken: Vec<u8>,
}

impl Running {
    pub(super) fn new(mut command: Command, shown: String) -> Self {
        command.process_group(0);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("`{shown}`: {error}"));
        let stdout = child.stdout.take().expect("piped");
        let mut stderr = child.stderr.take().expect("piped");
        let (sender, lines) = mpsc::channel();
        thread::spawn(move || {
            let mut stdout = BufReader::with_capacity(1 << 16, stdout);
            let mut line = Vec::new();
            while matches!(stdout.read_until(b'\n', &mut line), Ok(n) if n > 0) {
                if sender.send(std::mem::take(&mut line)).is_err() {
                    return;
                }
            }
        });
        let stderr = thread::spawn(move || {
            let mut bytes = Vec::new();
            let _ = stderr.read_to_end(&mut bytes);
            bytes
        });
        Self {
            stdin: child.stdin.take(),
            child,
            command: shown,
            feeder: None,
            lines,
            stderr: Some(stderr),
            taken: Vec::new(),
        }
    }

    /// Writes to its stdin and leaves that open. What a dying process does not take is no error.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().expect("stdin is open");
        let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
    }

    /// Writes all of it from another thread, then closes stdin.
    pub(crate) fn feed_and_close(&mut self, bytes: impl Into<Vec<u8>>) {
        let (mut stdin, bytes) = (self.stdin.take().expect("stdin is open"), bytes.into());
        self.feeder = Some(thread::spawn(move || {
            let _ = stdin.write_all(&bytes);
        }));
    }

    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// The next line of its stdout, waited for.
    pub(crate) fn line(&mut self) -> String {
        let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
            self.kill_group();
            panic!("no further line from {}", self.finish());
        };
        self.taken.extend_from_slice(&line);
        String::from_utf8(line).expect("UTF-8 on stdout").trim_end_matches('\n').to_owned()
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal; one that is dead already gets none.
    pub(crate) fn signal(&self, signal: Signal) {
        self.killer().signal(signal);
    }

    /// What signals it from another thread, for as long as it was not waited for.
    pub(crate) fn killer(&self) -> Killer {
        Killer(Pid::from_child(&self.child))
    }

    /// Kills it without a warning and collects what is left.
    pub(crate) fn kill(mut self) -> Output {
        self.kill_group();
        self.finish()
    }

    fn kill_group(&self) {
        let _ = rustix::process::kill_process_group(Pid::from_child(&self.child), Signal::KILL);
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child").is_some()
    }

    /// Waits until it has ended, its stdin open all the while.
    pub(crate) fn wait_for_end(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        let mut nap = Duration::from_micros(100);
        while !self.has_ended() {
            if Instant::now() > deadline {
                self.kill_group();
                panic!("no end after {PATIENCE:?}: {}", self.finish());
            }
            thread::sleep(nap);
            nap = (nap * 2).min(Duration::from_millis(5));
        }
    }

    /// Waits for its end; what was read by [`Running::line`] is in the output too.
    pub(crate) fn wait(mut self) -> Output {
        self.close_stdin();
        self.wait_for_end();
        self.finish()
    }

    fn finish(&mut self) -> Output {
        let status = self.child.wait().expect("a child");
        self.kill_group();
        let mut stdout = std::mem::take(&mut self.taken);
        self.lines.iter().for_each(|line| stdout.extend_from_slice(&line));
        let stderr = self.stderr.take().map(|thread| thread.join().expect("a reader"));
        if let Some(feeder) = self.feeder.take() {
            feeder.join().expect("a feeder");
        }
        let said = Output {
            command: self.command.clone(),
            stdout,
            stderr: String::from_utf8_lossy(&stderr.unwrap_or_default()).into_owned(),
            status: status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0)),
        };
        assert!(!said.stderr.contains("panicked at"), "a panic: {said}");
        said
    }
}

/// A child's process id.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Killer(Pid);

impl Killer {
    pub(crate) fn signal(self, signal: Signal) {
        let _ = rustix::process::kill_process(self.0, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill_group();
        let _ = self.child.wait();
    }
}
