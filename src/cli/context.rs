//! What every command has: where the directory is, how much to say, and in which colours.

use std::ffi::OsString;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};

use super::args::{ColorWhen, GlobalArgs};
use super::error::{CommandError, plain};
use super::terminal::escape_for_terminal;
use crate::broker::{Broker, Home};
use crate::clock::SystemClock;
use crate::cluster::{Access, Cluster, Error, Notice, OpenOptions};

/// What every command has.
#[derive(Debug)]
pub(super) struct Context {
    dir: Option<PathBuf>,
    trusted: bool,
    command: String,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
    /// How often -v was given.
    pub(super) verbosity: u8,
    pub(super) colored_stderr: bool,
    pub(super) colored_stdout: bool,
}

impl Context {
    pub(super) fn new(global: &GlobalArgs, arguments: &[OsString]) -> Self {
        let words: Vec<_> = arguments.iter().skip(1).map(|word| word.to_string_lossy()).collect();
        let plain_terminal = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let colored = |is_terminal: bool| match global.color {
            ColorWhen::Always => true,
            ColorWhen::Never => false,
            ColorWhen::Auto => is_terminal && !plain_terminal,
        };
        Self {
            dir: global.dir.clone(),
            trusted: global.trust_dir,
            command: format!("runnel {}", words.join(" ")).chars().take(200).collect(),
            quiet: global.quiet,
            verbose: global.verbose > 0,
            verbosity: global.verbose,
            colored_stderr: colored(std::io::stderr().is_terminal()),
            colored_stdout: colored(std::io::stdout().is_terminal()),
        }
    }

    /// The directory to write, which is made if it is not there.
    pub(super) fn open_to_write(&self) -> Result<Cluster, CommandError> {
        Ok(Cluster::open_directory(&self.dir()?, self.options(Access::Write))?)
    }

    /// The directory to read; `None` where it is not there yet, since nothing was written.
    pub(super) fn open_to_read(&self) -> Result<Option<Cluster>, CommandError> {
        match Cluster::open_directory(&self.dir()?, self.options(Access::Read)) {
            Err(Error::NoDirectory(_)) => Ok(None),
            opened => Ok(Some(opened?)),
        }
    }

    /// The directory to write, alone; it is made if it is not there.
    pub(super) fn open_alone(&self) -> Result<Cluster, CommandError> {
        Ok(Cluster::open_directory(&self.dir()?, self.options(Access::Serve))?)
    }

    /// The directory to serve, or another in its place; it is made if it is not there.
    pub(super) fn open_to_serve(&self, instead: Option<&Path>) -> Result<Broker, CommandError> {
        let dir = instead.map_or_else(|| self.dir(), |dir| Ok(dir.to_owned()))?;
        let home = Home::open_path(&dir, Access::Serve, self.trusted, &self.command)?;
        Ok(Broker::new(home, Arc::new(SystemClock)))
    }

    fn options(&self, access: Access) -> OpenOptions<'_> {
        OpenOptions { access, trusted: self.trusted, command: &self.command }
    }

    /// Where the directory is, or is to be.
    pub(super) fn dir(&self) -> Result<PathBuf, CommandError> {
        self.dir.clone().map_or_else(default_dir, Ok)
    }

    /// Says why a command failed.
    pub(super) fn report(&self, error: &CommandError) {
        self.error(&error.message);
        for line in &error.shown {
            let mut text = String::new();
            escape_for_terminal(&mut text, line.as_bytes());
            // Nobody is left to be told of a failure to tell.
            let _ = writeln!(std::io::stderr().lock(), "  {text}");
        }
        if let Some(hint) = &error.hint {
            self.say("hint", AnsiColor::Cyan, hint);
        }
    }

    /// Says that something failed.
    pub(super) fn error(&self, message: &str) {
        self.say("error", AnsiColor::Red, message);
    }

    /// Says what a person should know, unless that is not wanted.
    pub(super) fn warn(&self, message: &str) {
        if !self.quiet {
            self.say("warning", AnsiColor::Yellow, message);
        }
    }

    /// Says what was done, where that is wanted.
    pub(super) fn note(&self, message: &str) {
        if self.verbose && !self.quiet {
            self.say("note", AnsiColor::Green, message);
        }
    }

    /// Says what came out of the work, unless that is not wanted.
    pub(super) fn inform(&self, what: &str, message: &str) {
        if !self.quiet {
            self.say(what, AnsiColor::Green, message);
        }
    }

    /// Prints a line that was asked for, as it is.
    pub(super) fn stats(&self, line: &str) {
        let _ = writeln!(std::io::stderr().lock(), "{line}");
    }

    /// Tells of what the engine did on the way.
    pub(super) fn tell(&self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::TailCut { partition, bytes, segments, kept } => {
                    let later = match segments {
                        0 => String::new(),
                        count => format!(" and {count} later segments"),
                    };
                    self.warn(&format!(
                        "{partition}: the last {bytes} bytes begin with what is no batch, as a crash of the machine leaves it; \
                         cut off{later}, kept in {kept}"
                    ));
                }
                Notice::Rewritten { partition, bytes } => {
                    self.warn(&format!(
                        "{partition}: wrote {bytes} bytes anew after a failed write or sync"
                    ));
                }
            }
        }
    }

    fn say(&self, what: &str, color: AnsiColor, message: &str) {
        let style = match self.colored_stderr {
            true => Style::new().fg_color(Some(color.into())).bold(),
            false => Style::new(),
        };
        let mut text = String::new();
        escape_for_terminal(&mut text, plain(message).as_bytes());
        // Nobody is left to be told of a failure to tell.
        let _ = writeln!(std::io::stderr().lock(), "{style}{what}:{style:#} {text}");
    }
}

/// `$XDG_DATA_HOME/runnel`.
fn default_dir() -> Result<PathBuf, CommandError> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute("XDG_DATA_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/share")))
        .map(|data| data.join("runnel"))
        .ok_or_else(|| {
            CommandError::usage("no directory: neither XDG_DATA_HOME nor HOME is set")
                .hint("-d DIR or RUNNEL_DIR names the directory")
        })
}
