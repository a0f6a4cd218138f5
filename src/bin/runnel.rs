//! The `runnel` binary: arguments in, exit status out.

use std::process::ExitCode;

fn main() -> ExitCode {
    runnel::cli::run(std::env::args_os())
}
