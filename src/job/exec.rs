//! `--exec`: a command that is kept running, gets each value as a line, and gives a line back, which is the value from there on.
//!
//! It is started with the first value, once for each thread that has one. It must give one line for each, and not keep it in a
//! buffer of its own (`jq --unbuffered`, `sed -u`, `stdbuf -oL`). Where it ends, the value in hand fails, and it is started
//! anew for the next.
//!
//! It is a process group of its own: what is typed at a terminal to stop this process lets it finish the value in hand.

use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process_group};

use super::plan::Interrupt;

use crate::stream::{Error, Mapper, Record};

/// Bytes of the longest line that a command may give.
const LINE_BYTES_MAX: usize = 64 << 20;
/// How long a command has to end once there is no more input, and for the value in hand once the run is to stop.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a look is taken whether the run is to stop.
const LOOK_INTERVAL: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };

/// Why a command gave no value.
#[derive(Debug, thiserror::Error)]
enum ExecError {
    #[error("--exec: a value with a line break cannot be given as a line")]
    LineBreak,
    #[error("--exec: the command ended ({0}) and gave no line")]
    Ended(String),
    #[error("--exec: the command gave a line of more than {LINE_BYTES_MAX} bytes")]
    TooLong,
    #[error("--exec: the command gives more lines than it gets")]
    TooMany,
    #[error("--exec: the command was interrupted")]
    Interrupted,
    #[error("--exec: {0}")]
    Io(#[from] io::Error),
}

/// Each value through a command.
pub(super) fn mapper(command: &str, interrupt: Interrupt) -> Mapper {
    let exec = Exec { command: command.to_owned(), interrupt, idle: Mutex::default() };
    Box::new(move |record, emit| {
        let Some(value) = record.value else { return emit(record) };
        let line = exec.ask(value).map_err(|error| match error {
            ExecError::Interrupted => Error::Interrupted,
            error => Error::program(error),
        })?;
        emit(&Record { value: Some(&line), ..*record })
    })
}

struct Exec {
    command: String,
    interrupt: Interrupt,
    /// Commands that have nothing in hand.
    idle: Mutex<Vec<Running>>,
}

impl Exec {
    /// Gives a line, and waits for the one that comes back.
    fn ask(&self, value: &[u8]) -> Result<Vec<u8>, ExecError> {
        if value.contains(&b'\n') {
            return Err(ExecError::LineBreak);
        }
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let mut running = match known {
            Some(running) => running,
            // One that is started now would have two seconds at most.
            None if self.interrupt.is_set() => return Err(ExecError::Interrupted),
            None => Running::start(&self.command)?,
        };
        let line = running.exchange(value, &self.interrupt)?;
        idle().push(running);
        Ok(line)
    }
}

/// The command, running.
struct Running {
    child: Child,
    input: Option<ChildStdin>,
    output: ChildStdout,
    /// What came beyond the last line.
    ahead: Vec<u8>,
}

impl Running {
    fn start(command: &str) -> io::Result<Self> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", command])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = output.ok_or(io::ErrorKind::BrokenPipe)?;
        // Neither side waits for the other: a long line may come back while it is still given.
        if let Some(input) = &input {
            unblock(input)?;
        }
        unblock(&output)?;
        Ok(Self { child, input, output, ahead: Vec::new() })
    }

