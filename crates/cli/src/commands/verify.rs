//! `cachemount verify`

use anyhow::{Context, Result};
use cachemount_bench::verify::{CompareOptions, Comparison, compare_archives};
use cachemount_buildkit::builder::{BuildEvent, BuildRequest, Builder, Output};
use cachemount_buildkit::interrupt;
use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::outline::StepKind;

use crate::Outcome;
use crate::args::VerifyArgs;
use crate::session::{self, Target};

/// Builds both variants and compares their images.
pub fn run(options: &VerifyArgs) -> Result<Outcome> {
    let target = Target::read(&options.build)?;
    if !target.changed() {
        anstream::eprintln!("nothing to compare: the two Dockerfiles are the same");
        return Ok(Outcome::Good);
    }
    interrupt::install().context("watch for signals")?;
    let builder = session::builder(&options.build)?;
    let comparison = compare(&builder, &target, options)?;
    if options.json {
        anstream::println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        anstream::println!("{}", comparison.to_text().trim_end());
    }
    Ok(if comparison.same() {
        Outcome::Good
    } else {
        Outcome::Findings
    })
}

fn compare(builder: &dyn Builder, target: &Target, options: &VerifyArgs) -> Result<Comparison> {
    let folder = tempfile::Builder::new().prefix("cachemount-verify-").tempdir()?;
    let namespace = format!("cachemount-verify-{}", std::process::id());
    let mut archives = Vec::new();
    let mut built = Ok(());
    for (name, text) in [("before", &target.before), ("after", &target.after)] {
        let dockerfile = folder.path().join(format!("{name}.Dockerfile"));
        fs_err::write(&dockerfile, text)?;
        let archive = folder.path().join(format!("{name}.tar"));
        let request = BuildRequest {
            context: target.context.clone(),
            dockerfile,
            target: options.build.stage.clone(),
            build_args: target.build_args.clone(),
            build_contexts: target.build_contexts.clone(),
            mount_namespace: Some(namespace.clone()),
            output: Output::ImageArchive(archive.clone()),
        };
        anstream::eprintln!("building {name}");
        let outcome = builder.build(&request, &mut |event| {
            if let BuildEvent::StepEnded { name, cached } = event
                && name.contains("] RUN ")
            {
                let note = if cached { " (cached)" } else { "" };
                let short: String = name.chars().take(100).collect();
                anstream::eprintln!("  {short}{note}");
            }
        });
        match outcome {
            Ok(_) => archives.push(archive),
            Err(error) => {
                built = Err(anyhow::Error::from(error).context(format!("build {name}")));
                break;
            }
        }
    }
    // The mounts were ours alone.
    if let Err(error) = builder.prune_mounts(&namespace) {
        anstream::eprintln!("the mounts of this run could not be removed: {error}");
    }
    built?;
    let compared = compare_archives(
        &archives[0],
        &archives[1],
        &CompareOptions {
            mount_targets: mount_targets(&target.after),
            allow_removed_caches: true,
            ..CompareOptions::default()
        },
    );
    compared.context("compare the images")
}

/// Where the cache mounts of a Dockerfile are.
pub fn mount_targets(dockerfile: &str) -> Vec<String> {
    let outline = cachemount_lint::outline(dockerfile.as_bytes(), Knowledge::builtin());
    let mut targets: Vec<String> = outline
        .stages
        .iter()
        .flat_map(|stage| &stage.steps)
        .filter_map(|step| match &step.kind {
            StepKind::Run(run) => Some(run.mounts.iter().map(|mount| mount.target.clone())),
            _ => None,
        })
        .flatten()
        .collect();
    targets.sort();
    targets.dedup();
    targets
}
