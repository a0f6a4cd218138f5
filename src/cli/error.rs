//! What a command says when it fails, and the exit status that it ends with.

use std::fmt;

use crate::cluster;
use crate::storage;

/// Exit statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    /// Done, also when nothing matched.
    Done,
    /// It failed.
    Failed,
    /// Wrong usage.
    Usage,
    /// Fewer records than `--require` wants.
    Unmet,
    /// Some records failed.
    SomeFailed,
    /// Damage found in a log.
    Damaged,
    /// `--timeout` passed.
    TimedOut,
    /// SIGINT.
    Interrupted,
    /// SIGTERM.
    Terminated,
    /// What the command of `serve -- CMD` ended with.
    OfCommand(u8),
}

impl Status {
    /// The number, as `docs/cli.md` lists them.
    pub(super) const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Unmet => 3,
            Self::SomeFailed => 4,
            Self::Damaged => 5,
            Self::TimedOut => 124,
            Self::Interrupted => 130,
            Self::Terminated => 143,
            Self::OfCommand(code) => code,
        }
    }

    /// Which of two counts where both apply.
    pub(super) fn or(self, other: Self) -> Self {
        const ORDER: [Status; 9] = [
            Status::Usage,
            Status::Interrupted,
            Status::Terminated,
            Status::Failed,
            Status::Damaged,
            Status::TimedOut,
            Status::SomeFailed,
            Status::Unmet,
            Status::Done,
        ];
        let rank = |status| ORDER.iter().position(|other| *other == status);
        if rank(other) < rank(self) { other } else { self }
    }
}

/// A failure that ends a command.
#[derive(Debug)]
pub(super) struct CommandError {
    pub(super) status: Status,
    pub(super) message: String,
    /// Lines that show where it is, one below the other.
    pub(super) shown: Vec<String>,
    pub(super) hint: Option<String>,
}

impl CommandError {
    /// A failure at run time.
    pub(super) fn failed(message: impl fmt::Display) -> Self {
        let message = plain(&message.to_string());
        Self { status: Status::Failed, message, shown: Vec::new(), hint: None }
    }

    /// Wrong usage.
    pub(super) fn usage(message: impl fmt::Display) -> Self {
        Self { status: Status::Usage, ..Self::failed(message) }
    }

    /// Adds what would help.
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds lines that show where it is.
    pub(super) fn showing(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.shown.extend(lines);
        self
    }

    /// A failure to write to standard output.
    pub(super) fn stdout(error: std::io::Error) -> Self {
        Self::failed(storage::Error::new("write to", "standard output", error))
    }
}

/// What the engine says, in plain words: without the system's error numbers.
pub(super) fn plain(message: &str) -> String {
    let mut text = message.to_owned();
    while let Some(start) = text.find(" (os error ") {
        let end = text[start + 1..].find(')').map_or(text.len(), |end| start + 1 + end + 1);
        text.replace_range(start..end, "");
    }
    for (system, words) in [
        ("No space left on device", "disk full"),
        ("Permission denied", "permission denied"),
        ("Read-only file system", "read-only file system"),
        ("No such file or directory", "no such file or directory"),
        ("Not a directory", "not a directory"),
        ("Is a directory", "is a directory"),
        ("File too large", "file too large"),
        ("Operation not permitted", "operation not permitted"),
        ("Too many open files", "too many open files"),
    ] {
        text = text.replace(system, words);
    }
    text
}

impl From<cluster::Error> for CommandError {
    fn from(error: cluster::Error) -> Self {
        use cluster::Error as E;
        let hint = match &error {
            E::NoSuchTopic(_) => Some("`runnel topic list` shows the topics there are".to_owned()),
            E::TopicExists(_) => Some("--if-not-exists makes that no error".to_owned()),
            E::NoSuchJob(_) => Some("`runnel table list` shows the tables there are".to_owned()),
            E::NoSuchPartition { topic, .. } => {
                Some(format!("`runnel topic describe {topic}` shows its partitions"))
            }
            E::Served { .. } => {
                Some("stop the server, or go through it with a Kafka client".to_owned())
            }
            E::Written { .. } => {
                Some("let those commands end first, or stop them: a server writes alone".to_owned())
            }
            E::KafkaRunning { .. } => {
                Some("stop the broker first: one of the two may write there".to_owned())
            }
            E::InUse { group, .. } => {
                Some(format!("`runnel group describe {group}` shows who reads; stop that first"))
            }
            E::NotCompacted(topic) => {
                Some(format!("`runnel topic alter {topic} -c cleanup.policy=compact` makes it so"))
            }
            E::Unsafe { directory, .. } => {
                Some(format!("`chmod go-w {directory}` if it is yours, or --trust-dir"))
            }
            E::NoDirectory(_) => Some(
                "-d DIR or RUNNEL_DIR names the directory; produce and topic create make it"
                    .to_owned(),
            ),
            E::Backup { .. } => Some("make another one, or take an older one".to_owned()),
            E::Damaged { .. } => Some(
                "put a good copy in its place; `runnel restore` makes topics of a backup"
                    .to_owned(),
            ),
            error if error.is_corruption() => {
                Some("`runnel log verify` shows all that is damaged".to_owned())
            }
            error => error
                .storage()
                .filter(|error| error.is_read_only())
                .map(|_| "-d DIR or RUNNEL_DIR names another directory".to_owned()),
        };
        let status = if error.is_corruption() { Status::Damaged } else { Status::Failed };
        Self { status, hint, ..Self::failed(&error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_systems_numbers_are_left_out() {
        let error = std::io::Error::from_raw_os_error(28);
        let error = CommandError::failed(storage::Error::new("write", "x.log", error));
        assert_eq!(error.message, "cannot write x.log: disk full");
    }

    #[test]
    fn of_two_statuses_the_graver_counts() {
        assert_eq!(Status::Done.or(Status::Unmet), Status::Unmet);
        assert_eq!(Status::Damaged.or(Status::SomeFailed), Status::Damaged);
        assert_eq!(Status::Damaged.or(Status::Interrupted), Status::Interrupted);
        assert_eq!(Status::TimedOut.or(Status::Unmet), Status::TimedOut);
    }
}
