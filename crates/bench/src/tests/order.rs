//! The order of operations.

use cachemount_buildkit::{BuilderInfo, Output};

use super::engine::{Quirks, engine};
use super::{AFTER, BEFORE, context, measure, options, order, reason, subject, variants};
use crate::network::Network;
use crate::progress::{Event, Silent};
use crate::scenario::Scenario;
use crate::session::{Bench, BenchError};
use crate::subject::Options;
use crate::verify::CompareOptions;

#[test]
fn everything_in_its_order() {
    let builder = engine(Quirks::default());
    let all = Options {
        cold_runs: 2,
        ..options(&Scenario::ALL, 2)
    };
    let results = measure(&builder, &variants(BEFORE, AFTER), &all);
    assert_eq!(
        order(&builder),
        [
            "images",
            "context",
            // cold: AB, then BA, each in an empty namespace, the one before it gone
            "0-0",
            "1-0",
            "-cachemount-1-0",
            "1-1",
            "-cachemount-0-0",
            "0-1",
            // what the mounts serve, in builds that are not counted: dependencies, system
            "look cachemount-1-1",
            "1-1",
            "look cachemount-1-1",
            "look cachemount-1-1",
            "1-1",
            "look cachemount-1-1",
            // first repetition AB: unchanged, source, dependencies, system
            "0-1",
            "1-1",
            "0-1",
            "1-1",
            "0-1",
            "1-1",
            "0-1",
            "1-1",
            // second repetition BA
            "1-1",
            "0-1",
            "1-1",
            "0-1",
            "1-1",
            "0-1",
            "1-1",
            "0-1",
            "-cachemount-1-1",
            "-cachemount-0-1",
        ]
    );
    for scenario in Scenario::ALL {
        for variant in [0, 1] {
            assert_eq!(reason(&results, scenario, variant), None, "{scenario} {variant}");
        }
    }
    let ratio = |scenario| {
        let summary = results.summary.scenario(scenario).unwrap();
        let comparison = summary.comparison.as_ref().unwrap();
        (comparison.wall.ratio * 1000.0).round() / 1000.0
    };
    // 10 s a step, 3 s with a mount, 1 s for the rest of a build. Dependencies: two COPY and one install.
    assert!((ratio(Scenario::Unchanged) - 1.0).abs() < 1e-9);
    assert!((ratio(Scenario::Source) - 1.0).abs() < 1e-9);
    assert!((ratio(Scenario::Dependencies) - 0.774).abs() < 1e-9);
    assert!((ratio(Scenario::System) - 0.659).abs() < 1e-9);
    let dependencies = results.summary.scenario(Scenario::Dependencies).unwrap();
    assert_eq!(dependencies.mounts_saved, Some(7.0));
    // Cold before: the COPY of the lock file stands on RUN layers of its own, so that all four steps run.
    assert_eq!(dependencies.layer_cache_saved, Some(41.0 - 31.0));
    let install = dependencies.comparison.as_ref().unwrap().install.unwrap();
    assert!((install.ratio - 0.3).abs() < 1e-9);
}

#[test]
fn each_build_gets_what_its_variant_and_scenario_ask_for() {
    let builder = engine(Quirks::default());
    measure(&builder, &variants(BEFORE, AFTER), &options(&[Scenario::System], 2));
    let requests = builder.requests();
    let measured: Vec<_> = requests
        .iter()
        .filter(|request| request.dockerfile.parent().unwrap().ends_with("variant-1"))
        .collect();
    // Cold, between looks, and twice measured.
    assert_eq!(measured.len(), 4);
    for request in &measured {
        assert_eq!(request.output, Output::CacheOnly);
        assert_eq!(
            request.mount_namespace.as_deref(),
            Some("cachemount-0000000000000abc-1-0")
        );
        assert!(request.build_args.iter().any(|(key, _)| key == "HTTP_PROXY"));
        assert!(!request.dockerfile.starts_with(&request.context));
        assert!(!request.context.exists(), "the working copy is gone");
    }
}

#[test]
fn predictions_are_checked_at_other_lines() {
    let builder = engine(Quirks::default());
    let checked = Options {
        network: Network::parse("50mbit/20ms").unwrap(),
        check_networks: Options::usual_checks(Network::parse("50mbit/20ms").unwrap()),
        ..options(&[Scenario::Dependencies], 1)
    };
    let results = measure(&builder, &variants(BEFORE, AFTER), &checked);
    let seen: Vec<_> = results
        .checks
        .iter()
        .map(|check| {
            (
                check.network.to_string(),
                check.variant,
                check.predicted_seconds,
                check.error_percent,
            )
        })
        .collect();
    // Nothing is downloaded here, so that every line takes the same.
    assert_eq!(
        seen,
        [
            ("20mbit/20ms".to_owned(), 1, Some(24.0), Some(0.0)),
            ("20mbit/20ms".to_owned(), 0, Some(31.0), Some(0.0)),
            ("100mbit/20ms".to_owned(), 0, Some(31.0), Some(0.0)),
            ("100mbit/20ms".to_owned(), 1, Some(24.0), Some(0.0)),
        ]
    );
}

