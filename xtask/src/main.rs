//! Chores of the project that are not part of the program: `cargo xtask corpus DIR`.

#![allow(clippy::print_stdout, reason = "its tables are its results")]

mod corpus;
#[cfg(feature = "oracles")]
mod oracles;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask corpus DIR [--reasons N] [--write DIR] | corpus DIR --oracles
    Parses, checks and fixes every file of a folder of Dockerfiles, prints a table, and fails on any violation.
    --reasons N  also print the N most frequent reasons for leaving an install alone
    --write DIR  also write the fixed files that differ to DIR
    --oracles    instead parse every file with other parsers too (parse-dockerfile, bash -n, brush), print where they
                 disagree with ours, and fail on a disagreement that nobody has explained; needs the feature `oracles`";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["corpus", folder, "--oracles"] => Some(compare(Path::new(folder))),
        ["corpus", folder, options @ ..] => {
            options_of(options).map(|options| corpus::run(&PathBuf::from(folder), &options))
        }
        _ => None,
    };
    match outcome {
        Some(Ok(true)) => ExitCode::SUCCESS,
        Some(Ok(false)) => ExitCode::FAILURE,
        Some(Err(error)) => {
            eprintln!("xtask failed to {error:#}");
            ExitCode::from(2)
        }
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

#[cfg(feature = "oracles")]
fn compare(folder: &Path) -> anyhow::Result<bool> {
    oracles::run(folder)
}

#[cfg(not(feature = "oracles"))]
fn compare(folder: &Path) -> anyhow::Result<bool> {
    anyhow::bail!(
        "compare with other parsers, which this build is without: \
         `cargo run -p xtask --features oracles -- corpus {} --oracles`",
        folder.display()
    )
}

fn options_of(words: &[&str]) -> Option<corpus::Options> {
    let mut options = corpus::Options::default();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--reasons" => options.reasons = words.next()?.parse().ok()?,
            "--write" => options.write = Some(PathBuf::from(words.next()?)),
            _ => return None,
        }
    }
    Some(options)
}
