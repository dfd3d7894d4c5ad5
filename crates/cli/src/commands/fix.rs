//! `cachemount fix`

use std::io::Write;

use anyhow::Result;
use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::{FixOptions, Fixed};
use rayon::prelude::*;
use similar::TextDiff;

use crate::Outcome;
use crate::args::{FixArgs, Format};
use crate::discover::{Input, inputs};
use crate::output::{self, Checked, concise, count, human, json};
use crate::write;

struct One {
    input: Input,
    before: Vec<u8>,
    fixed: Fixed,
}

/// Fixes every file; one that cannot be used does not stop the others.
pub fn run(options: &FixArgs) -> Result<Outcome> {
    let (inputs, mut problems) = inputs(&options.paths);
    let knowledge = Knowledge::builtin();
    let fix_options = FixOptions {
        unsafe_fixes: options.unsafe_fixes,
    };
    let results: Vec<Result<One, String>> = inputs
        .into_par_iter()
        .map(|input| fix_one(input, knowledge, &fix_options))
        .collect();
    let mut left = Vec::new();
    let mut changed = 0;
    let mut fixes = 0;
    for result in results {
        let one = match result {
            Ok(one) => one,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        for refused in &one.fixed.refused {
            problems.push(format!(
                "{}: a fix was thrown away because it would have changed more than it meant; please report this: {refused}",
                one.input.shown
            ));
        }
        if one.fixed.source != one.before {
            changed += 1;
            fixes += one.fixed.applied.len();
            if let Err(error) = put(&one, options) {
                problems.push(format!("failed to {error:#}"));
            }
        } else if one.input.path.is_none() && !options.diff {
            std::io::stdout().write_all(&one.before)?;
        }
        left.push(Checked {
            shown: one.input.shown,
            source: one.fixed.source,
            report: one.fixed.report,
        });
    }
    // With `-`, standard output is the file; what is left goes where it does not mix.
    let to_stdout = options.paths.iter().all(|path| path.as_os_str() != "-");
    match options.output_format {
        Format::Json if to_stdout => json::print(&left, &problems)?,
        Format::Human if to_stdout => left.iter().for_each(|file| human::print(file, true)),
        Format::Concise if to_stdout => left.iter().for_each(|file| concise::print(file, true)),
        _ => {}
    }
    for problem in &problems {
        output::error(problem);
    }
    if options.output_format == Format::Human {
        let did = if options.diff { "would be" } else { "were" };
        let remaining: usize = left.iter().map(|file| file.report.findings.len()).sum();
        let alone: usize = left.iter().map(|file| file.report.left_alone.len()).sum();
        anstream::eprintln!(
            "{} looked at: {} {did} changed by {}; {} left, {} left alone",
            count(left.len(), "file"),
            changed,
            count(fixes, "fix").replace("fixs", "fixes"),
            count(remaining, "finding"),
            count(alone, "install"),
        );
    }
    Ok(super::check::outcome(&left, &problems))
}

fn fix_one(input: Input, knowledge: &Knowledge, options: &FixOptions) -> Result<One, String> {
    let before = input.read().map_err(|error| format!("failed to {error:#}"))?;
    let fixed = cachemount_lint::fix(&before, knowledge, options)
        .map_err(|error| format!("failed to fix {}: {error}", input.shown))?;
    Ok(One { input, before, fixed })
}

/// Writes the result where it belongs.
fn put(one: &One, options: &FixArgs) -> Result<()> {
    if options.diff {
        print_diff(one);
        return Ok(());
    }
    match &one.input.path {
        None => std::io::stdout().write_all(&one.fixed.source)?,
        Some(path) => {
            write::replace(path, &one.fixed.source)?;
            for applied in &one.fixed.applied {
                anstream::eprintln!(
                    "{}:{}: {} ({})",
                    one.input.shown,
                    applied.line,
                    applied.title,
                    applied.rule
                );
            }
        }
    }
    Ok(())
}

fn print_diff(one: &One) {
    let before = String::from_utf8_lossy(&one.before);
    let after = String::from_utf8_lossy(&one.fixed.source);
    let name = &one.input.shown;
    let diff = TextDiff::from_lines(before.as_ref(), after.as_ref());
    anstream::print!(
        "{}",
        diff.unified_diff()
            .context_radius(3)
            .header(&format!("a/{name}"), &format!("b/{name}"))
    );
}
