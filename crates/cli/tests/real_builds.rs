//! The main job on real builds: services of the example fleet, before and after, in a private engine.
//!
//! They need root, an engine's programs and base images; `scripts/test` provides all three. `CACHEMOUNT_BASE_IMAGES` names
//! the folder of image archives. Without any of it they fail, unless `CACHEMOUNT_SKIP_ENGINE_TESTS=1` lets them be skipped.

mod support;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use support::{Outcome, Run, fleet};

/// One engine at a time: the tests measure nothing, but two cores are soon too few.
static ENGINE: Mutex<()> = Mutex::new(());

struct Engine {
    _turn: MutexGuard<'static, ()>,
    archives: Vec<String>,
    /// Where the program and its engine put what they need for a while. Short, for there are sockets in it.
    temporary: tempfile::TempDir,
}

fn engine() -> Option<Engine> {
    if std::env::var_os("CACHEMOUNT_SKIP_ENGINE_TESTS").is_some_and(|value| value == "1") {
        eprintln!("skipped: CACHEMOUNT_SKIP_ENGINE_TESTS=1");
        return None;
    }
    let folder = std::env::var_os("CACHEMOUNT_BASE_IMAGES")
        .map(PathBuf::from)
        .expect("CACHEMOUNT_BASE_IMAGES names a folder of image archives; `scripts/test` makes one");
    let mut archives: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of image archives")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tar"))
        .map(|path| path.display().to_string())
        .collect();
    archives.sort();
    assert!(!archives.is_empty(), "no image archives");
    let turn = ENGINE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    Some(Engine {
        _turn: turn,
        archives,
        temporary: tempfile::Builder::new()
            .prefix("cm")
            .tempdir_in("/var/tmp")
            .expect("a folder"),
    })
}

impl Engine {
    fn run(&self, command: &str, service: &str, more: &[&str]) -> Run {
        let target = fleet().join(service).display().to_string();
        let mut args = vec![command, &target];
        // Only what the service is built from: loading takes longer than some builds.
        let images: &[&str] = match service {
            "platform" => &["debian-", "astral-uv"],
            "frontend" => &["node-"],
            _ => &["python-", "astral-uv"],
        };
        for archive in &self.archives {
            if images
                .iter()
                .any(|image| archive.rsplit('/').next().is_some_and(|name| name.starts_with(image)))
            {
                args.extend(["--image-archive", archive]);
            }
        }
        args.extend(more);
        Run::new(&args).env("TMPDIR", self.temporary.path())
    }

    /// What is left of a run beside what it was asked to write.
    fn leftovers(&self) -> Vec<std::ffi::OsString> {
        std::fs::read_dir(self.temporary.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect()
    }
}

fn verify(service: &str) {
    let Some(engine) = engine() else { return };
    let outcome = engine.run("verify", service, &[]).go().expect(0);
    assert!(
        outcome.stdout.starts_with("The images are the same"),
        "{}",
        outcome.stdout
    );
    assert_eq!(engine.leftovers(), Vec::<std::ffi::OsString>::new());
}

#[test]
fn the_backend_image_is_the_same() {
    verify("backend");
}

#[test]
fn the_platform_image_is_the_same() {
    verify("platform");
}

#[test]
fn the_frontend_image_is_the_same() {
    verify("frontend");
}

/// Bench options that make a test of it: one run, no shaping, no predictions.
const ONCE: [&str; 6] = ["--network", "as-is", "--runs", "1", "--check-network", "none"];

fn results(outcome: &Outcome) -> serde_json::Value {
    serde_json::from_str(&outcome.read("out/results.json")).expect("results")
}

fn scenario<'a>(results: &'a serde_json::Value, name: &str) -> &'a serde_json::Value {
    let scenarios = results["scenarios"].as_array().expect("scenarios");
    scenarios
        .iter()
        .find(|scenario| scenario["scenario"] == name)
        .expect("the scenario")
}

