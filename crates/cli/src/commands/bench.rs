//! `cachemount bench`

use anyhow::{Context, Result, bail};
use cachemount_bench::report;
use cachemount_bench::results::{Outcome as Measured, Results};
use cachemount_buildkit::interrupt;

use crate::Outcome;
use crate::args::BenchArgs;
use crate::measuring;
use crate::session::{self, Target};

/// Measures variants against each other.
pub fn run(options: &BenchArgs) -> Result<Outcome> {
    let target = Target::read(&options.build)?;
    let variants = if options.variants.is_empty() {
        if !target.changed() {
            bail!(
                "compare anything: `fix` changes nothing in {}; name two Dockerfiles with `--variant`",
                target.dockerfile.display()
            );
        }
        vec![
            measuring::variant("before", &target.before),
            measuring::variant("after", &target.after),
        ]
    } else {
        named(&options.variants)?
    };
    let settings = measuring::options(&options.measure)?;
    if let Some(folder) = &options.measure.out {
        measuring::writable(folder)?;
    }
    interrupt::install().context("watch for signals")?;
    let builder = session::builder(&options.build)?;
    let subject = measuring::subject(&target, &options.build);
    let mut results = measuring::run(&builder, &subject, &variants, &settings, false)?;
    results.changes = vec![measuring::diff(
        &target.dockerfile,
        &variants[0].dockerfile,
        &variants[1].dockerfile,
    )];
    anstream::println!("{}", report::terminal(&results).trim_end());
    if let Some(folder) = options
        .measure
        .out
        .as_ref()
        .filter(|_| any_build(&results) || !results.interrupted)
    {
        measuring::write_reports(folder, &results)?;
        anstream::eprintln!(
            "wrote {} and {}",
            folder.join("report.md").display(),
            folder.join("results.json").display()
        );
    }
    Ok(if measured(&results) {
        Outcome::Good
    } else {
        Outcome::Unusable
    })
}

fn named(texts: &[String]) -> Result<Vec<cachemount_bench::subject::Variant>> {
    texts
        .iter()
        .map(|text| {
            let (name, path) = text
                .split_once('=')
                .with_context(|| format!("read `--variant {text}`: give it as NAME=PATH"))?;
            let dockerfile = fs_err::read_to_string(path)?;
            Ok(measuring::variant(name, &dockerfile))
        })
        .collect()
}

/// Whether anything was measured at all.
pub fn measured(results: &Results) -> bool {
    !results.interrupted
        && results.scenarios.iter().any(|scenario| {
            scenario
                .outcomes
                .iter()
                .all(|outcome| matches!(outcome, Measured::Measured { .. }))
        })
}

/// Whether any build was measured, for a run that was interrupted.
pub fn any_build(results: &Results) -> bool {
    let outcomes = results.scenarios.iter().flat_map(|scenario| &scenario.outcomes);
    outcomes.filter_map(Measured::builds).any(|builds| !builds.is_empty())
}
