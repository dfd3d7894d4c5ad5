//! `cachemount optimize`

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use cachemount_bench::report;
use cachemount_buildkit::interrupt;

use super::bench::{any_build, measured};
use crate::Outcome;
use crate::args::OptimizeArgs;
use crate::measuring;
use crate::output::count;
use crate::session::{self, Target};
use crate::write;

/// The whole job: fix, measure, verify, report.
pub fn run(options: &OptimizeArgs) -> Result<Outcome> {
    let target = Target::read(&options.build)?;
    let settings = measuring::options(&options.measure)?;
    tell(&target);
    if !target.changed() {
        anstream::println!(
            "Nothing to do: no cache mount is missing or wrong in {}.",
            target.dockerfile.display()
        );
        return Ok(Outcome::Findings);
    }
    let folder = options
        .measure
        .out
        .clone()
        .unwrap_or_else(|| PathBuf::from("cachemount-report"));
    measuring::writable(&folder)?;
    interrupt::install().context("watch for signals")?;
    let builder = session::builder(&options.build)?;
    let variants = [
        measuring::variant("before", &target.before),
        measuring::variant("after", &target.after),
    ];
    let subject = measuring::subject(&target, &options.build);
    let mut results = measuring::run(&builder, &subject, &variants, &settings, true)?;
    results.changes = vec![measuring::diff(&target.dockerfile, &target.before, &target.after)];
    results.derive();
    anstream::println!("{}", report::terminal(&results).trim_end());
    if results.interrupted && !any_build(&results) {
        // An earlier report is worth more than an empty one.
        return Ok(Outcome::Unusable);
    }
    measuring::write_reports(&folder, &results)?;
    anstream::eprintln!(
        "wrote {} and {}",
        folder.join("report.md").display(),
        folder.join("results.json").display()
    );
    if !measured(&results) {
        return Ok(Outcome::Unusable);
    }
    if !results.summary.verdict.worth {
        return Ok(Outcome::Findings);
    }
    if options.write {
        apply(&target.dockerfile, &target.before, &target.after)?;
    } else {
        anstream::eprintln!(
            "{} is unchanged; `--write` or `cachemount fix` puts the mounts in",
            target.dockerfile.display()
        );
    }
    Ok(Outcome::Good)
}

/// Says what the fixes are before hours are spent on measuring them.
fn tell(target: &Target) {
    anstream::eprintln!(
        "{}: {}",
        target.dockerfile.display(),
        count(target.applied.len(), "fix").replace("fixs", "fixes")
    );
    for applied in &target.applied {
        anstream::eprintln!("  line {}: {} ({})", applied.line, applied.title, applied.rule);
    }
    for left in &target.report.left_alone {
        anstream::eprintln!("  left alone: {}: {}", left.tool, left.reason);
    }
}

/// Puts the fixed Dockerfile in place, unless it was edited in the meantime.
fn apply(path: &Path, before: &str, after: &str) -> Result<()> {
    let now = fs_err::read(path)?;
    if now != before.as_bytes() {
        anyhow::bail!(
            "write {}: it was changed while the builds ran; run `cachemount fix`",
            path.display()
        );
    }
    write::replace(path, after.as_bytes())?;
    anstream::eprintln!("wrote {}", path.display());
    Ok(())
}
