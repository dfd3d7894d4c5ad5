//! What naive tools fall into. Each case states what must come out, or that nothing may change and why.

use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::{FixOptions, Fixed, fix};

fn run(source: &str) -> Fixed {
    let knowledge = Knowledge::builtin();
    let options = FixOptions { unsafe_fixes: false };
    let fixed = fix(source.as_bytes(), knowledge, &options).unwrap_or_else(|error| panic!("{error}\n{source}"));
    assert!(fixed.refused.is_empty(), "{:?}\n{source}", fixed.refused);
    let again = fix(&fixed.source, knowledge, &options).expect("fixable");
    assert_eq!(again.source, fixed.source, "a second run changes nothing");
    fixed
}

fn text(source: &str) -> String {
    String::from_utf8(run(source).source).expect("UTF-8")
}

/// The script of the last `RUN`, without its mounts.
fn body(source: &str) -> String {
    let text = text(source);
    let at = text.rfind("RUN ").expect("a RUN");
    text[at..]
        .lines()
        .filter(|line| !line.contains("--mount="))
        .map(str::trim)
        .collect::<Vec<_>>()
        .join("\n")
}

#[track_caller]
fn untouched(source: &str, reason: &str) {
    let fixed = run(source);
    assert_eq!(String::from_utf8_lossy(&fixed.source), source);
    let reasons: Vec<_> = fixed
        .report
        .left_alone
        .iter()
        .map(|left| left.reason.as_str())
        .collect();
    assert!(
        reasons.iter().any(|given| given.contains(reason)),
        "expected {reason:?}, got {reasons:?}"
    );
}

const DEBIAN: &str = "FROM debian:trixie-slim\n";
const PYTHON: &str = "FROM python:3.13-slim\n";

#[test]
fn apt_gets_exactly_two_directories_locked_and_docker_clean_hidden() {
    let fixed = text(&format!("{DEBIAN}RUN apt-get update && apt-get install -y curl\n"));
    assert!(fixed.contains("target=/var/cache/apt,sharing=locked"));
    assert!(fixed.contains("target=/var/lib/apt/lists,sharing=locked"));
    assert!(!fixed.contains("target=/var/lib/apt,"));
    assert!(fixed.contains("--mount=type=bind,from=debian:trixie-slim,source=/etc/apt/apt.conf.d/01autoremove,target=/etc/apt/apt.conf.d/docker-clean"));
    assert!(
        !fixed.contains("rm -f /etc/apt/apt.conf.d/docker-clean"),
        "the image keeps docker-clean"
    );
}

#[test]
fn clean_ups_of_mounted_directories_go_and_the_rest_stays() {
    for (script, expected) in [
        (
            "apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/* /var/cache/apt/archives/* /tmp/*",
            "apt-get update && apt-get install -y x && rm -rf /tmp/*",
        ),
        (
            "apt-get update && apt-get install -y x && apt-get clean && rm -rf /var/lib/apt/lists/*",
            "apt-get update && apt-get install -y x",
        ),
        (
            "apt-get update; apt-get install -y x; apt-get clean; rm -rf /var/lib/apt/lists/*; echo ok",
            "apt-get update; apt-get install -y x; echo ok",
        ),
        (
            "rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y x",
            "apt-get update && apt-get install -y x",
        ),
        (
            "apt-get update && apt-get install -y x && rm -r /var/lib/apt/lists /var/cache/apt",
            "apt-get update && apt-get install -y x",
        ),
        (
            "apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/* || true",
            "apt-get update && apt-get install -y x || true",
        ),
        (
            "(apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*) && y",
            "(apt-get update && apt-get install -y x) && y",
        ),
        (
            "apt-get update && apt-get install -y x && find /var/lib/apt/lists -type f -delete && y",
            "apt-get update && apt-get install -y x && y",
        ),
        (
            "bash -c 'apt-get update && apt-get install -y x && apt-get clean'",
            "bash -c 'apt-get update && apt-get install -y x'",
        ),
        (
            "sudo apt-get update && sudo apt-get install -y x && sudo rm -rf /var/lib/apt/lists/*",
            "sudo apt-get update && sudo apt-get install -y x",
        ),
        (
            "if true; then apt-get update && apt-get install -y x && apt-get clean; fi",
            "if true; then apt-get update && apt-get install -y x; fi",
        ),
        (
            "apt-get update && apt-get install -y x && apt-get dist-clean",
            "apt-get update && apt-get install -y x",
        ),
    ] {
        assert_eq!(body(&format!("{DEBIAN}RUN {script}\n")), expected, "{script}");
    }
    // The only command of a group cannot go: the lists are not mounted, and the clean-up stays.
    let fixed = text(&format!(
        "{DEBIAN}RUN apt-get update && apt-get install -y x && (rm -rf /var/lib/apt/lists/* || true) && y\n"
    ));
    assert!(
        fixed.contains("target=/var/cache/apt,") && !fixed.contains("target=/var/lib/apt/lists"),
        "{fixed}"
    );
    assert!(
        fixed.contains("&& (rm -rf /var/lib/apt/lists/* || true) && y"),
        "{fixed}"
    );
}

