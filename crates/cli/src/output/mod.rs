//! What is printed: results to standard output, everything else to standard error.

pub mod concise;
pub mod human;
pub mod json;

use anstyle::{AnsiColor, Style};
use cachemount_lint::Report;

/// A file with its report.
pub struct Checked {
    /// The path as it is shown.
    pub shown: String,
    /// Its bytes.
    pub source: Vec<u8>,
    /// What was found.
    pub report: Report,
}

const ERROR: Style = AnsiColor::Red.on_default().bold();
const BOLD: Style = Style::new().bold();

/// Prints an error.
pub fn error(message: &str) {
    anstream::eprintln!("{ERROR}error{ERROR:#}{BOLD}:{BOLD:#} {message}");
}

/// `1 file`, `2 files`.
pub fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}
