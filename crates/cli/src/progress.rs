//! What a long run shows while it goes on: a line a build, and on a terminal the step that runs.

use std::time::Duration;

use cachemount_bench::progress::{Event, Progress};
use cachemount_buildkit::builder::BuildEvent;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows a run on standard error.
pub struct Shown {
    bar: ProgressBar,
    head: String,
}

impl Shown {
    /// Begins to show.
    pub fn new() -> Self {
        let bar = ProgressBar::new_spinner();
        bar.set_draw_target(ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>5} {wide_msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self {
            bar,
            head: String::new(),
        }
    }

    /// Prints a line that stays.
    pub fn line(&self, text: &str) {
        if self.bar.is_hidden() {
            anstream::eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Shown {
    fn event(&mut self, event: Event<'_>) {
        match event {
            Event::Working(what) => {
                self.bar.set_message(what.to_owned());
                // Looks into mounts stand between the lines of builds; on a terminal they are seen while they last.
                if self.head.is_empty() {
                    self.line(what);
                }
            }
            Event::BuildStarted {
                scenario,
                variant,
                repetition,
                of,
                check,
                done,
                total,
            } => {
                let turn = match check {
                    Some(network) => format!("check at {network}"),
                    None => format!("{repetition}/{of}"),
                };
                self.head = format!("[{:>2}/{total}] {scenario:<12} {variant:<8} {turn}", done + 1);
                self.bar.set_message(self.head.clone());
            }
            Event::Step(BuildEvent::StepStarted { name }) => {
                self.bar.set_message(format!("{}  {}", self.head, short(&name)));
            }
            Event::Step(BuildEvent::StepEnded { .. }) => {}
            Event::BuildEnded { seconds, bytes } => {
                let bytes = bytes
                    .map(|bytes| format!("  {:>8.1} MB", bytes as f64 / 1e6))
                    .unwrap_or_default();
                self.line(&format!("{}  {seconds:>7.1} s{bytes}", self.head));
                self.head.clear();
            }
            Event::NotMeasured {
                scenario,
                variant,
                reason,
            } => {
                self.line(&format!("{scenario} {variant}: not measured: {reason}"));
                self.head.clear();
            }
        }
    }
}

/// A step's name in the width of a terminal.
fn short(name: &str) -> String {
    let text = name.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(80) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