#[test]
fn a_clean_up_that_hits_more_than_the_mount_leaves_the_step_alone() {
    untouched(
        &format!("{DEBIAN}RUN apt-get update && apt-get install -y x && rm -rf /var/lib/apt /var/cache/*\n"),
        "removes more than the cache",
    );
    untouched(
        &format!("{PYTHON}RUN pip install x && rm -rf /root/.cache\n"),
        "removes more than the cache",
    );
    untouched(
        &format!("{DEBIAN}RUN apt-get update && apt-get install -y x && rm -rf /var/{{cache,lib}}/apt\n"),
        "removes more than the cache",
    );
    // Only one of the two directories is hit by more: the other one is mounted, and its clean-up goes.
    let fixed = text(&format!(
        "{DEBIAN}RUN apt-get update && apt-get install -y x && rm -rf /var/cache/* /var/lib/apt/lists/*\n"
    ));
    assert!(!fixed.contains("target=/var/cache/apt,"));
    assert!(fixed.contains("target=/var/lib/apt/lists"));
    assert!(fixed.contains("&& rm -rf /var/cache/*\n"));
}

#[test]
fn a_clean_up_in_a_step_of_its_own_stays() {
    let fixed = text(&format!(
        "{DEBIAN}RUN apt-get update && apt-get install -y x\nRUN rm -rf /var/lib/apt/lists/*\n"
    ));
    assert!(fixed.ends_with("RUN rm -rf /var/lib/apt/lists/*\n"));
}

#[test]
fn lists_stay_where_a_later_step_needs_them() {
    for later in [
        "RUN apt-get install -y git",
        "RUN apt-cache policy git",
        "COPY setup.sh /\nRUN /setup.sh",
        "RUN ls /var/lib/apt/lists",
        "FROM base AS child\nRUN apt-get install -y git",
    ] {
        let source =
            format!("FROM debian:trixie-slim AS base\nRUN apt-get update && apt-get install -y curl\n{later}\n");
        let fixed = text(&source);
        assert!(!fixed.contains("target=/var/lib/apt/lists"), "{later}\n{fixed}");
        assert!(fixed.contains("target=/var/cache/apt"), "{later}\n{fixed}");
    }
    // It fetches its own.
    let fixed = text(
        "FROM debian:trixie-slim\nRUN apt-get update && apt-get install -y curl\nRUN apt-get update && apt-get install -y git\n",
    );
    assert_eq!(fixed.matches("target=/var/lib/apt/lists").count(), 2);
}

#[test]
fn an_update_of_its_own_gets_no_mount_that_would_lose_the_lists() {
    let fixed = text(&format!("{DEBIAN}RUN apt-get update\nRUN apt-get install -y curl\n"));
    assert!(fixed.contains("RUN apt-get update\n"));
    assert!(!fixed.contains("target=/var/lib/apt/lists"));
    assert!(fixed.contains("target=/var/cache/apt"));
}

#[test]
fn docker_clean_that_somebody_took_care_of_is_not_hidden_again() {
    for first in [
        "RUN rm -f /etc/apt/apt.conf.d/docker-clean",
        "RUN mv /etc/apt/apt.conf.d/docker-clean /tmp",
    ] {
        let fixed = text(&format!(
            "{DEBIAN}{first}\nRUN apt-get update && apt-get install -y curl\n"
        ));
        assert!(!fixed.contains("type=bind"), "{fixed}");
    }
}

