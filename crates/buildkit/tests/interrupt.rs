//! Signals in the middle of a build: nothing may be left behind, not even after `SIGKILL`.
//!
//! Signals are for a whole process, so each test runs this program once more, as the one that gets them.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod support;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cachemount_buildkit::{BuildError, BuildEvent, Builder, EngineOptions, PrivateEngine, interrupt};
use fs_err as fs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use support::{Context, Traces, engine, process, skipped};

/// Names the file in which the second run of this program reports how far it is.
const REPORT: &str = "CACHEMOUNT_TEST_REPORT";
const PAUSE: Duration = Duration::from_millis(50);

/// No test by itself: what the second run of this program does.
#[test]
fn second_run_builds_until_interrupted() {
    let Some(report) = std::env::var_os(REPORT).map(PathBuf::from) else {
        return;
    };
    interrupt::install().unwrap();
    let engine = engine();
    let context = Context::new("RUN --mount=type=cache,target=/c echo $BUST >/c/x; while true; do sleep 1; done");
    let folder = engine.folder().display().to_string();
    let error = engine
        .build(&context.request("a", "1"), &mut |event| {
            if let BuildEvent::StepStarted { name } = event
                && name.contains("while true")
            {
                fs::write(&report, &folder).unwrap();
            }
        })
        .unwrap_err();
    assert!(matches!(error, BuildError::Interrupted), "{error}");
    // No further build is begun, but mounts can be removed, unless there was a second signal.
    assert!(matches!(
        engine.build(&context.request("a", "2"), &mut |_| {}),
        Err(BuildError::Interrupted)
    ));
    match engine.prune_mounts("a") {
        Ok(_) => assert_eq!(engine.mounts("a").unwrap(), []),
        Err(error) => assert!(interrupt::insisted(), "{error}"),
    }
}

struct SecondRun {
    child: Child,
    traces: Traces,
    _folder: tempfile::TempDir,
}

impl SecondRun {
    /// Runs until the endless step runs.
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let report = folder.path().join("report");
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "second_run_builds_until_interrupted", "--nocapture"])
            .env(REPORT, &report)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let engine = loop {
            if let Some(status) = child.try_wait().unwrap() {
                panic!("the second run ended early: {status}");
            }
            match fs::read_to_string(&report) {
                Ok(text) if !text.is_empty() => break text,
                _ => std::thread::sleep(PAUSE),
            }
        };
        // The step's own processes start a moment later.
        let traces = loop {
            let traces = Traces::of(Path::new(&engine));
            if traces.processes().len() >= 4 {
                break traces;
            }
            std::thread::sleep(PAUSE);
        };
        Self {
            child,
            traces,
            _folder: folder,
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().try_into().unwrap()), signal).unwrap();
    }
}

fn ends_cleanly_after(signals: &[Signal]) {
    let mut run = SecondRun::start();
    for signal in signals {
        run.signal(*signal);
        std::thread::sleep(PAUSE);
    }
    let status = run.child.wait().unwrap();
    assert!(status.success(), "{status}");
    assert_eq!(run.traces.present(), Vec::<String>::new());
}

#[test]
fn ctrl_c_leaves_nothing() {
    if !skipped() {
        ends_cleanly_after(&[Signal::SIGINT]);
    }
}

#[test]
fn termination_and_hang_up_leave_nothing() {
    if !skipped() {
        ends_cleanly_after(&[Signal::SIGTERM]);
        ends_cleanly_after(&[Signal::SIGHUP]);
    }
}

#[test]
fn impatience_leaves_nothing() {
    if !skipped() {
        ends_cleanly_after(&[Signal::SIGINT, Signal::SIGINT]);
    }
}

#[test]
fn a_killed_owner_leaves_nothing() {
    if skipped() {
        return;
    }
    let mut run = SecondRun::start();
    run.signal(Signal::SIGKILL);
    run.child.wait().unwrap();
    // The supervisor takes it down, on its own time; the test would hang if it did not.
    while !run.traces.present().is_empty() {
        std::thread::sleep(PAUSE);
    }
}

