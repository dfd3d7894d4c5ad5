//! What `bench` and `optimize` share: variants, options, the run, and the files that it writes.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use cachemount_bench::Bench;
use cachemount_bench::network::Network;
use cachemount_bench::report;
use cachemount_bench::results::{FileChange, ImageResult, Results};
use cachemount_bench::scenario::{Change, Scenario};
use cachemount_bench::subject::{Options, Subject, Variant};
use cachemount_bench::verify::CompareOptions;
use cachemount_buildkit::builder::Builder;
use cachemount_lint::knowledge::Knowledge;
use similar::TextDiff;

use crate::args::{BuildArgs, MeasureArgs};
use crate::progress::Shown;
use crate::session::Target;
use crate::write;

/// A Dockerfile under a name.
pub fn variant(name: &str, dockerfile: &str) -> Variant {
    Variant {
        name: name.to_owned(),
        dockerfile: dockerfile.to_owned(),
        outline: cachemount_lint::outline(dockerfile.as_bytes(), Knowledge::builtin()),
    }
}

/// What is built, with its name in reports.
pub fn subject(target: &Target, args: &BuildArgs) -> Subject {
    let folder = fs_err::canonicalize(&target.context).unwrap_or_else(|_| target.context.clone());
    let name = folder
        .file_name()
        .map_or_else(|| "image".to_owned(), |name| name.to_string_lossy().into_owned());
    let own_ignore = PathBuf::from(format!("{}.dockerignore", target.dockerfile.display()));
    Subject {
        name,
        context: target.context.clone(),
        target: args.stage.clone(),
        build_args: target.build_args.clone(),
        build_contexts: target.build_contexts.clone(),
        ignore_file: own_ignore.is_file().then_some(own_ignore),
    }
}

/// Reads the options of a measurement.
pub fn options(args: &MeasureArgs) -> Result<Options> {
    let network = Network::parse(&args.network).with_context(|| format!("read `--network {}`", args.network))?;
    let scenarios = if args.scenarios.is_empty() {
        Scenario::ALL.to_vec()
    } else {
        args.scenarios
            .iter()
            .map(|name| scenario(name))
            .collect::<Result<_>>()?
    };
    let check_networks = match args.check_networks.as_slice() {
        [] => Options::usual_checks(network),
        [none] if none == "none" => Vec::new(),
        texts => texts
            .iter()
            .map(|text| Network::parse(text).with_context(|| format!("read `--check-network {text}`")))
            .collect::<Result<_>>()?,
    };
    if args.runs == 0 || args.cold_runs == 0 {
        bail!("measure without a single run; give at least 1");
    }
    Ok(Options {
        scenarios,
        runs: args.runs,
        cold_runs: args.cold_runs,
        network,
        check_networks,
        changes: args.changes.iter().map(|text| change(text)).collect::<Result<_>>()?,
        ..Options::default()
    })
}

fn scenario(name: &str) -> Result<Scenario> {
    Scenario::ALL
        .into_iter()
        .find(|scenario| scenario.name() == name)
        .with_context(|| {
            let names: Vec<_> = Scenario::ALL.iter().map(|scenario| scenario.name()).collect();
            format!("find a scenario `{name}`; there are {}", names.join(", "))
        })
}

/// `SCENARIO=FILE`, or `SCENARIO=touch:FILE` for a change of the time alone.
fn change(text: &str) -> Result<(Scenario, Change)> {
    let (name, what) = text
        .split_once('=')
        .with_context(|| format!("read `--change {text}`: give it as SCENARIO=FILE"))?;
    let change = match what.strip_prefix("touch:") {
        Some(path) => Change::Touch { path: path.to_owned() },
        None => Change::Content { path: what.to_owned() },
    };
    Ok((scenario(name)?, change))
}

/// Makes the run. With `verify`, the images of the first two variants are compared.
pub fn run(
    builder: &dyn Builder,
    subject: &Subject,
    variants: &[Variant],
    options: &Options,
    verify: bool,
) -> Result<Results> {
    let mut shown = Shown::new();
    let mut bench = Bench::start(builder, subject, variants, options)?;
    let mut results = bench.measure(
        jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        &mut shown,
    )?;
    if verify && !results.interrupted {
        match bench.verify(0, 1, &CompareOptions::default(), &mut shown) {
            Ok(comparison) => results.set_image(ImageResult::from(&comparison)),
            Err(error) if error.is_interruption() => results.interrupted = true,
            Err(error) => {
                shown.line(&format!("the images could not be compared: {error}"));
                results
                    .notes
                    .push(format!("The images could not be compared: {error}."));
            }
        }
    }
    if let Err(error) = bench.finish() {
        results
            .notes
            .push(format!("The mounts of this run could not all be removed: {error}."));
    }
    Ok(results)
}

/// The difference between two Dockerfiles, for reports.
pub fn diff(path: &Path, before: &str, after: &str) -> FileChange {
    let shown = path.display().to_string();
    let diff = TextDiff::from_lines(before, after)
        .unified_diff()
        .context_radius(3)
        .header(&format!("a/{shown}"), &format!("b/{shown}"))
        .to_string();
    FileChange { path: shown, diff }
}

/// Makes sure that reports can be written to a folder, before hours are spent on them.
pub fn writable(folder: &Path) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    tempfile::Builder::new()
        .prefix(".cachemount-")
        .tempfile_in(folder)
        .with_context(|| format!("write in `{}`", folder.display()))?;
    Ok(())
}

/// Writes `report.md` and `results.json`, each whole or not at all.
pub fn write_reports(folder: &Path, results: &Results) -> Result<()> {
    fs_err::create_dir_all(folder)?;
    write::create(&folder.join("results.json"), results.to_json()?.as_bytes())?;
    write::create(&folder.join("report.md"), report::markdown(results).as_bytes())?;
    Ok(())
}