#[test]
fn a_base_image_in_a_variable_lends_its_file_from_a_stage_of_its_own() {
    let fixed = text("ARG V=3.13\nFROM python:${V}-slim\nRUN apt-get update && apt-get install -y curl\n");
    assert!(
        fixed.starts_with("ARG V=3.13\nFROM python:${V}-slim AS apt-config\nFROM python:${V}-slim\n"),
        "{fixed}"
    );
    assert!(fixed.contains("from=apt-config,"));
    untouched(
        "ARG V=3.13\nFROM python:${V}-slim\nRUN apt-get update && apt-get install -y curl\nFROM scratch\nCOPY --from=0 / /\n",
        "referred to by number",
    );
    // A stage that is built on a named one borrows from that.
    let fixed =
        text("ARG V=3.13\nFROM python:${V}-slim AS base\nFROM base\nRUN apt-get update && apt-get install -y curl\n");
    assert!(fixed.contains("from=base,source="), "{fixed}");
}

#[test]
fn users_are_resolved_as_the_kernel_sees_them() {
    for (setup, owner) in [
        (
            "RUN useradd -m -u 5678 app\nUSER app",
            Some("target=/home/app/.cache/pip,uid=5678,gid=5678"),
        ),
        (
            "RUN useradd --create-home --uid=5678 app\nUSER app",
            Some("uid=5678,gid=5678"),
        ),
        (
            "RUN adduser -u 5678 --disabled-password --gecos \"\" app && chown -R app /app\nUSER app",
            Some("uid=5678,gid=5678"),
        ),
        (
            "RUN groupadd -g 2000 g && useradd -mu 1500 -g g app\nUSER app",
            Some("uid=1500,gid=2000"),
        ),
        (
            "RUN groupadd --gid 2000 g && useradd -m --uid 1500 --gid 2000 app\nUSER 1500",
            Some("uid=1500,gid=2000"),
        ),
        (
            "ARG UID=1234\nRUN useradd -m -u $UID app\nUSER app",
            Some("uid=${UID},gid=${UID}"),
        ),
        (
            "ENV UID=1234\nRUN useradd -m -u ${UID} app\nUSER app",
            Some("uid=1234,gid=1234"),
        ),
        ("RUN useradd -m -u 5678 app\nUSER app:0", Some("uid=5678,gid=0")),
        ("RUN useradd -m app\nUSER app", None),
        ("USER somebody", None),
        ("ARG WHO\nUSER $WHO", None),
    ] {
        let source = format!("{PYTHON}{setup}\nRUN pip install flask\n");
        match owner {
            Some(owner) => assert!(text(&source).contains(owner), "{setup}\n{}", text(&source)),
            None => untouched(&source, "not known"),
        }
    }
    assert!(
        text("FROM node:22-slim\nUSER node\nRUN npm ci\n")
            .contains("id=npm-uid1000,target=/home/node/.npm,uid=1000,gid=1000")
    );
    let inherited =
        text("FROM python:3.13-slim AS base\nRUN useradd -m -u 7 app\nUSER app\nFROM base\nRUN pip install x\n");
    assert!(
        inherited.contains("target=/home/app/.cache/pip,uid=7,gid=7"),
        "{inherited}"
    );
}

#[test]
fn an_unknown_base_image_is_not_taken_for_root_without_asking() {
    let fixed = run("FROM registry.example/team/python:1\nRUN pip install x\n");
    assert!(fixed.applied.is_empty());
    assert!(
        fixed
            .report
            .findings
            .iter()
            .any(|finding| finding.rule == "missing-mount")
    );
    // A step that only root can run answers the question.
    assert!(
        text("FROM registry.example/team/python:1\nRUN apt-get update && apt-get install -y x\nRUN pip install x\n")
            .contains("/root/.cache/pip")
    );
}

#[test]
fn moved_caches_are_followed() {
    for (setup, command, target) in [
        ("ENV PIP_CACHE_DIR=/opt/pip", "pip install x", "target=/opt/pip"),
        (
            "ENV XDG_CACHE_HOME=/opt/cache",
            "pip install x",
            "target=/opt/cache/pip",
        ),
        ("ENV HOME=/srv", "pip install x", "target=/srv/.cache/pip"),
        ("ARG UV_CACHE_DIR=/c/uv", "uv sync", "target=/c/uv"),
        ("", "UV_CACHE_DIR=/c uv sync", "target=/c "),
        ("", "export UV_CACHE_DIR=/c && uv sync", "target=/c "),
        ("", "pip install --cache-dir=/p x", "target=/p "),
        ("", "npm ci --cache /n", "target=/n "),
        ("ENV NPM_CONFIG_CACHE=/n", "npm ci", "target=/n "),
        ("", "python3 -m pip install x", "target=/root/.cache/pip"),
    ] {
        let fixed = text(&format!("{PYTHON}{setup}\nRUN {command}\n"));
        assert!(fixed.contains(target), "{setup} {command}\n{fixed}");
    }
    untouched(
        &format!("{PYTHON}ARG WHERE\nENV PIP_CACHE_DIR=$WHERE\nRUN pip install x\n"),
        "known only during the build",
    );
    untouched(
        &format!("{PYTHON}RUN npm config set cache /n && npm ci\n"),
        "configures its cache",
    );
    untouched(
        &format!("{PYTHON}RUN PIP_CACHE_DIR=$(mktemp -d) pip install x\n"),
        "known only during the build",
    );
}

