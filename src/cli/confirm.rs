//! Asking before what cannot be undone. Where there is nobody to ask, it is wrong usage.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use super::error::CommandError;

/// Whether a person says yes. `what` needs it, as in "deleting topics".
pub(super) fn confirmed(what: &str, question: &str) -> Result<bool, CommandError> {
    if !std::io::stdin().is_terminal() {
        return Err(CommandError::usage(format!("{what} needs a yes")).hint("--yes says it"));
    }
    let asked = std::io::stderr().lock().write_all(format!("{question} [y/N] ").as_bytes());
    let mut answer = String::new();
    let read = asked.and_then(|()| std::io::stdin().lock().read_line(&mut answer));
    read.map_err(CommandError::failed)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