    fn exchange(&mut self, value: &[u8], interrupt: &Interrupt) -> Result<Vec<u8>, ExecError> {
        // What comes before it is asked for belongs to no value.
        if !self.ahead.is_empty() {
            return Err(ExecError::TooMany);
        }
        let mut rest = value;
        let mut interrupted: Option<Instant> = None;
        let mut is_ended = false;
        let mut looked_at = 0;
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.ahead[looked_at..])
                && is_ended
                && rest.is_empty()
            {
                let line: Vec<u8> = self.ahead.drain(..=looked_at + end).collect();
                return Ok(line[..line.len() - 1].to_vec());
            }
            looked_at = if is_ended && rest.is_empty() { self.ahead.len() } else { 0 };
            if self.ahead.len() > LINE_BYTES_MAX {
                return Err(ExecError::TooLong);
            }
            let is_giving = !(is_ended && rest.is_empty());
            self.wait_for_either(is_giving)?;
            if interrupt.is_set()
                && interrupted.get_or_insert_with(Instant::now).elapsed() >= PATIENCE
            {
                return Err(ExecError::Interrupted);
            }
            if is_giving {
                is_ended |= self.give(&mut rest)?;
            }
            self.read()?;
        }
    }

    /// Writes as much as is taken. True once the end of the line is written.
    fn give(&mut self, rest: &mut &[u8]) -> Result<bool, ExecError> {
        let Some(input) = &mut self.input else {
            return Err(ExecError::Io(io::ErrorKind::BrokenPipe.into()));
        };
        loop {
            let is_last = rest.is_empty();
            let written = match input.write(if is_last { b"\n" } else { rest }) {
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Err(self.ended()),
                Err(error) => return Err(error.into()),
            };
            if is_last {
                return Ok(true);
            }
            *rest = &rest[written..];
        }
    }

    fn read(&mut self) -> Result<(), ExecError> {
        let mut bytes = [0; 16 << 10];
        match self.output.read(&mut bytes) {
            Ok(0) => Err(self.ended()),
            Ok(count) => {
                self.ahead.extend_from_slice(&bytes[..count]);
                Ok(())
            }
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
                ) =>
            {
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn wait_for_either(&self, is_giving: bool) -> Result<(), ExecError> {
        let mut fds = vec![PollFd::from_borrowed_fd(self.output.as_fd(), PollFlags::IN)];
        if let Some(input) = self.input.as_ref().filter(|_| is_giving) {
            fds.push(PollFd::from_borrowed_fd(input.as_fd(), PollFlags::OUT));
        }
        match poll(&mut fds, Some(&LOOK_INTERVAL)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(errno) => Err(ExecError::Io(errno.into())),
        }
    }

    /// How it ended.
    fn ended(&mut self) -> ExecError {
        match self.end() {
            Ok(status) => ExecError::Ended(status.to_string()),
            Err(error) => ExecError::Io(error),
        }
    }

    /// Has it end, in good order or else.
    fn end(&mut self) -> io::Result<ExitStatus> {
        self.input = None;
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

fn unblock(fd: impl AsFd) -> io::Result<()> {
    let flags = fcntl_getfl(&fd)?;
    Ok(fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(command: &str, values: &[&[u8]]) -> Vec<crate::stream::Result<Vec<u8>>> {
        let mapper = mapper(command, Interrupt::default());
        let one = |value: &&[u8]| {
            let mut out = Vec::new();
            let record = Record { value: Some(value), ..Record::default() };
            mapper(&record, &mut |record| {
                out = record.value.unwrap_or_default().to_vec();
                Ok(())
            })?;
            Ok(out)
        };
        values.iter().map(one).collect()
    }

    #[test]
    fn a_line_for_a_line_from_one_process() {
        let long = vec![b'x'; 3_000_000];
        let values: [&[u8]; 4] = [b"a", b"", &long, b"b"];
        let lines =
            through("while read -r line; do n=$((n+1)); echo \"$n:$line\"; done", &values[..2]);
        let lines: Vec<_> = lines.into_iter().map(|line| line.expect("a line")).collect();
        assert_eq!(lines, [b"1:a".to_vec(), b"2:".to_vec()]);
        let same = through("cat", &values);
        assert!(same.into_iter().zip(values).all(|(line, value)| line.expect("a line") == value));
    }

    #[test]
    fn one_that_ends_fails_a_value_and_is_started_anew() {
        let lines =
            through("read -r line; echo \"$line\"; read -r line; exit 3", &[b"a", b"b", b"c"]);
        let texts: Vec<_> =
            lines.into_iter().map(|line| line.map_err(|error| error.to_string())).collect();
        assert_eq!(texts[0], Ok(b"a".to_vec()));
        assert!(
            texts[1].as_ref().is_err_and(|error| error.contains("exit status: 3")),
            "{texts:?}"
        );
        assert_eq!(texts[2], Ok(b"c".to_vec()));
        let twice =
            through("while read -r line; do printf '%s\\n%s\\n' $line $line; done", &[b"a", b"b"]);
        assert!(
            twice[0].is_ok()
                && twice[1].as_ref().is_err_and(|error| error.to_string().contains("more lines"))
        );
        assert!(through("cat", &[b"a\nb"])[0].is_err());
        assert!(through("/no/such/command", &[b"a"])[0].is_err());
    }
}