#[test]
fn switches_are_undone_for_the_step_alone() {
    for (setup, command, expected) in [
        ("", "pip install --no-cache-dir x", "pip install x"),
        ("", "PIP_NO_CACHE_DIR=1 pip install x", "pip install x"),
        (
            "ENV PIP_NO_CACHE_DIR=off\n",
            "pip install x",
            "PIP_NO_CACHE_DIR= pip install x",
        ),
        (
            "ENV UV_NO_CACHE=1\nENV UV_LINK_MODE=copy\n",
            "uv sync",
            "UV_NO_CACHE=false uv sync",
        ),
        (
            "ENV UV_NO_CACHE=0\n",
            "uv sync --link-mode=copy",
            "uv sync --link-mode=copy",
        ),
        ("", "uv sync -n --link-mode copy", "uv sync --link-mode copy"),
    ] {
        assert_eq!(
            body(&format!("{PYTHON}{setup}RUN {command}\n")),
            expected,
            "{setup}{command}"
        );
    }
    untouched(
        &format!("{PYTHON}RUN export PIP_NO_CACHE_DIR=1 && pip install x\n"),
        "switches its cache off",
    );
    untouched(
        &format!("{PYTHON}ENV OPTS=--no-cache-dir\nRUN pip install $OPTS x\n"),
        "switches its cache off",
    );
    untouched(
        &format!("{PYTHON}RUN uv sync --link-mode=symlink\n"),
        "point into the mount",
    );
    // The image's own value is never edited.
    assert!(text(&format!("{PYTHON}ENV PIP_NO_CACHE_DIR=1\nRUN pip install x\n")).contains("ENV PIP_NO_CACHE_DIR=1\n"));
}

#[test]
fn directories_that_others_need_are_left() {
    untouched(
        &format!("{PYTHON}COPY wheels /root/.cache/pip\nRUN pip install x\n"),
        "puts files there",
    );
    untouched(
        "FROM python:3.13-slim AS b\nRUN pip install x\nFROM scratch\nCOPY --from=b /root/.cache/pip /c\n",
        "copies the cache out",
    );
    untouched(
        &format!("{PYTHON}RUN pip install x && cp -r /root/.cache/pip /keep\n"),
        "refers to the cache",
    );
    untouched(
        &format!("{PYTHON}RUN pip install x\nRUN tar c ~/.cache/pip > /x.tar\nRUN ls /root/.cache/pip\n"),
        "may need",
    );
}

#[test]
fn a_parent_that_would_belong_to_root_is_respected() {
    untouched(
        &format!("{PYTHON}RUN useradd -m -u 5 app\nUSER app\nRUN pip install x && playwright install\n"),
        "would belong to root",
    );
    // npm's cache lies directly in the home, which exists.
    assert!(text("FROM node:22\nUSER node\nRUN npm ci && npx playwright install\n").contains("target=/home/node/.npm"));
}

#[test]
fn what_is_not_understood_is_not_touched() {
    for source in [
        "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN pip install x\n",
        "# escape=`\nFROM x\nSHELL [\"powershell\", \"-Command\"]\nRUN pip install x; if ($?) { npm ci }\n",
        "FROM debian\nRUN <<EOF\n#!/usr/bin/env python3\nimport os\nos.system('pip install x')\nEOF\n",
        "FROM debian\nRUN ./install.sh\n",
        "FROM debian\nRUN echo apt-get install -y x\n",
        "FROM debian\nRUN pip --version && npm run build && uv --help\n",
        "FROM node\nCMD npm install\n",
        "FROM debian\nONBUILD RUN apt-get update && apt-get install -y x\n",
    ] {
        assert_eq!(text(source), source);
    }
}

