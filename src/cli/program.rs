//! jq programs on the command line: compiled, and mistakes pointed at.

use super::error::CommandError;
use crate::filter::{CompileError, Program};

/// Compiles the program of a flag.
pub(super) fn compile(flag: &str, text: &str) -> Result<Program, CommandError> {
    Program::new(text).map_err(|error| mistake(flag, &error))
}

/// Points at what is wrong with the program of a flag.
pub(super) fn mistake(flag: &str, error: &CompileError) -> CommandError {
    match error {
        CompileError::Mistake(mistake) => {
            CommandError::usage(format!("cannot compile {flag}: {mistake}"))
                .showing(mistake.picture())
        }
        CompileError::Thread(_) => CommandError::failed(format!("cannot compile {flag}: {error}")),
    }
}
