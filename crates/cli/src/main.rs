//! `cachemount`: finds, fixes and proves `BuildKit` cache mounts.

mod args;
mod commands;
mod discover;
mod measuring;
mod output;
mod progress;
mod session;
mod write;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

/// How a command ended; the exit codes are documented in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing to say, or worth it.
    Good,
    /// Findings, a difference, or not worth it.
    Findings,
    /// A file or an argument could not be used, or nothing could be measured.
    Unusable,
}

fn main() -> ExitCode {
    let args = Args::parse();
    args.color.write_global();
    let outcome = match &args.command {
        Command::Check(options) => commands::check::run(options),
        Command::Fix(options) => commands::fix::run(options),
        Command::Explain(options) => commands::explain::run(options),
        Command::Verify(options) => commands::verify::run(options),
        Command::Bench(options) => commands::bench::run(options),
        Command::Optimize(options) => commands::optimize::run(options),
    };
    match outcome {
        Ok(Outcome::Good) => ExitCode::SUCCESS,
        Ok(Outcome::Findings) => ExitCode::from(1),
        Ok(Outcome::Unusable) => ExitCode::from(2),
        Err(error) => {
            output::error(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}