#[test]
fn existing_mounts_are_completed_not_doubled() {
    let fixed = text(&format!(
        "{DEBIAN}RUN --mount=type=cache,dst=/var/cache/apt/,sharing=locked apt-get update && apt-get install -y x\n"
    ));
    assert_eq!(fixed.matches("/var/cache/apt").count(), 1, "{fixed}");
    assert!(fixed.contains("target=/var/lib/apt/lists"));
    let fixed = text(&format!(
        "{PYTHON}RUN --mount=type=cache,target=/root/.cache pip install x\n"
    ));
    assert_eq!(
        fixed,
        format!("{PYTHON}RUN --mount=type=cache,target=/root/.cache pip install x\n")
    );
}

#[test]
fn text_keeps_its_form() {
    // Comments, also those around what goes; tabs; CRLF; backtick; heredoc.
    assert_eq!(
        text(&format!(
            "{DEBIAN}RUN rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update \\\n\t# one\n\t&& apt-get install -y x \\\n\t# clean up\n\t&& rm -rf /var/lib/apt/lists/*\n\n# next\nUSER x\n"
        )),
        format!(
            "{DEBIAN}RUN --mount=type=cache,id=apt-archives-debian-trixie,target=/var/cache/apt,sharing=locked \\\n\t--mount=type=cache,id=apt-lists-debian-trixie,target=/var/lib/apt/lists,sharing=locked \\\n\trm -f /etc/apt/apt.conf.d/docker-clean && apt-get update \\\n\t# one\n\t&& apt-get install -y x\n# clean up\n\n# next\nUSER x\n"
        )
    );
    assert_eq!(
        text("FROM python:3.13-slim\r\nRUN pip install \\\r\n  x\r\n"),
        "FROM python:3.13-slim\r\nRUN --mount=type=cache,id=pip-python-3.13-slim,target=/root/.cache/pip \\\r\n  pip install \\\r\n  x\r\n"
    );
    assert_eq!(
        text("# escape=`\nFROM python:3.13-slim\nRUN pip install x\n"),
        "# escape=`\nFROM python:3.13-slim\nRUN --mount=type=cache,id=pip-python-3.13-slim,target=/root/.cache/pip `\n    pip install x\n"
    );
    assert_eq!(
        text("FROM python:3.13-slim\nRUN <<EOF\nset -e\n# tools\npip install x\nEOF"),
        "FROM python:3.13-slim\nRUN --mount=type=cache,id=pip-python-3.13-slim,target=/root/.cache/pip \\\n    <<EOF\nset -e\n# tools\npip install x\nEOF"
    );
    assert_eq!(
        text("FROM python:3.13-slim\nRUN [\"pip\", \"install\", \"x\"]"),
        "FROM python:3.13-slim\nRUN --mount=type=cache,id=pip-python-3.13-slim,target=/root/.cache/pip \\\n    [\"pip\", \"install\", \"x\"]"
    );
}

#[test]
fn an_error_in_the_file_is_named_and_nothing_is_done() {
    let error = fix(
        b"FROM a\nRUN apt-get update\nENV x\n",
        Knowledge::builtin(),
        &FixOptions::default(),
    )
    .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "line 3: ENV needs a name and a value; correct this first"
    );
}

#[test]
fn only_a_last_certain_and_whole_wipe_says_that_nobody_needs_the_lists() {
    for first in [
        "rm -rf /var/lib/apt/lists/* && apt-get update && apt-get install -y x",
        "apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/* && apt-get update",
        "apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/partial/*",
        "apt-get update && apt-get install -y x; if [ -n \"$S\" ]; then :; rm -rf /var/lib/apt/lists/*; fi",
        "apt-get update && apt-get install -y x || rm -rf /var/lib/apt/lists/*",
    ] {
        let fixed = text(&format!("{DEBIAN}RUN {first}\nRUN apt-get install -y git\n"));
        assert!(!fixed.contains("target=/var/lib/apt/lists"), "{fixed}");
    }
    // An update that may not happen is none.
    for later in [
        "if [ -n \"$X\" ]; then apt-get update; fi; apt-get install -y y",
        "false && apt-get update; apt-get install -y y",
        "eval \"apt-get install -y y\"",
        "rosdep install z",
        "python3 -c 'import os; os.system(\"apt-get install -y y\")'",
    ] {
        let fixed = text(&format!(
            "{DEBIAN}RUN apt-get update && apt-get install -y x\nRUN {later}\n"
        ));
        assert_eq!(fixed.matches("target=/var/lib/apt/lists").count(), 0, "{fixed}");
    }
    let fixed = text(&format!(
        "{DEBIAN}RUN apt-get update && apt-get install -y x\nONBUILD RUN apt-get install -y y\n"
    ));
    assert!(!fixed.contains("target=/var/lib/apt/lists"), "{fixed}");
}

