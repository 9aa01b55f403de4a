//! How far a run is, on standard error: a bar on a terminal, a line every few seconds elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::{
    io::{IsTerminal, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

/// The time between two lines when stderr is not a terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Tells how far a run is. Shared by threads.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    lines: Option<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    task: &'static str,
    last: Instant,
}

impl Progress {
    /// Progress that is not shown: neither a bar nor lines.
    pub fn hidden() -> Self {
        Self { bar: ProgressBar::hidden(), lines: None }
    }

    /// Shows a bar on a terminal, lines elsewhere.
    pub fn on_stderr() -> Self {
        match std::io::stderr().is_terminal() {
            true => Self {
                bar: ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()),
                lines: None,
            },
            false => {
                let lines = Lines { task: "", last: Instant::now() };
                Self { bar: ProgressBar::hidden(), lines: Some(Mutex::new(lines)) }
            }
        }
    }

    /// Begins a task with this number of steps.
    pub fn begin(&self, task: &'static str, steps: usize) {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar.set_style(style);
        self.bar.reset();
        self.bar.set_length(steps as u64);
        self.bar.set_message(task);
        if let Some(Ok(mut lines)) = self.lines.as_ref().map(Mutex::lock) {
            *lines = Lines { task, last: Instant::now() };
        }
    }

    /// Adds to the number of steps that are done.
    pub fn advance(&self, steps: usize) {
        self.bar.inc(steps as u64);
        if let Some(Ok(mut lines)) = self.lines.as_ref().map(Mutex::lock)
            && lines.last.elapsed() >= LINE_INTERVAL
        {
            lines.last = Instant::now();
            let (done, all) = (self.bar.position(), self.bar.length().unwrap_or_default());
            // A failure to write to stderr cannot be reported anywhere.
            let _ = writeln!(std::io::stderr(), "{}: {done} of {all}", lines.task);
        }
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Writes a line to standard error; a failure of that cannot be reported anywhere.
pub(crate) fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "ingest: {text}");
}
