//! What the black-box tests share: a fresh world per test, the real binary in it, records as plain data.
//!
//! A command runs with an empty environment but for `PATH`, homes inside the world, `TZ=UTC`, `NO_COLOR` and
//! `RUNNEL_DIR`. Whatever a test expects, a panic on stderr fails it. No command may run longer than
//! [`PATIENCE`]; that guards against hanging, no test asserts on time.

#![allow(dead_code, reason = "each test file is a crate of its own and uses its part")]
#![allow(clippy::panic, reason = "a helper of tests fails by panicking")]

pub(crate) mod data;
pub(crate) mod record;
pub(crate) mod running;
pub(crate) mod served;
pub(crate) mod source;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use running::Running;
use tempfile::TempDir;

/// The longest that any one command is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(180);

/// The root of the project.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A fresh directory that a test has to itself; gone when dropped.
pub(crate) struct World {
    temp: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let temp = tempfile::Builder::new().prefix("runnel-test-").tempdir().expect("a directory");
        fs::create_dir(temp.path().join("home")).expect("a home");
        Self { temp }
    }

    /// A path in the world.
    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.temp.path().join(name)
    }

    /// The log directory that commands work on: `RUNNEL_DIR`. They make it themselves.
    pub(crate) fn dir(&self) -> PathBuf {
        self.path("data")
    }

    /// Where the files of a partition are.
    pub(crate) fn partition(&self, topic: &str, partition: i32) -> PathBuf {
        self.dir().join("log").join(format!("{topic}-{partition}"))
    }

    /// `runnel` with these arguments, to be described further and run.
    pub(crate) fn runnel<I: IntoIterator<Item: AsRef<OsStr>>>(&self, args: I) -> Runnel {
        self.command(env!("CARGO_BIN_EXE_runnel")).args(args)
    }

    /// Any program, in the same environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Runnel {
        let home = self.path("home");
        let binary = Path::new(env!("CARGO_BIN_EXE_runnel")).parent().expect("a parent");
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut path: Vec<_> = std::env::split_paths(&path).collect();
        path.insert(0, binary.to_owned());
        let env = [
            ("PATH", std::env::join_paths(path).expect("a PATH")),
            ("HOME", home.clone().into_os_string()),
            ("XDG_DATA_HOME", home.join("data").into_os_string()),
            ("XDG_CONFIG_HOME", home.join("config").into_os_string()),
            ("TMPDIR", self.temp.path().into()),
            ("TZ", "UTC".into()),
            ("NO_COLOR", "1".into()),
            ("RUNNEL_DIR", self.dir().into_os_string()),
        ];
        Runnel {
            words: vec![program.as_ref().to_owned()],
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            current_dir: self.temp.path().to_owned(),
            stdin: Vec::new(),
            status: 0,
            stdout: None,
            stderr: None,
        }
    }

    /// Makes a topic.
    pub(crate) fn topic(&self, name: &str, partitions: u32, configs: &[&str]) {
        let partitions = partitions.to_string();
        let mut args = vec!["topic", "create", name, "-q", "-p", &partitions];
        args.extend(configs.iter().flat_map(|config| ["-c", config]));
        self.runnel(args).run();
    }

    /// `produce TOPIC …` with this on stdin; must succeed.
    pub(crate) fn produce(&self, args: &[&str], stdin: impl Into<Vec<u8>>) {
        self.runnel(["produce", "-q"]).args(args).stdin(stdin).run();
    }

    /// `consume …`; must succeed and say nothing on stderr. What it printed, as text.
    pub(crate) fn consume(&self, args: &[&str]) -> String {
        self.runnel(["consume"]).args(args).stderr("").run().text()
    }

    /// Waits until `consume TOPIC` prints this, as it does at once or very soon.
    pub(crate) fn until_consume_prints(&self, topic: &str, expected: &str) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let said = self.runnel(["consume", topic]).run_any();
            if said.stdout == expected.as_bytes() {
                return;
            }
            assert!(Instant::now() < deadline, "still not {expected:?}: {said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What `consume -J …` printed, as records.
    pub(crate) fn records(&self, args: &[&str]) -> Vec<record::Stored> {
        let out = self.runnel(["consume", "-J"]).args(args).stderr("").run();
        record::parse_lines(&out.stdout)
    }
}

/// One command to run, and what is expected of it: status 0 unless told otherwise.
#[derive(Clone)]
pub(crate) struct Runnel {
    words: Vec<OsString>,
    env: Vec<(String, OsString)>,
    current_dir: PathBuf,
    stdin: Vec<u8>,
    status: i32,
    stdout: Option<Vec<u8>>,
    stderr: Option<String>,
}