#[test]
fn our_own_mounts_do_not_make_a_later_step_look_handled() {
    let fixed = text(
        "FROM node:22-bookworm\nRUN apt-get update && apt-get install -y git\nRUN npm i -g pnpm && apt-get update && apt-get install -y curl\n",
    );
    assert_eq!(fixed.matches("type=bind").count(), 2, "{fixed}");
    let fixed = text(
        "ARG B=debian:trixie\nFROM ${B}\nRUN apt-get update && apt-get install -y a\nRUN apt-get update && apt-get install -y b\n",
    );
    assert_eq!(fixed.matches("AS apt-config").count(), 1, "{fixed}");
    assert_eq!(fixed.matches("from=apt-config,").count(), 2, "{fixed}");
}

#[test]
fn the_status_of_a_step_does_not_change_with_its_clean_up() {
    for (script, expected) in [
        ("npm install; npm cache clean --force", "npm install; true"),
        ("set -eux; npm ci; npm cache clean --force", "set -eux; npm ci"),
        (
            "set -e; npm ci; [ \"$X\" = y ] && echo y; rm -rf /root/.npm",
            "set -e; npm ci; [ \"$X\" = y ] && echo y; true",
        ),
        (
            "set -e; npm ci; for f in a; do test -e $f && rm $f; done; npm cache clean --force",
            "set -e; npm ci; for f in a; do test -e $f && rm $f; done; true",
        ),
        (
            "set -e; npm ci; npm cache clean --force; echo ok",
            "set -e; npm ci; echo ok",
        ),
    ] {
        assert_eq!(body(&format!("FROM node:22\nRUN {script}\n")), expected);
    }
    untouched(
        "FROM node:22\nRUN npm ci; rm -rf ~/.npm; exit $?\n",
        "cannot be taken out",
    );
    assert!(text("FROM node:22\nRUN <<EOF\nnpm ci\nnpm cache clean --force\nEOF\n").ends_with("npm ci\ntrue\nEOF\n"));
    assert!(
        text("FROM node:22\nRUN <<EOF\nset -e\nnpm ci  # keep\nnpm cache clean --force\necho a\nEOF\n")
            .ends_with("npm ci  # keep\necho a\nEOF\n")
    );
}

#[test]
fn directories_that_exist_only_because_of_the_cache_are_missed_by_others() {
    untouched(
        "FROM python:3.13 AS b\nRUN pip install x\nFROM python:3.13\nCOPY --from=b /root/.cache /root/.cache\n",
        "copies the cache out",
    );
    untouched(
        "FROM python:3.13 AS b\nRUN pip install x\nFROM python:3.13\nRUN --mount=type=bind,from=b,source=/root/.cache,target=/c ls /c\n",
        "copies the cache out",
    );
    untouched("FROM node:22\nRUN npm ci\nRUN rm -r /root/.npm\n", "may need");
    untouched(
        "FROM python:3.13\nRUN pip install x\nRUN chmod -R a+rwX ~/.cache\n",
        "may need",
    );
    assert!(text("FROM node:22\nRUN npm ci\nRUN rm -rf /root/.npm\n").contains("target=/root/.npm"));
    assert!(
        text("FROM node:22 AS b\nRUN npm ci\nFROM node:22\nCOPY --from=b /root /root\n").contains("target=/root/.npm")
    );
}

#[test]
fn clean_ups_that_cannot_be_resolved_are_not_taken_for_harmless() {
    for script in [
        "npm ci && rm -rf \"$(npm config get cache)\"",
        "npm ci && cd /root && rm -rf .npm",
        "npm ci && rm -rf ${NPM_CACHE:-/root/.npm}",
    ] {
        untouched(
            &format!("FROM node:22\nWORKDIR /app\nRUN {script}\n"),
            "removes more than the cache",
        );
    }
    untouched(
        "FROM node:22\nRUN npm ci && for d in /root/.npm /tmp/x; do rm -rf \"$d\"; done\n",
        "cannot be taken out",
    );
    assert_eq!(body("FROM node:22\nRUN npm ci && rm -rf ~root/.npm\n"), "npm ci");
    // The usual temporary key ring is none of our business.
    assert!(
        text("FROM node:22\nRUN export GNUPGHOME=\"$(mktemp -d)\" && npm ci && rm -rf \"$GNUPGHOME\"\n")
            .contains("target=/root/.npm")
    );
}

