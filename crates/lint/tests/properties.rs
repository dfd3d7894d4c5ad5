//! What must hold for every file: no panic, nothing refused by the last check, a second run changes nothing, and every
//! byte outside the edits survives. Files are put together from what people write, in every order.

use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::{FixError, FixOptions, check, fix};
use proptest::prelude::*;

const SETUP: &[&str] = &[
    "USER app\n",
    "USER 1000:0\n",
    "RUN useradd -m -u 1000 app\n",
    "ENV PIP_CACHE_DIR=/c\n",
    "ENV UV_NO_CACHE=1\n",
    "ARG UID=7\n",
    "WORKDIR /app\n",
    "COPY . .\n",
    "COPY x /root/.cache/pip/\n",
    "# a comment\n",
    "\n",
    "FROM node:22 AS other\n",
    "FROM base\n",
    "SHELL [\"/bin/bash\", \"-c\"]\n",
    "ENV HOME=/h\n",
    "RUN rm -f /etc/apt/apt.conf.d/docker-clean\n",
    "COPY --from=base /root/.npm /x\n",
];

const COMMANDS: &[&str] = &[
    "apt-get update",
    "apt-get install -y curl git",
    "apt install -y $PKGS",
    "pip install --no-cache-dir x",
    "uv sync --frozen",
    "npm ci",
    "npm cache clean --force",
    "apt-get clean",
    "rm -rf /var/lib/apt/lists/*",
    "rm -rf /var/lib/apt/lists/* /tmp/*",
    "rm -rf ~/.npm /root/.cache",
    "rm -rf /var/cache/*",
    "cd /app",
    "true",
    "set -eux",
    "export X=$(date)",
    "sudo apt-get install -y x",
    "bash -c 'pip install x && rm -rf /root/.cache/pip'",
    "if test -f x; then npm ci; fi",
    "for i in a b; do uv pip install $i; done",
    "(rm -rf /root/.npm)",
    "echo 'a && b'",
    "UV_CACHE_DIR=/z uv sync",
];

const JOINTS: &[&str] = &[
    " && ",
    " && \\\n    ",
    " \\\n && ",
    "; ",
    "; \\\n  ",
    " \\\n    # note\n    && ",
    " || ",
    " | ",
    " && \\\n\n  ",
];

fn step() -> impl Strategy<Value = String> {
    let part = (0..COMMANDS.len(), 0..JOINTS.len());
    (
        proptest::collection::vec(part, 1..6),
        prop_oneof![
            Just(""),
            Just("--mount=type=cache,target=/root/.npm "),
            Just("--mount=type=cache,dst=/var/cache/apt \\\n    ")
        ],
    )
        .prop_map(|(parts, mount)| {
            let mut text = format!("RUN {mount}");
            for (index, (command, joint)) in parts.iter().enumerate() {
                if index > 0 {
                    text.push_str(JOINTS[*joint]);
                }
                text.push_str(COMMANDS[*command]);
            }
            text.push('\n');
            text
        })
}

fn file() -> impl Strategy<Value = String> {
    let part = prop_oneof![3 => step(), 2 => (0..SETUP.len()).prop_map(|index| SETUP[index].to_owned())];
    (
        prop_oneof![
            Just("FROM python:3.13-slim AS base\n"),
            Just("FROM debian:trixie-slim AS base\n"),
            Just("ARG V=1\nFROM x:$V AS base\n"),
            Just("FROM team/image AS base\n")
        ],
        proptest::collection::vec(part, 1..9),
        any::<bool>(),
    )
        .prop_map(|(from, parts, crlf)| {
            let text = format!("{from}{}", parts.concat());
            if crlf { text.replace('\n', "\r\n") } else { text }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn fixes_come_to_an_end_and_lose_nothing(source in file()) {
        let knowledge = Knowledge::builtin();
        let options = FixOptions { unsafe_fixes: true };
        let _ = check(source.as_bytes(), knowledge);
        match fix(source.as_bytes(), knowledge, &options) {
            Ok(fixed) => {
                prop_assert!(fixed.refused.is_empty(), "{:?}", fixed.refused);
                let again = fix(&fixed.source, knowledge, &options).expect("still fixable");
                prop_assert_eq!(String::from_utf8_lossy(&again.source), String::from_utf8_lossy(&fixed.source));
                let text = String::from_utf8(fixed.source).expect("UTF-8");
                prop_assert_eq!(text.matches("# note").count(), source.matches("# note").count());
                if source.contains("\r\n") {
                    prop_assert_eq!(text.matches('\n').count(), text.matches("\r\n").count());
                }
            }
            Err(FixError::Syntax { .. }) => {}
            Err(error) => prop_assert!(false, "{error}"),
        }
    }

    #[test]
    fn any_bytes_are_checked_without_a_panic(source in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = check(&source, Knowledge::builtin());
        let _ = fix(&source, Knowledge::builtin(), &FixOptions { unsafe_fixes: true });
    }
}
