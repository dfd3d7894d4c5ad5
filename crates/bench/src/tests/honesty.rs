//! Mistakes that people made by hand, and that must not become numbers.

use super::engine::{Quirks, engine};
use super::{AFTER, BEFORE, context, measure, options, order, reason, subject, variants};
use crate::results::MountState;
use crate::scenario::{Change, Scenario};
use crate::session::{Bench, BenchError};
use crate::subject::Options;

#[test]
fn a_touched_lock_file_is_not_measured() {
    let builder = engine(Quirks::default());
    let touched = Options {
        changes: vec![(Scenario::Dependencies, Change::Touch { path: "uv.lock".into() })],
        ..options(&[Scenario::Cold, Scenario::Dependencies], 3)
    };
    let results = measure(&builder, &variants(BEFORE, AFTER), &touched);
    let said = reason(&results, Scenario::Dependencies, 0).unwrap();
    assert!(
        said.contains("line 3") && said.contains("came from the layer cache"),
        "{said}"
    );
    let said = reason(&results, Scenario::Dependencies, 1).unwrap();
    assert!(said.contains("`before` is not measured"), "{said}");
    let summary = results.summary.scenario(Scenario::Dependencies).unwrap();
    assert!(summary.comparison.is_none() && summary.mounts_saved.is_none());
    assert_eq!(summary.figures, [None, None]);
    // It is not tried again and again, nor is the other one: two cold builds, a look's and the one that failed.
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
    assert!(said.starts_with("the cold build of `after`"), "{said}");
    assert_eq!(reason(&results, Scenario::Dependencies, 0), Some(said));
    // The other variant's cold build is measured, and compared with nothing.
    assert_eq!(reason(&results, Scenario::Cold, 0), None);
    assert_eq!(
        order(&builder),
        ["images", "context", "0-0", "1-0", "-cachemount-1-0", "-cachemount-0-0"]
    );
    assert!(results.summary.scenarios.iter().all(|s| s.comparison.is_none()));
}

#[test]
fn nothing_is_built_behind_a_cold_build_that_fails() {
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
    for (scenario, variant) in [
        (Scenario::Cold, 1),
        (Scenario::Dependencies, 0),
        (Scenario::Dependencies, 1),
    ] {
        let said = reason(&results, scenario, variant).unwrap();
        assert!(said.contains("`before`") && said.contains("exit code 7"), "{said}");
    }
    assert_eq!(order(&builder), ["images", "context", "0-0", "-cachemount-0-0"]);
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

#[test]
fn a_path_that_is_no_file_of_the_context_is_refused_before_any_build() {
    let context = context();
    let absolute = context.path().join("main.py");
    let subject = subject(context.path());
    let variants = variants(BEFORE, AFTER);
    let builder = engine(Quirks::default());
    for path in [absolute.to_str().unwrap(), "../main.py", "none.py", ""] {
        for change in [
            Change::Content { path: path.into() },
            Change::Touch { path: path.into() },
        ] {
            let given = Options {
                changes: vec![(Scenario::Source, change)],
                ..options(&[Scenario::Source], 1)
            };
            let error = Bench::start(&builder, &subject, &variants, &given).unwrap_err();
            assert!(matches!(error, BenchError::Change { .. }), "{error}");
            let text = error.to_string();
            assert!(
                text.starts_with(&format!("change `{path}` for the scenario `source`: ")),
                "{text}"
            );
        }
    }
    let given = Options {
        changes: vec![(Scenario::Unchanged, Change::Content { path: "main.py".into() })],
        ..options(&[Scenario::Unchanged], 1)
    };
    let error = Bench::start(&builder, &subject, &variants, &given).unwrap_err();
    assert!(
        error.to_string().contains("nothing is changed in this scenario"),
        "{error}"
    );
    assert!(order(&builder).is_empty());
    let given = Options {
        changes: vec![(
            Scenario::Source,
            Change::Content {
                path: "./main.py".into(),
            },
        )],
        ..options(&[Scenario::Source], 1)
    };
    let results = measure(&builder, &variants, &given);
    assert_eq!(reason(&results, Scenario::Source, 0), None);
}

#[test]
fn a_bad_repetition_leaves_the_pairs_before_it() {
    let builder = engine(Quirks {
        // Two cold builds, a look's, two pairs and the first of the third.
        fails_at: Some(8),
        ..Quirks::default()
    });
    let results = measure(
        &builder,
        &variants(BEFORE, AFTER),
        &options(&[Scenario::Dependencies], 4),
    );
    let dependencies = results.scenario(Scenario::Dependencies).unwrap();
    for outcome in &dependencies.outcomes {
        let repetitions: Vec<_> = outcome.builds().unwrap().iter().map(|build| build.repetition).collect();
        assert_eq!(repetitions, [0, 1]);
    }
    let summary = results.summary.scenario(Scenario::Dependencies).unwrap();
    assert_eq!(summary.comparison.as_ref().unwrap().pairs.len(), 2);
    let note = &results.notes[0];
    assert!(
        note.starts_with("dependencies: measured with fewer repetitions")
            && note.contains("Repetition 3 of `after`")
            && note.contains("failed by order"),
        "{note}"
    );
    // Neither variant is built again.
    let builds = order(&builder);
    let of = |state: &str| builds.iter().filter(|word| *word == state).count();
    assert_eq!((of("0-0"), of("1-0")), (4, 5));
}

#[test]
fn there_are_no_more_repetitions_than_packages() {
    let builder = engine(Quirks::default());
    let results = measure(&builder, &variants(BEFORE, AFTER), &options(&[Scenario::System], 12));
    let system = results.scenario(Scenario::System).unwrap();
    // Ten packages, one of which the looks take.
    for outcome in &system.outcomes {
        assert_eq!(outcome.builds().unwrap().len(), 9);
    }
    assert_eq!(results.notes.len(), 1, "{:?}", results.notes);
    assert!(results.notes[0].contains("there are 9 to add"), "{:?}", results.notes);
}

#[test]
fn a_file_that_no_step_reads_is_not_measured() {
    let given = |scenario, path: &str| Options {
        changes: vec![(scenario, Change::Content { path: path.into() })],
        ..options(&[scenario], 2)
    };
    let narrow = |text: &str| text.replace("COPY . .", "COPY main.py .");
    let context = context();
    fs_err::write(context.path().join("notes.md"), "x\n").unwrap();
    let subject = subject(context.path());
    for (scenario, path, part) in [
        (Scenario::Source, "notes.md", "no step reads `notes.md`"),
        (
            Scenario::Dependencies,
            "main.py",
            "no step that installs the project's packages",
        ),
    ] {
        let (variants, options) = (variants(&narrow(BEFORE), &narrow(AFTER)), given(scenario, path));
        let builder = engine(Quirks::default());
        let mut bench = Bench::start(&builder, &subject, &variants, &options).unwrap();
        let results = bench.measure(String::new(), &mut crate::Silent).unwrap();
        let said = reason(&results, scenario, 0).unwrap();
        assert!(said.starts_with(part), "{said}");
        drop(bench);
        // Not a build more than the cold ones.
        let builds = order(&builder);
        let measured = builds.iter().filter(|word| ["0-0", "1-0"].contains(&word.as_str()));
        assert_eq!(measured.count(), 2, "{builds:?}");
    }
}