#[test]
fn the_lent_file_comes_from_where_it_can() {
    assert!(
        text("FROM debian AS debian\nRUN apt-get update && apt-get install -y x\n")
            .contains("FROM debian AS apt-config\n")
    );
    assert!(
        text("FROM --platform=linux/amd64 debian:trixie\nRUN apt-get update && apt-get install -y x\n")
            .contains("FROM --platform=linux/amd64 debian:trixie AS apt-config\n")
    );
    untouched(
        "FROM scratch\nADD rootfs.tar /\nRUN apt-get update && apt-get install -y x\n",
        "known only during the build",
    );
    let fixed = text(&format!(
        "{DEBIAN}RUN apt-get update && rm -f /etc/apt/apt.conf.d/docker-* && apt-get install -y x\n"
    ));
    assert!(!fixed.contains("type=bind"), "{fixed}");
    // Without the whole of /var/cache/apt mounted, docker-clean has work to do.
    let fixed = text(&format!(
        "{DEBIAN}COPY *.deb /var/cache/apt/archives/\nRUN apt-get update && apt-get install -y x && rm -rf /var/lib/apt/lists/*\n"
    ));
    assert!(
        !fixed.contains("type=bind") && fixed.contains("target=/var/lib/apt/lists"),
        "{fixed}"
    );
    let fixed = text(
        "# first\nARG V=1\n# about the build stage\nFROM python:$V AS build\nRUN apt-get update && apt-get install -y x\n",
    );
    assert!(
        fixed.starts_with(
            "# first\nARG V=1\nFROM python:$V AS apt-config\n# about the build stage\nFROM python:$V AS build\n"
        ),
        "{fixed}"
    );
}

#[test]
fn who_runs_a_step_is_not_guessed() {
    untouched("FROM php:8.3-fpm-alpine\nUSER www-data\nRUN npm ci\n", "not known");
    untouched("FROM ubuntu:24.04\nUSER 1000\nRUN npm ci\n", "not known");
    untouched(
        "FROM debian:trixie\nRUN echo 'a:x:7:7::/a:/bin/sh' >> /etc/passwd\nUSER 7\nRUN npm ci\n",
        "not known",
    );
    assert!(text("FROM node:22\nRUN groupmod -g 2000 node\nUSER node\nRUN npm ci\n").contains("uid=1000,gid=2000"));
    assert!(text("FROM node:22\nRUN sudo -u node bash -c 'npm ci'\n").contains("target=/home/node/.npm,uid=1000"));
    untouched(
        "FROM node:22\nRUN npm cache add x\nRUN npm ci --offline\n",
        "works offline",
    );
}

#[test]
fn a_variable_that_picks_a_stage_may_pick_any() {
    let fixed = text(
        "ARG T=x\nFROM debian:trixie AS base-x\nRUN apt-get update\nFROM debian:bookworm AS base-y\nRUN apt-get update\nFROM base-${T}\nRUN apt-get install -y a\n",
    );
    assert!(!fixed.contains("target=/var/lib/apt/lists"), "{fixed}");
}

#[test]
fn mounts_stand_one_a_line() {
    assert_eq!(
        text("FROM node:22\nRUN --mount=type=secret,id=a npm ci\n"),
        "FROM node:22\nRUN --mount=type=secret,id=a \\\n    --mount=type=cache,id=npm,target=/root/.npm \\\n    npm ci\n"
    );
}

#[test]
fn later_commands_of_npm_find_their_notes() {
    // Without the mount, each of them asks the registry for a newer npm.
    let fixed = text("FROM node:22\nRUN npm ci\nCOPY . .\nRUN npm run build\n");
    assert_eq!(fixed.matches("id=npm,target=/root/.npm").count(), 2, "{fixed}");
    assert_eq!(
        text("FROM node:22\nRUN npm run build\n"),
        "FROM node:22\nRUN npm run build\n"
    );
}
