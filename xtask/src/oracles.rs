//! Our parsers against others, over a corpus: `parse-dockerfile` for the file, `bash -n` and `brush-parser` for the
//! shell text of `RUN`.
//!
//! No parser is right by definition. A disagreement is either explained in [`explain`], with a matcher that says when
//! the explanation holds, or it fails the run.

mod bash;
mod brush;
mod command;
mod difference;
mod dockerfile;
mod explain;
mod report;
mod shell;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use cachemount_syntax::Dockerfile;

use difference::Difference;
use report::Counts;

/// Stack of a worker in bytes: brush descends recursively, and generously.
const STACK: usize = 256 << 20;

/// What was seen in some files.
#[derive(Default)]
struct Outcome {
    counts: Counts,
    differences: Vec<Difference>,
}

/// Compares over a folder; whether every disagreement is explained.
pub fn run(folder: &Path) -> Result<bool> {
    let paths = crate::corpus::files(folder)?;
    let next = AtomicUsize::new(0);
    let total = Mutex::new(Outcome::default());
    let workers = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    thread::scope(|scope| -> Result<()> {
        let mut handles = Vec::new();
        for _ in 0..workers {
            let handle = thread::Builder::new()
                .stack_size(STACK)
                .spawn_scoped(scope, || work(folder, &paths, &next, &total))
                .context("start a thread")?;
            handles.push(handle);
        }
        for handle in handles {
            handle
                .join()
                .map_err(|_| anyhow::anyhow!("compare: a worker panicked"))??;
        }
        Ok(())
    })?;
    let mut total = total.into_inner().unwrap_or_else(PoisonError::into_inner);
    // The workers finish in any order; the report must not depend on it.
    total
        .differences
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Ok(report::print(&total.counts, &total.differences))
}

fn work(folder: &Path, paths: &[PathBuf], next: &AtomicUsize, total: &Mutex<Outcome>) -> Result<()> {
    while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let source = fs_err::read(path)?;
        let outcome = one(&name, &source)?;
        let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
        total.counts.add(&outcome.counts);
        total.differences.extend(outcome.differences);
    }
    Ok(())
}

fn one(name: &str, source: &[u8]) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    outcome.counts.files += 1;
    // The other parsers take text only.
    let Ok(text) = std::str::from_utf8(source) else {
        outcome.counts.not_text += 1;
        return Ok(outcome);
    };
    let file = Dockerfile::parse(source);
    dockerfile::compare(name, text, &file, &mut outcome);
    for body in shell::bodies(name, source, &file) {
        shell::compare(&body, &mut outcome)?;
    }
    Ok(outcome)
}
