//! `cachemount check`

use anyhow::Result;
use cachemount_lint::edit::Safety;
use cachemount_lint::knowledge::Knowledge;
use rayon::prelude::*;

use crate::Outcome;
use crate::args::{CheckArgs, Format};
use crate::discover::{Input, inputs};
use crate::output::{self, Checked, concise, count, human, json};

/// Checks every file; one that cannot be read does not stop the others.
pub fn run(options: &CheckArgs) -> Result<Outcome> {
    let (inputs, mut problems) = inputs(&options.paths);
    let knowledge = Knowledge::builtin();
    let results: Vec<Result<Checked, String>> = inputs.par_iter().map(|input| check_one(input, knowledge)).collect();
    let mut files = Vec::new();
    for result in results {
        match result {
            Ok(checked) => files.push(checked),
            Err(problem) => problems.push(problem),
        }
    }
    match options.output_format {
        Format::Json => json::print(&files, &problems)?,
        Format::Human => files
            .iter()
            .for_each(|file| human::print(file, options.show_left_alone || !file.report.findings.is_empty())),
        Format::Concise => files
            .iter()
            .for_each(|file| concise::print(file, options.show_left_alone)),
    }
    for problem in &problems {
        output::error(problem);
    }
    if options.output_format == Format::Human {
        summarise(&files);
    }
    Ok(outcome(&files, &problems))
}

fn check_one(input: &Input, knowledge: &Knowledge) -> Result<Checked, String> {
    let source = input.read().map_err(|error| format!("failed to {error:#}"))?;
    let report = cachemount_lint::check(&source, knowledge);
    Ok(Checked {
        shown: input.shown.clone(),
        source,
        report,
    })
}

/// What the exit code says of checked files.
pub fn outcome(files: &[Checked], problems: &[String]) -> Outcome {
    if !problems.is_empty() || files.iter().any(|file| !file.report.syntax_errors.is_empty()) {
        Outcome::Unusable
    } else if files.iter().any(|file| !file.report.findings.is_empty()) {
        Outcome::Findings
    } else {
        Outcome::Good
    }
}

fn summarise(files: &[Checked]) {
    let findings: Vec<_> = files.iter().flat_map(|file| &file.report.findings).collect();
    let safe = findings
        .iter()
        .filter(|f| f.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Safe))
        .count();
    let more = findings
        .iter()
        .filter(|f| f.fix.as_ref().is_some_and(|fix| fix.safety == Safety::Unsafe))
        .count();
    let left: usize = files.iter().map(|file| file.report.left_alone.len()).sum();
    let mut text = format!(
        "{} checked: {}",
        count(files.len(), "file"),
        count(findings.len(), "finding")
    );
    if safe > 0 {
        text.push_str(&format!(", {safe} repaired by `cachemount fix`"));
    }
    if more > 0 {
        text.push_str(&format!(", {more} more by `cachemount fix --unsafe`"));
    }
    if left > 0 {
        text.push_str(&format!("; {} left alone", count(left, "install")));
    }
    anstream::eprintln!("{text}");
}