/// The original team changed the lock file with `touch`, and took the layer cache for the mounts.
#[test]
fn a_touched_lock_file_is_not_measured() {
    let Some(engine) = engine() else { return };
    let mut options = vec![
        "--out",
        "out",
        "--scenario",
        "dependencies",
        "--change",
        "dependencies=touch:uv.lock",
    ];
    options.extend(ONCE);
    let outcome = engine.run("bench", "platform", &options).go().expect(2);
    let results = results(&outcome);
    let outcomes = scenario(&results, "dependencies")["outcomes"]
        .as_array()
        .expect("outcomes");
    let reason = |variant: usize| {
        assert_eq!(outcomes[variant]["state"], "not-measured", "{}", outcomes[variant]);
        outcomes[variant]["reason"].as_str().expect("a reason").to_owned()
    };
    assert!(reason(0).contains("came from the layer cache"), "{}", reason(0));
    // With nothing to compare it with, the other one is not even built.
    assert!(reason(1).contains("`before` is not measured"), "{}", reason(1));
    assert!(outcome.stdout.contains("not measured"), "{}", outcome.stdout);
}

/// APT mounts with docker-clean in place: they look right and hold nothing.
#[test]
fn a_mount_that_docker_clean_empties_is_called_dead() {
    let Some(engine) = engine() else { return };
    let source = std::fs::read_to_string(fleet().join("platform/Dockerfile")).expect("a Dockerfile");
    let by_hand = source
        .replacen(
            "RUN set -eux;",
            "RUN --mount=type=cache,id=hand-debs,target=/var/cache/apt,sharing=locked \\\n    --mount=type=cache,id=hand-lists,target=/var/lib/apt/lists,sharing=locked \\\n    set -eux;",
            1,
        )
        .replacen("apt-get clean && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/* /tmp/*", "rm -rf /tmp/*", 1);
    assert!(
        by_hand.contains("hand-debs") && !by_hand.contains("apt-get clean"),
        "the example changed"
    );
    let mut options = vec!["--out", "out", "--scenario", "system", "--after", "by-hand"];
    options.extend(ONCE);
    let outcome = engine
        .run("bench", "platform", &options)
        .file("by-hand", by_hand)
        .go()
        .expect(0);
    let results = results(&outcome);
    let mounts = results["mounts"].as_array().expect("mounts");
    let state = |target: &str| {
        let mount = mounts
            .iter()
            .find(|mount| mount["target"] == target)
            .expect("the mount");
        mount["state"]["state"].as_str().expect("a state").to_owned()
    };
    assert_eq!(state("/var/cache/apt"), "dead", "{}", results["mounts"]);
    assert_eq!(state("/var/lib/apt/lists"), "serves", "{}", results["mounts"]);
}

/// The whole job, small: what it writes, and that nothing else is left.
#[test]
fn optimize_reports_and_leaves_the_tree_alone() {
    let Some(engine) = engine() else { return };
    let before = std::fs::read_to_string(fleet().join("platform/Dockerfile")).expect("a Dockerfile");
    let mut options = vec!["--out", "out", "--scenario", "dependencies"];
    options.extend(ONCE);
    let outcome = engine.run("optimize", "platform", &options).go();
    // Worth it or not depends on this machine's network; that it could be measured does not.
    assert!(matches!(outcome.code, 0 | 1), "{}\n{}", outcome.stdout, outcome.stderr);
    let results = results(&outcome);
    assert_eq!(results["schema"], 1);
    assert_eq!(results["image"]["same"], true, "{}", results["image"]["text"]);
    for measured in scenario(&results, "dependencies")["outcomes"]
        .as_array()
        .expect("outcomes")
    {
        assert_eq!(measured["state"], "measured", "{measured}");
    }
    let dead = |mount: &&serde_json::Value| mount["state"]["state"] == "dead";
    let mounts = results["mounts"].as_array().expect("mounts");
    assert_eq!(mounts.iter().filter(dead).count(), 0, "{}", results["mounts"]);
    assert!(
        mounts.iter().any(|mount| mount["state"]["state"] == "serves"),
        "{}",
        results["mounts"]
    );
    assert!(
        outcome
            .read("out/report.md")
            .contains("--mount=type=cache,id=uv-debian-trixie")
    );
    assert_eq!(
        std::fs::read_to_string(fleet().join("platform/Dockerfile")).expect("a Dockerfile"),
        before
    );
    assert_eq!(engine.leftovers(), Vec::<std::ffi::OsString>::new());
}