impl Runnel {
    pub(crate) fn args<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, args: I) -> Self {
        self.words.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Puts a command in front, which is to run what follows it.
    pub(crate) fn under<I: IntoIterator<Item: AsRef<OsStr>>>(mut self, wrapper: I) -> Self {
        let words = wrapper.into_iter().map(|word| word.as_ref().to_owned());
        self.words.splice(0..0, words);
        self
    }

    /// Runs it under a shell that does `setup` first, e.g. `ulimit -v 1000000`.
    pub(crate) fn after(self, setup: &str) -> Self {
        self.under(["bash", "-c", &format!("{setup}; exec \"$@\""), "bash"])
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    pub(crate) fn without_env(mut self, name: &str) -> Self {
        self.env.retain(|(known, _)| known != name);
        self
    }

    pub(crate) fn current_dir(mut self, path: &Path) -> Self {
        path.clone_into(&mut self.current_dir);
        self
    }

    pub(crate) fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// Expects this exit status.
    pub(crate) fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }

    /// Expects exactly this on stdout.
    pub(crate) fn stdout(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdout = Some(bytes.into());
        self
    }

    /// Expects exactly this on stderr.
    pub(crate) fn stderr(mut self, text: impl Into<String>) -> Self {
        self.stderr = Some(text.into());
        self
    }

    /// Runs it and holds it to what was expected.
    pub(crate) fn run(self) -> Output {
        let expected = self.status;
        let said = self.run_any();
        assert_eq!(said.status, expected, "status of {said}");
        said
    }

    /// Runs it, whatever its status is.
    pub(crate) fn run_any(mut self) -> Output {
        let stdin = std::mem::take(&mut self.stdin);
        let (stdout, stderr) = (self.stdout.take(), self.stderr.take());
        let mut running = self.spawn();
        running.feed_and_close(stdin);
        let said = running.wait();
        if let Some(stdout) = stdout {
            let expected = String::from_utf8_lossy(&stdout);
            assert!(said.stdout == stdout, "expected stdout:\n{expected}\nbut {said}");
        }
        if let Some(stderr) = stderr {
            assert_eq!(said.stderr, stderr, "stderr of {said}");
        }
        said
    }

    /// Expects a failure told as the contract says: `error: …` in lower case, nothing on stdout, no panic.
    pub(crate) fn fails(self, status: i32) -> Output {
        let said = self.status(status).run();
        said.has_error();
        assert!(said.stdout.is_empty(), "a failure prints no answer: {said}");
        said
    }

    /// Starts it and leaves it running, its stdin open.
    pub(crate) fn spawn(self) -> Running {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]).env_clear().current_dir(&self.current_dir);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let words: Vec<_> = self.words.iter().map(|word| word.to_string_lossy()).collect();
        Running::new(command, words.join(" "))
    }
}

/// What a command left behind.
pub(crate) struct Output {
    pub(crate) command: String,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    /// The exit status; 128 and the signal's number for one that was killed, as shells have it.
    pub(crate) status: i32,
}

impl Output {
    /// stdout, which must be UTF-8.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.stdout.clone()).expect("UTF-8 on stdout")
    }

    /// Asserts that stderr holds this.
    pub(crate) fn says(&self, text: &str) -> &Self {
        assert!(self.stderr.contains(text), "{text:?} is not on stderr of {self}");
        self
    }

    /// Asserts that one line of stderr is an error in the house's form.
    pub(crate) fn has_error(&self) -> &Self {
        let line = self.stderr.lines().find_map(|line| line.strip_prefix("error: "));
        let Some(line) = line else { panic!("no `error: …` from {self}") };
        let lower = line.chars().next().is_some_and(|first| !first.is_uppercase());
        assert!(lower, "an error begins in lower case: {self}");
        self
    }

    /// Asserts that a line of stderr says what helps.
    pub(crate) fn has_hint(&self) -> &Self {
        let hint = self.stderr.lines().any(|line| line.starts_with("hint: "));
        assert!(hint, "no `hint: …` from {self}");
        self
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let head: String = String::from_utf8_lossy(&self.stdout).chars().take(2000).collect();
        let Self { command, stderr, status, .. } = self;
        write!(f, "`{command}`\nstatus {status}\nstdout:\n{head}\nstderr:\n{stderr}")
    }
}
