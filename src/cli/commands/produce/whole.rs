//! The whole input or nothing: what becomes of the transaction at the end.

use super::{Outcome, Run};
use crate::cli::error::{CommandError, Status};

/// What is known of what was sent.
const NOTHING: &str = "nothing was stored";

impl Run<'_> {
    /// Commits if all of the input was sent, and aborts if not. An error says what became of it.
    pub(super) fn store_all_or_nothing(&mut self, ended: &Outcome) -> Result<(), CommandError> {
        // One that came with the end of the input counts too.
        let signal = self.signals.received();
        match ended {
            Ok(Status::Done) if self.failed == 0 && signal.is_none() => {
                let Err(error) = self.producer.finish() else { return Ok(()) };
                Err(self.nothing(CommandError::from(error)))
            }
            // A file that is too large for a record: it was told of.
            Ok(Status::Done) if self.failed > 0 => {
                let error = CommandError::failed("not every record could be sent");
                Err(self.nothing(CommandError { status: Status::SomeFailed, ..error }))
            }
            Ok(status) => {
                let status = signal.unwrap_or(*status);
                let error = CommandError::failed("stopped by a signal");
                Err(self.nothing(CommandError { status, ..error }))
            }
            Err(error) => {
                let CommandError { status, message, .. } = error;
                let error = CommandError { status: *status, message: message.clone(), hint: None };
                Err(self.nothing(error))
            }
        }
    }

    /// Aborts, and says so.
    fn nothing(&mut self, error: CommandError) -> CommandError {
        match self.producer.abort() {
            Ok(()) => error.hint(NOTHING),
            Err(cause) => {
                self.context.error(&format!("cannot abort the transaction: {cause}"));
                error.hint("the next command with this transactional id ends it")
            }
        }
    }
}
