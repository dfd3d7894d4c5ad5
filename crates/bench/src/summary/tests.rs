use super::*;
use crate::environment::Environment;
use crate::network::{HostTraffic, Network, Traffic};
use crate::results::{ImageResult, MountLook, MountResult, MountState, SCHEMA};

/// A scenario, the seconds of each build before and after, and the megabytes.
pub(crate) type Row<'a> = (Scenario, &'a [f64], &'a [f64], [u64; 2]);

/// Results of two variants.
pub(crate) fn results(scenarios: &[Row<'_>]) -> Results {
    let mut results = Results {
        schema: SCHEMA,
        subject: "service".into(),
        target: None,
        run: "00ab".into(),
        interrupted: false,
        environment: Environment {
            builder: cachemount_buildkit::BuilderInfo::default(),
            cores: 2,
            memory_bytes: Some(8 << 30),
            kernel: "Linux 6.12".into(),
            architecture: "x86_64".into(),
            started: "2026-01-01T00:00:00Z".into(),
            cachemount: "0.1.0".into(),
        },
        settings: Settings {
            runs: 3,
            cold_runs: 1,
            network: Network::parse("50mbit/20ms").unwrap(),
            counted: true,
            check_networks: vec![],
            prediction_bits: vec![20_000_000, 100_000_000, 1_000_000_000],
            context_files: 3,
            context_bytes: 4000,
        },
        variants: vec!["before".into(), "after".into()],
        changes: vec![],
        scenarios: scenarios
            .iter()
            .map(|(scenario, before, after, megabytes)| ScenarioResult {
                scenario: *scenario,
                what: "nothing".into(),
                outcomes: vec![measured(before, megabytes[0]), measured(after, megabytes[1])],
            })
            .collect(),
        mounts: vec![],
        checks: vec![],
        image: None,
        notes: vec![],
        summary: Summary::default(),
    };
    results.derive();
    results
}

fn measured(seconds: &[f64], megabytes: u64) -> Outcome {
    let builds = seconds
        .iter()
        .enumerate()
        .map(|(repetition, seconds)| Build {
            repetition,
            order: repetition,
            wall_seconds: *seconds,
            install_seconds: Some(seconds / 2.0),
            steps: vec![],
            client: cachemount_buildkit::ClientUsage::default(),
            builder: None,
            traffic: Some(Traffic {
                hosts: [(
                    "mirror.example".to_owned(),
                    HostTraffic {
                        received: megabytes * 1_000_000,
                        ..HostTraffic::default()
                    },
                )]
                .into(),
            }),
        })
        .collect();
    Outcome::Measured { builds }
}

pub(crate) fn same_image() -> ImageResult {
    ImageResult {
        same: true,
        paths: 100,
        files: 80,
        bytes_before: 1000,
        bytes_after: 1000,
        real: 0,
        harmless: 2,
        config: vec![],
        differences: vec![],
        text: "the same".into(),
    }
}

/// Cold alike, dependencies and system much faster.
pub(crate) fn good() -> Results {
    let mut results = results(&[
        (Scenario::Cold, &[50.0], &[49.0], [200, 200]),
        (Scenario::Unchanged, &[1.0, 1.0, 1.0], &[1.0, 1.1, 1.0], [0, 0]),
        (Scenario::Dependencies, &[20.0, 21.0, 22.0], &[4.0, 5.0, 4.5], [100, 1]),
        (Scenario::System, &[40.0, 41.0, 42.0], &[10.0, 11.0, 10.5], [150, 2]),
    ]);
    results.set_image(same_image());
    results
}

fn dead_mount(bytes: u64) -> MountResult {
    MountResult {
        variant: 1,
        id: "m".into(),
        target: "/m".into(),
        sharing: "shared".into(),
        owner: None,
        tool: None,
        lines: vec![2],
        looks: vec![MountLook {
            scenario: Scenario::System,
            exercised: true,
            figures: Some(crate::look::ServedFigures {
                bytes_before: bytes,
                bytes_after: bytes,
                files_before: 1,
                files_after: 1,
                served_files: 0,
                served_bytes: 0,
                added_files: 0,
                added_bytes: 0,
                share: None,
                reads_visible: true,
                dead: Some("holds 1 file(s), but the build read none of them".into()),
            }),
            problem: None,
        }],
        state: MountState::default(),
    }
}

#[test]
fn a_clear_gain_with_the_same_image_is_worth_it() {
    let good = good();
    let verdict = &good.summary.verdict;
    assert!(verdict.worth, "{verdict:?}");
    assert_eq!(
        verdict.reasons,
        [
            "dependencies: builds take 0.21 (0.20 to 0.24) of the time before",
            "system: builds take 0.26 (0.25 to 0.27) of the time before",
            "the image is the same: 100 paths compared",
        ]
    );
}

#[test]
fn savings_and_predictions() {
    let good = good();
    let system = good.summary.scenario(Scenario::System).unwrap();
    assert_eq!(system.layer_cache_saved, Some(9.0));
    assert_eq!(system.mounts_saved, Some(30.5));
    let cold = good.summary.scenario(Scenario::Cold).unwrap();
    assert_eq!(cold.layer_cache_saved, None);
    // 150 MB take 24 s at 50 Mbit/s and 60 s at 20; 17 s of the 41 are work.
    assert_eq!(system.predictions[0].bits_per_second, 20_000_000);
    assert_eq!(system.predictions[0].seconds[0], Some(77.0));
    let dependencies = good.summary.scenario(Scenario::Dependencies).unwrap();
    let comparison = dependencies.comparison.as_ref().unwrap();
    assert_eq!(comparison.bytes, Some(0.01));
    assert_eq!(comparison.pairs.len(), 3);
}

#[test]
fn what_keeps_a_change_from_being_worth_it() {
    let text = |results: &Results| {
        assert!(!results.summary.verdict.worth);
        results.summary.verdict.text.clone()
    };
    let mut without_image = good();
    without_image.image = None;
    without_image.derive();
    assert!(text(&without_image).contains("compare the images"));

    let mut other = good();
    other.set_image(ImageResult {
        same: false,
        real: 7,
        ..same_image()
    });
    assert!(text(&other).contains("Do not merge"));

    let mut costly = good();
    costly.mounts = vec![dead_mount(50_000_000)];
    costly.derive();
    assert!(text(&costly).contains("Do not merge"));

    let mut cheap = good();
    cheap.mounts = vec![dead_mount(10)];
    cheap.derive();
    assert!(cheap.summary.verdict.worth);
    let reasons = &cheap.summary.verdict.reasons;
    assert!(reasons.iter().any(|reason| reason.contains("`/m` is dead")));

    let mut slow = results(&[(Scenario::System, &[10.0, 10.0, 10.0], &[9.5, 9.0, 9.9], [0, 0])]);
    slow.set_image(same_image());
    assert!(text(&slow).contains("Not worth merging"));

    let mut nothing = results(&[(Scenario::Cold, &[10.0], &[9.0], [0, 0])]);
    nothing.set_image(same_image());
    assert!(text(&nothing).contains("No verdict"));
}

#[test]
fn a_loss_is_no_gain() {
    let judged = |scenarios: &[Row<'_>]| {
        let mut results = results(scenarios);
        results.set_image(same_image());
        results.summary.verdict
    };
    let dependencies: Row<'_> = (Scenario::Dependencies, &[20.0, 21.0], &[4.0, 5.0], [100, 1]);
    for slow in [Scenario::Cold, Scenario::Unchanged, Scenario::Source, Scenario::System] {
        let verdict = judged(&[dependencies, (slow, &[10.0, 10.0], &[13.0, 14.0], [0, 0])]);
        assert!(!verdict.worth, "{slow}");
        assert!(verdict.text.starts_with("Do not merge"), "{}", verdict.text);
        let said = format!("{slow}: builds are slower");
        assert!(
            verdict.reasons.iter().any(|reason| reason.contains(&said)),
            "{verdict:?}"
        );
    }
    // Twice a tenth of a second is a tenth of a second.
    let verdict = judged(&[dependencies, (Scenario::Unchanged, &[0.1, 0.1], &[0.2, 0.2], [0, 0])]);
    assert!(verdict.worth, "{verdict:?}");

    let verdict = judged(&[(Scenario::System, &[10.0], &[20.0], [0, 0])]);
    assert!(verdict.text.contains("slower"), "{verdict:?}");
    assert!(!verdict.reasons.iter().any(|reason| reason.contains("no clear gain")));

    let mut interrupted = good();
    interrupted.interrupted = true;
    interrupted.derive();
    assert!(!interrupted.summary.verdict.worth);
    assert!(interrupted.summary.verdict.text.starts_with("No verdict"));
}

#[test]
fn few_runs_need_a_larger_gain() {
    let faster = |before: &[f64], after: &[f64]| {
        let results = results(&[(Scenario::System, before, after, [0, 0])]);
        let summary = results.summary.scenario(Scenario::System).unwrap().clone();
        let comparison = summary.comparison.unwrap();
        // The rule is the same the other way round.
        let (mut turned, pairs) = (comparison.clone(), comparison.pairs.clone());
        turned.pairs = pairs.iter().map(|pair| 1.0 / pair).collect();
        turned.wall.interval = comparison.wall.interval.map(|interval| crate::stats::Interval {
            low: 1.0 / interval.high,
            high: 1.0 / interval.low,
        });
        assert_eq!(turned.clearly_slower(), comparison.clearly_faster());
        comparison.clearly_faster()
    };
    assert!(faster(&[10.0], &[7.9]));
    assert!(!faster(&[10.0], &[8.1]));
    assert!(faster(&[10.0, 10.0, 10.0], &[8.5, 8.6, 8.7]));
    // One repetition showed nothing.
    assert!(!faster(&[10.0, 10.0, 10.0], &[5.0, 9.5, 5.0]));
}

#[test]
fn repetitions_are_paired_by_number_and_without_a_partner_left_out() {
    let mut results = results(&[(Scenario::System, &[10.0, 20.0], &[5.0, 30.0], [0, 0])]);
    if let Outcome::Measured { builds } = &mut results.scenarios[0].outcomes[1] {
        builds.remove(0);
    }
    results.derive();
    let comparison = results.summary.scenarios[0].comparison.as_ref().unwrap();
    assert_eq!(comparison.pairs, [1.5]);
    assert!((comparison.wall.ratio - 1.5).abs() < 1e-9);
}

#[test]
fn a_variant_that_is_not_measured_is_compared_with_nothing() {
    let mut results = good();
    for scenario in [Scenario::Cold, Scenario::Dependencies] {
        let result = results.scenarios.iter_mut();
        for found in result.filter(|found| found.scenario == scenario) {
            found.outcomes[0] = Outcome::NotMeasured {
                reason: "its build failed".into(),
            };
        }
    }
    results.derive();
    let dependencies = results.summary.scenario(Scenario::Dependencies).unwrap();
    assert!(dependencies.comparison.is_none());
    assert!(dependencies.mounts_saved.is_none());
    let system = results.summary.scenario(Scenario::System).unwrap();
    assert!(system.layer_cache_saved.is_none());
    assert!(system.comparison.is_some());
}

#[test]
fn results_survive_the_file_and_newer_ones_are_refused() {
    let good = good();
    let json = good.to_json().unwrap();
    assert_eq!(Results::from_json(&json).unwrap(), good);
    let newer = json.replacen("\"schema\": 1", "\"schema\": 2", 1);
    assert_eq!(
        Results::from_json(&newer).unwrap_err().to_string(),
        "read results: their schema is 2, this program knows up to 1"
    );
    assert!(Results::from_json("{}").is_err());
    assert!(Results::from_json("no").is_err());
}

/// The original team's mistake: 138 s cold before against 2.6 s warm after, called "53x". Two scenarios never meet.
#[test]
fn a_warm_after_is_never_set_against_a_cold_before() {
    let mut results = results(&[
        (Scenario::Cold, &[138.12], &[138.76], [228, 228]),
        (Scenario::Unchanged, &[2.6], &[2.61], [0, 0]),
    ]);
    let missing = || Outcome::NotMeasured {
        reason: "its build failed".into(),
    };
    results.scenarios[0].outcomes[1] = missing();
    results.scenarios[1].outcomes[0] = missing();
    results.derive();
    // What is left is a cold before and a warm after: nothing to compare, nothing to say.
    for summary in &results.summary.scenarios {
        assert_eq!(summary.comparison, None, "{}", summary.scenario);
    }
    assert!(!results.summary.verdict.worth);
    let report = crate::report::markdown(&results);
    assert!(!report.contains("0.02") && !report.contains("53"), "{report}");
}
