//! Why a record could not be taken through a topology.

/// What an operation of the engine gives.
pub type Result<T> = std::result::Result<T, Error>;

/// What lies behind an error that comes from outside the engine.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a task could not go on. The record may have changed a part of the state: unless the task says that it did not, it is
/// not used again, and what it did since its last commit is undone with the state.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A program said no to a record.
    #[error("{0}")]
    Program(#[source] Cause),
    /// The state could not be read or written.
    #[error("cannot use the state: {0}")]
    State(#[source] Cause),
    /// Who takes the output said no.
    #[error("cannot hand over a result: {0}")]
    Output(#[source] Cause),
    /// The state holds what the engine never wrote.
    #[error("state store {store} is damaged: {what}")]
    Corrupt {
        /// Which store.
        store: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The state was written by another version of the engine.
    #[error("the state has format {found}, this is format {expected}")]
    Format {
        /// What the state says.
        found: u8,
        /// What the engine writes.
        expected: u8,
    },
    /// It failed for what waited until now, and not for the record in hand: a change in a cache, the result of a window, a
    /// record without a match.
    #[error(transparent)]
    HeldBack(Box<Error>),
    /// A program was interrupted: the run is to stop.
    #[error("it was interrupted")]
    Interrupted,
    /// An aggregate was asked for what it can't do.
    #[error("this aggregate cannot {0}")]
    Unsupported(&'static str),
}

impl Error {
    /// The same of what waited until now.
    pub(super) fn held_back(self) -> Self {
        match self {
            Self::Program(_) | Self::Output(_) => Self::HeldBack(Box::new(self)),
            error => error,
        }
    }

    /// The failure of a program.
    pub fn program(cause: impl Into<Cause>) -> Self {
        Self::Program(cause.into())
    }
}
