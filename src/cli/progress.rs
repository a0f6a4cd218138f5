//! A progress bar on standard error: in a terminal only, and only for work that takes a while.

use std::fmt;
use std::io::IsTerminal as _;
use std::time::{Duration, Instant};

use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::context::Context;

/// How long work may take before a bar appears.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    Bytes,
    Records,
}

/// A bar that appears when the work takes long.
#[derive(Debug)]
pub(super) struct Progress {
    started: Instant,
    bar: Option<ProgressBar>,
    shown: bool,
}

impl Progress {
    /// A bar for work of a known size, if anybody is there to see it: standard error is a
    /// terminal, and standard output is not one too.
    pub(super) fn new(context: &Context, total: u64, unit: Unit) -> Self {
        let watched = std::io::stderr().is_terminal() && !std::io::stdout().is_terminal();
        let bar = (watched && !context.quiet && total > 0).then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
            bar.with_style(style(unit))
        });
        Self { started: Instant::now(), bar, shown: false }
    }

    /// No bar.
    pub(super) fn hidden() -> Self {
        Self { started: Instant::now(), bar: None, shown: false }
    }

    /// Tells how far the work has come.
    pub(super) fn set(&mut self, done: u64) {
        let Some(bar) = &self.bar else {
            return;
        };
        if !self.shown && self.started.elapsed() >= PATIENCE {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            self.shown = true;
        }
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn style(unit: Unit) -> ProgressStyle {
    let template = match unit {
        Unit::Bytes => {
            "{bar:30} {percent:>3} %  {bytes} of {total_bytes}  {bytes_per_sec}  {eta} left"
        }
        Unit::Records => {
            "{bar:30} {percent:>3} %  {human_pos} of {human_len}  {rate}/s  {eta} left"
        }
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("rate", |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
        })
        .progress_chars("█▉▊▋▌▍▎▏ ")
}
