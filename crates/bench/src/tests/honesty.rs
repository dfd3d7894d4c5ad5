//! Mistakes that people made by hand, and that must not become numbers.

use super::engine::{Quirks, engine};
use super::{AFTER, BEFORE, measure, options, order, reason, variants};
use crate::results::MountState;
use crate::scenario::{Change, Scenario};
use crate::subject::Options;

#[test]
fn a_touched_lock_file_is_not_measured() {
    let builder = engine(Quirks::default());
    let touched = Options {
        changes: vec![(Scenario::Dependencies, Change::Touch { path: "uv.lock".into() })],
        ..options(&[Scenario::Cold, Scenario::Dependencies], 3)
    };
    let results = measure(&builder, &variants(BEFORE, AFTER), &touched);
    for (variant, line) in [(0, "line 3"), (1, "line 3")] {
        let reason = reason(&results, Scenario::Dependencies, variant).unwrap();
        assert!(
            reason.contains(line) && reason.contains("came from the layer cache"),
            "{reason}"
        );
    }
    let summary = results.summary.scenario(Scenario::Dependencies).unwrap();
    assert!(summary.comparison.is_none() && summary.mounts_saved.is_none());
    assert_eq!(summary.figures, [None, None]);
    // It is not tried again and again: two cold builds, two warm ones.
    let builds = order(&builder);
    assert_eq!(
        builds
            .iter()
            .filter(|word| ["0-0", "1-0"].contains(&word.as_str()))
            .count(),
        4
    );
    // The cold figures stand, and are set against nothing but each other.
    assert_eq!(reason(&results, Scenario::Cold, 0), None);
    assert!(!results.summary.verdict.worth);
    assert!(
        results
            .summary
            .verdict
            .reasons
            .iter()
            .any(|reason| reason.contains("not measured")),
        "{:?}",
        results.summary.verdict
    );
}

#[test]
fn a_step_that_unexpectedly_stays_cached_is_not_measured() {
    let builder = engine(Quirks {
        always_cached: Some(("uv sync", "-1-")),
        ..Quirks::default()
    });
    let results = measure(
        &builder,
        &variants(BEFORE, AFTER),
        &options(&[Scenario::Cold, Scenario::Dependencies], 2),
    );
    let said = reason(&results, Scenario::Cold, 1).unwrap();
    assert!(said.contains("line 4") && said.contains("uv sync"), "{said}");
    let said = reason(&results, Scenario::Dependencies, 1).unwrap();
    assert!(said.contains("no state to start from"), "{said}");
    // The other variant is measured, and compared with nothing.
    assert_eq!(reason(&results, Scenario::Dependencies, 0), None);
    assert!(results.summary.scenarios.iter().all(|s| s.comparison.is_none()));
}

#[test]
fn a_warm_after_is_never_set_against_a_cold_before() {
    // Before fails when dependencies change, after fails when it is cold.
    let builder = engine(Quirks {
        fails: Some(("uv sync", "-0-")),
        ..Quirks::default()
    });
    let results = measure(
        &builder,
        &variants(BEFORE, AFTER),
        &options(&[Scenario::Cold, Scenario::Dependencies], 2),
    );
    let said = reason(&results, Scenario::Cold, 0).unwrap();
    assert!(
        said.contains("its build failed") && said.contains("exit code 7"),
        "{said}"
    );
    assert!(reason(&results, Scenario::Dependencies, 0).is_some());
    assert_eq!(reason(&results, Scenario::Cold, 1), None);
    assert_eq!(reason(&results, Scenario::Dependencies, 1), None);
    for summary in &results.summary.scenarios {
        assert!(summary.comparison.is_none());
        assert!(summary.mounts_saved.is_none());
    }
}

#[test]
fn two_runs_share_nothing() {
    let builder = engine(Quirks::default());
    let variants = variants(BEFORE, AFTER);
    let first = options(&[Scenario::Cold, Scenario::Dependencies], 1);
    let second = Options {
        seed: 0xdef,
        ..first.clone()
    };
    for options in [&first, &second] {
        let results = measure(&builder, &variants, options);
        for variant in [0, 1] {
            assert_eq!(reason(&results, Scenario::Cold, variant), None);
            assert_eq!(reason(&results, Scenario::Dependencies, variant), None);
        }
    }
    // The same seed again meets its own layers, and says so.
    let results = measure(&builder, &variants, &first);
    assert!(
        reason(&results, Scenario::Cold, 0)
            .unwrap()
            .contains("came from the layer cache")
    );
}

#[test]
fn mounts_are_judged_by_what_they_served_to_steps_that_ran() {
    let state = |mount| {
        let builder = engine(Quirks {
            mount: Some(mount),
            ..Quirks::default()
        });
        let results = measure(
            &builder,
            &variants(BEFORE, AFTER),
            &options(&[Scenario::Dependencies, Scenario::System], 1),
        );
        let mounts = results.mounts;
        assert_eq!(mounts.len(), 2);
        assert_eq!((mounts[0].id.as_str(), mounts[0].lines.as_slice()), ("apt", &[2][..]));
        let exercised: Vec<bool> = mounts[0].looks.iter().map(|look| look.exercised).collect();
        // The apt step does not run when dependencies change.
        assert_eq!(exercised, [false, true]);
        (mounts[0].state.clone(), mounts[1].state.clone())
    };
    assert_eq!(state((3, true)), (MountState::Serves, MountState::Serves));
    for (files, part) in [(0, "holds no files"), (3, "read none")] {
        let (apt, uv) = state((files, false));
        for state in [apt, uv] {
            assert!(
                matches!(&state, MountState::Dead { reason } if reason.contains(part)),
                "{state:?}"
            );
        }
    }
}

#[test]
fn a_scenario_that_does_not_apply_says_why() {
    let text = "FROM python\nRUN echo x\n";
    let builder = engine(Quirks::default());
    let results = measure(
        &builder,
        &variants(text, &text.replace("echo", "echo -n")),
        &options(&[Scenario::Source, Scenario::Dependencies, Scenario::System], 1),
    );
    for (scenario, part) in [
        (Scenario::Source, "no source file"),
        (Scenario::Dependencies, "no step installs"),
        (Scenario::System, "system packages"),
    ] {
        assert!(reason(&results, scenario, 0).unwrap().contains(part), "{scenario}");
    }
}