#[test]
fn what_a_killed_supervisor_left_is_swept() {
    if skipped() {
        return;
    }
    let base = tempfile::tempdir_in("/var/tmp").unwrap();
    let options = EngineOptions {
        base: Some(base.path().to_owned()),
        ..EngineOptions::default()
    };
    let engine = PrivateEngine::start(&options).unwrap();
    let traces = Traces::of(engine.folder());
    assert_eq!(PrivateEngine::sweep_stale(&options).unwrap(), 0, "it is in use");
    kill_supervisor(engine.folder());
    assert!(!traces.present().is_empty());
    assert_eq!(PrivateEngine::sweep_stale(&options).unwrap(), 1);
    assert_eq!(traces.present(), Vec::<String>::new());
    assert!(engine.stop().is_err(), "its supervisor was killed");
}

/// The supervisor's environment names the folder; its children's does as well, so it is the one whose parent is us.
fn kill_supervisor(folder: &Path) {
    let wanted = format!("CM_DIR={}", folder.display());
    let own = std::process::id().to_string();
    let supervisor = process(|number, name, _| {
        let read = |file: &str| fs::read(format!("/proc/{number}/{file}")).unwrap_or_default();
        let stat = String::from_utf8_lossy(&read("stat")).into_owned();
        let parent = stat
            .rsplit_once(')')
            .and_then(|(_, rest)| rest.split_whitespace().nth(1));
        name == "sh"
            && parent == Some(own.as_str())
            && read("environ")
                .split(|byte| *byte == 0)
                .any(|variable| variable == wanted.as_bytes())
    });
    kill(Pid::from_raw(supervisor), Signal::SIGKILL).unwrap();
}

/// Builds an endless step and kills a process once the step runs; what the build then says.
fn killed_in_the_middle(engine: &PrivateEngine, victim: impl Fn(&Context) -> i32) -> String {
    let context = Context::new("RUN echo half way; while true; do sleep 1; done");
    let error = engine
        .build(&context.request("a", "1"), &mut |event| {
            if let BuildEvent::StepStarted { name } = event
                && name.contains("while true")
            {
                kill(Pid::from_raw(victim(&context)), Signal::SIGKILL).unwrap();
            }
        })
        .unwrap_err();
    assert!(matches!(error, BuildError::Client(_)), "{error:?}");
    error.to_string()
}

#[test]
fn a_daemon_that_dies_is_not_a_failed_step() {
    if skipped() {
        return;
    }
    let engine = engine();
    let folder = engine.folder().display().to_string();
    let text = killed_in_the_middle(&engine, |_| {
        process(|_, name, arguments| name == "dockerd" && arguments.contains(&folder))
    });
    assert!(text.contains("the connection to the builder was lost"), "{text}");
    assert!(text.contains("while step `[stage-1 1/1] RUN echo half way;"), "{text}");
    let traces = Traces::of(engine.folder());
    engine.stop().unwrap();
    assert_eq!(traces.present(), Vec::<String>::new());
}

#[test]
fn a_client_that_dies_names_the_step() {
    if skipped() {
        return;
    }
    let engine = engine();
    let text = killed_in_the_middle(&engine, |context| {
        let path = context.path().display().to_string();
        process(|_, name, arguments| name == "docker" && arguments.contains(&path))
    });
    assert!(text.contains("the client was killed by signal 9"), "{text}");
    assert!(text.contains("while step `[stage-1 1/1] RUN echo half way;"), "{text}");
}

#[test]
fn a_build_over_its_time_limit_is_ended() {
    if skipped() {
        return;
    }
    let engine = engine().with_time_limit(Duration::from_secs(2));
    let context = Context::new("RUN while true; do sleep 1; done");
    let error = engine.build(&context.request("a", "1"), &mut |_| {}).unwrap_err();
    assert!(
        error.to_string().contains("the build did not end within 2 s"),
        "{error}"
    );
    // The engine goes on.
    context.write("RUN echo $BUST");
    let engine = engine.with_time_limit(Duration::from_mins(10));
    support::build(&engine, &context.request("a", "2"));
}