#[test]
fn a_builder_that_cannot_reach_us_is_measured_without_counting() {
    let builder = engine(Quirks::default()).with_info(BuilderInfo::default());
    let shaped = Options {
        network: Network::parse("50mbit").unwrap(),
        check_networks: vec![Network::parse("20mbit").unwrap()],
        ..options(&[Scenario::Dependencies], 1)
    };
    let results = measure(&builder, &variants(BEFORE, AFTER), &shaped);
    assert!(!results.settings.counted);
    assert_eq!(results.settings.network, Network::AS_IS);
    assert!(results.checks.is_empty());
    assert!(results.notes[0].contains("not counted"));
    let builds = results.scenarios[0].outcomes[0].builds().unwrap();
    assert_eq!(builds[0].downloaded(), None);
    let asked = builder.requests();
    assert!(
        asked
            .iter()
            .all(|r| r.build_args.iter().all(|(key, _)| key != "HTTP_PROXY"))
    );
}

#[test]
fn an_interruption_keeps_what_there_is_and_removes_the_mounts() {
    let builder = engine(Quirks {
        // Two cold builds, one between looks, two of the source scenario, and one of the system scenario.
        interrupted_at: Some(6),
        ..Quirks::default()
    });
    let context = context();
    let subject = subject(context.path());
    let variants = variants(BEFORE, AFTER);
    let options = options(&[Scenario::Cold, Scenario::Source, Scenario::System], 3);
    let mut bench = Bench::start(&builder, &subject, &variants, &options).unwrap();
    let results = bench.measure(String::new(), &mut Silent).unwrap();
    assert!(results.interrupted);
    let folder = bench.around().to_owned();
    assert!(folder.exists());
    drop(bench);
    assert!(!folder.exists());
    let order = order(&builder);
    assert_eq!(order[order.len() - 3..], ["1-0", "-cachemount-0-0", "-cachemount-1-0"]);
    assert_eq!(reason(&results, Scenario::Cold, 0), None);
    assert_eq!(reason(&results, Scenario::Source, 0), None);
    // One build of it was made, and its pair was not.
    assert_eq!(reason(&results, Scenario::System, 0), None);
    assert_eq!(reason(&results, Scenario::System, 1), Some("the run ended before it"));
    let system = results.summary.scenario(Scenario::System).unwrap();
    assert!(system.comparison.is_none());
    assert!(!results.summary.verdict.worth);
}

#[test]
fn an_error_on_the_way_removes_the_mounts_too() {
    let builder = engine(Quirks::default());
    let context = context();
    let subject = subject(context.path());
    let variants = variants(BEFORE, AFTER);
    let options = options(&[Scenario::Cold], 1);
    let mut bench = Bench::start(&builder, &subject, &variants, &options).unwrap();
    bench.measure(String::new(), &mut Silent).unwrap();
    // The layers of the cold state are used; the archives of this builder are none.
    let error = bench.verify(0, 1, &CompareOptions::default(), &mut Silent);
    assert!(matches!(error, Err(BenchError::Verify(_))));
    drop(bench);
    let order = order(&builder);
    assert_eq!(
        order[order.len() - 4..],
        ["0-0", "1-0-warm", "-cachemount-0-0", "-cachemount-1-0"]
    );
}

#[test]
fn one_variant_is_nothing_to_compare() {
    let builder = engine(Quirks::default());
    let context = context();
    let subject = subject(context.path());
    let variants = &variants(BEFORE, AFTER)[..1];
    let options = Options::default();
    let error = Bench::start(&builder, &subject, variants, &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "compare: at least two variants are needed, there is one"
    );
}

#[test]
fn progress_is_told() {
    let builder = engine(Quirks::default());
    let context = context();
    let subject = subject(context.path());
    let variants = variants(BEFORE, AFTER);
    let options = options(&[Scenario::Unchanged], 1);
    let mut bench = Bench::start(&builder, &subject, &variants, &options).unwrap();
    let mut told = Vec::new();
    bench
        .measure(String::new(), &mut |event: Event<'_>| match event {
            Event::BuildStarted {
                scenario,
                variant,
                repetition,
                of,
                done,
                total,
                ..
            } => told.push(format!("{scenario} {variant} {repetition}/{of}, {done} of {total}")),
            Event::BuildEnded { seconds, bytes } => told.push(format!("{seconds} s, {bytes:?}")),
            Event::Working(_) | Event::Step(_) | Event::NotMeasured { .. } => {}
        })
        .unwrap();
    assert_eq!(
        told,
        [
            "cold before 1/1, 0 of 4",
            "41 s, Some(0)",
            "cold after 1/1, 1 of 4",
            "27 s, Some(0)",
            "unchanged before 1/1, 2 of 4",
            "1 s, Some(0)",
            "unchanged after 1/1, 3 of 4",
            "1 s, Some(0)",
        ]
    );
}
