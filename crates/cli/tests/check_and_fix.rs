//! `check`, `fix` and `explain` as a user meets them.

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;

use support::Run;

const PIP: &str = "FROM python:3.13-slim\nRUN pip install flask\n";
const PIP_FIXED: &str = "FROM python:3.13-slim\nRUN --mount=type=cache,id=pip-python-3.13-slim,target=/root/.cache/pip \\\n    pip install flask\n";

#[test]
fn exit_codes_tell_clean_from_findings_from_errors() {
    Run::new(&["check"]).file("Dockerfile", "FROM scratch\n").go().expect(0);
    Run::new(&["check"]).file("Dockerfile", PIP).go().expect(1);
    Run::new(&["check", "missing"]).go().expect(2);
    Run::new(&["check"])
        .file("Dockerfile", "FROM a\nENV x\n")
        .go()
        .expect(2);
    Run::new(&["check", "--no-such-option"]).go().expect(2);
}

#[test]
fn one_bad_file_never_stops_the_others() {
    let run = Run::new(&["check", "--output-format", "concise", ".", "gone"])
        .file("a/Dockerfile", PIP)
        .file("b/Dockerfile", "FROM a\nENV x\n")
        .file("c.Dockerfile", PIP);
    let outcome = run.go().expect(2);
    assert_eq!(
        outcome.stdout,
        "a/Dockerfile:2:5: missing-mount: pip downloads without a cache mount [*]\n\
         b/Dockerfile:2:1: syntax: ENV needs a name and a value\n\
         c.Dockerfile:2:5: missing-mount: pip downloads without a cache mount [*]\n"
    );
    assert_eq!(
        outcome.stderr,
        "error: failed to read `gone`: there is no such file or folder\n"
    );
}

#[test]
fn ignored_files_are_skipped_unless_named() {
    let files = |run: Run| {
        run.file(".gitignore", "old/\n")
            .file("old/Dockerfile", PIP)
            .file("Dockerfile", "FROM scratch\n")
    };
    files(Run::new(&["check"])).go().expect(0);
    files(Run::new(&["check", "old/Dockerfile"])).go().expect(1);
}

#[test]
fn human_output_shows_source_reason_and_repair() {
    let outcome = Run::new(&["check"]).file("Dockerfile", PIP).go().expect(1);
    insta::assert_snapshot!(outcome.stdout);
    assert_eq!(
        outcome.stderr,
        "1 file checked: 1 finding, 1 repaired by `cachemount fix`\n"
    );
}

#[test]
fn what_is_left_alone_is_said_with_its_reason() {
    let outcome = Run::new(&["check", "--show-left-alone"])
        .file(
            "Dockerfile",
            "FROM python:3.13-slim\nRUN useradd -m app\nUSER app\nRUN pip install flask\n",
        )
        .go()
        .expect(0);
    insta::assert_snapshot!(outcome.stdout);
    assert!(outcome.stderr.contains("1 install left alone"), "{}", outcome.stderr);
}

#[test]
fn json_has_a_version_and_exact_places() {
    let outcome = Run::new(&["check", "--output-format", "json", "-"])
        .stdin(PIP)
        .go()
        .expect(1);
    let document: serde_json::Value = serde_json::from_str(&outcome.stdout).expect("JSON");
    assert_eq!(document["schema"], 1);
    let finding = &document["files"][0]["findings"][0];
    assert_eq!(
        (finding["line"].as_u64(), finding["column"].as_u64()),
        (Some(2), Some(5))
    );
    let offset = |key: &str| usize::try_from(finding[key].as_u64().expect("a number")).expect("in the file");
    assert_eq!(&PIP[offset("start")..offset("end")], "pip install flask");
}

#[test]
fn fix_writes_in_place_and_keeps_the_mode() {
    let run = Run::new(&["fix"]).file("Dockerfile", PIP);
    let path = run.folder().join("Dockerfile");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
    let outcome = run.go().expect(0);
    assert_eq!(outcome.read("Dockerfile"), PIP_FIXED);
    assert_eq!(
        fs::metadata(outcome.folder().join("Dockerfile"))
            .expect("there")
            .permissions()
            .mode()
            & 0o777,
        0o640
    );
    let names: Vec<_> = fs::read_dir(outcome.folder())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["Dockerfile"], "nothing else is left");
}

#[test]
fn fix_follows_a_link_and_keeps_it() {
    let run = Run::new(&["fix", "Dockerfile"]).file("real", PIP);
    std::os::unix::fs::symlink("real", run.folder().join("Dockerfile")).expect("linked");
    let outcome = run.go().expect(0);
    assert_eq!(outcome.read("real"), PIP_FIXED);
    assert!(
        fs::symlink_metadata(outcome.folder().join("Dockerfile"))
            .expect("there")
            .is_symlink()
    );
}

#[test]
fn diff_prints_and_writes_nothing() {
    let outcome = Run::new(&["fix", "--diff"]).file("Dockerfile", PIP).go().expect(0);
    assert_eq!(outcome.read("Dockerfile"), PIP);
    assert!(
        outcome.stdout.starts_with("--- a/Dockerfile\n+++ b/Dockerfile\n"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("\n+    pip install flask\n"));
}

#[test]
fn standard_input_goes_to_standard_output() {
    assert_eq!(Run::new(&["fix", "-"]).stdin(PIP).go().expect(0).stdout, PIP_FIXED);
    assert_eq!(
        Run::new(&["fix", "-"]).stdin("FROM scratch\n").go().expect(0).stdout,
        "FROM scratch\n"
    );
}

#[test]
fn unsafe_fixes_are_asked_for() {
    let source = "FROM registry.example/python\nRUN pip install flask\n";
    let outcome = Run::new(&["fix"]).file("Dockerfile", source).go().expect(1);
    assert_eq!(outcome.read("Dockerfile"), source);
    let outcome = Run::new(&["fix", "--unsafe"]).file("Dockerfile", source).go().expect(0);
    assert!(outcome.read("Dockerfile").contains("--mount=type=cache"));
}

#[test]
fn a_file_with_an_error_is_named_and_left() {
    let outcome = Run::new(&["fix"])
        .file("Dockerfile", "FROM a\nRUN pip install x\nENV y\n")
        .file("b.Dockerfile", PIP)
        .go()
        .expect(2);
    assert!(
        outcome
            .stderr
            .contains("failed to fix Dockerfile: line 3: ENV needs a name and a value"),
        "{}",
        outcome.stderr
    );
    assert_eq!(outcome.read("b.Dockerfile"), PIP_FIXED);
}

#[test]
fn explain_shows_rules_and_tools() {
    let all = Run::new(&["explain"]).go().expect(0).stdout;
    assert!(all.contains("docker-clean") && all.contains("npm"));
    assert!(
        Run::new(&["explain", "docker-clean"])
            .go()
            .expect(0)
            .stdout
            .contains("## Why")
    );
    assert!(
        Run::new(&["explain", "uv"])
            .go()
            .expect(0)
            .stdout
            .contains("UV_NO_CACHE")
    );
    Run::new(&["explain", "nonsense"]).go().expect(2);
}
