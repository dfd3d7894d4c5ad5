//! The schedule and its conclusions, by order of operations, on a builder that behaves as BuildKit's layer cache does.

mod engine;
mod honesty;
mod order;

use std::path::Path;

use cachemount_buildkit::{Call, Scripted};
use fs_err as fs;
use tempfile::TempDir;

use crate::fixture::parse;
use crate::progress::Silent;
use crate::results::{Outcome, Results};
use crate::scenario::Scenario;
use crate::session::Bench;
use crate::subject::{Options, Subject, Variant};

const BEFORE: &str = "FROM python\nRUN apt-get install git\nCOPY uv.lock ./\nRUN uv sync\nCOPY . .\n";
const AFTER: &str = "FROM python\nRUN --mount=type=cache,id=apt,target=/var/cache/apt apt-get install git\nCOPY uv.lock ./\n\
                     RUN --mount=type=cache,id=uv,target=/root/.cache/uv uv sync\nCOPY . .\n";

/// A context with a lock file and a source file.
fn context() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("uv.lock"), "version = 1\n").unwrap();
    fs::write(folder.path().join("main.py"), "print(1)\n").unwrap();
    folder
}

fn subject(context: &Path) -> Subject {
    Subject {
        name: "service".into(),
        context: context.to_owned(),
        ..Subject::default()
    }
}

fn variants(before: &str, after: &str) -> Vec<Variant> {
    [("before", before), ("after", after)]
        .map(|(name, text)| Variant {
            name: name.into(),
            dockerfile: text.into(),
            outline: parse(text),
        })
        .to_vec()
}

fn options(scenarios: &[Scenario], runs: usize) -> Options {
    Options {
        scenarios: scenarios.to_vec(),
        runs,
        seed: 0xabc,
        ..Options::default()
    }
}

/// A whole run; the context is looked after.
fn measure(builder: &Scripted, variants: &[Variant], options: &Options) -> Results {
    let context = context();
    let subject = subject(context.path());
    let mut bench = Bench::start(builder, &subject, variants, options).unwrap();
    let results = bench.measure("2026-01-01T00:00:00Z".into(), &mut Silent).unwrap();
    bench.finish().unwrap();
    assert_eq!(
        fs::read_to_string(context.path().join("uv.lock")).unwrap(),
        "version = 1\n"
    );
    results
}

/// Why a scenario is not measured, or `None` if it is.
fn reason(results: &Results, scenario: Scenario, variant: usize) -> Option<&str> {
    match &results.scenario(scenario).unwrap().outcomes[variant] {
        Outcome::Measured { builds } => {
            assert!(!builds.is_empty());
            None
        }
        Outcome::NotMeasured { reason } => Some(reason),
    }
}

/// What was asked of the builder, one word each: `images`, `look`, the state for a measured build, `-NAMESPACE`.
fn order(builder: &Scripted) -> Vec<String> {
    builder
        .calls()
        .iter()
        .map(|call| match call {
            Call::Build(request) => match request.target.as_deref() {
                Some("cachemount-images") => "images".to_owned(),
                Some("cachemount-context") => "context".to_owned(),
                _ => match argument(request, "CACHEMOUNT_STATE") {
                    Some(state) => state.to_owned(),
                    None => format!("look {}", request.mount_namespace.as_deref().unwrap()),
                },
            },
            Call::Mounts(namespace) => format!("?{namespace}"),
            Call::Prune(namespace) => format!("-{namespace}"),
        })
        .map(|word| word.replace("0000000000000abc-", ""))
        .collect()
}

fn argument<'a>(request: &'a cachemount_buildkit::BuildRequest, name: &str) -> Option<&'a str> {
    let mut arguments = request.build_args.iter();
    arguments.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}
