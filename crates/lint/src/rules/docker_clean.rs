//! # docker-clean
//!
//! ## What it finds
//!
//! A cache mount for APT's packages in an image that deletes every package after it is installed.
//!
//! ## Why
//!
//! Debian's and Ubuntu's images bring `/etc/apt/apt.conf.d/docker-clean`, which empties `/var/cache/apt/archives` after every
//! install. The mount looks right and holds nothing.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=lists,target=/var/lib/apt/lists,sharing=locked \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=lists,target=/var/lib/apt/lists,sharing=locked \
//!     --mount=type=bind,from=debian:trixie-slim,source=/etc/apt/apt.conf.d/01autoremove,target=/etc/apt/apt.conf.d/docker-clean \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Fix safety
//!
//! Safe: for the step alone, the file is hidden behind another one that belongs to APT itself. The image keeps the file, so
//! a later step without a mount does not leave packages behind. Deleting the file instead would. Where the base image is
//! written with a variable, which `from=` cannot expand, the fix adds a stage that only lends the file.
//!
//! ## References
//!
//! - <https://github.com/debuerreotype/docker-debian-artifacts/issues/126>

use super::{Context, Rule};
use crate::edit::{Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::knowledge::Holds;
use crate::plan::{DirState, insert_mounts};

pub(super) const RULE: Rule = Rule {
    id: "docker-clean",
    summary: "the base image empties a cache mount",
    source: include_str!("docker_clean.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    for step in context.steps {
        let instruction = model.instructions[step.run.instruction];
        for plan in &step.tools {
            let mounted = plan.dirs.iter().find_map(|dir| match dir.state {
                DirState::Mounted(index)
                    if dir.cache.holds.contains(&Holds::Download) && step.run.mounts[index].kind == "cache" =>
                {
                    Some(index)
                }
                _ => None,
            });
            let (Some(mount), Some(hidden)) = (mounted, plan.hidden(model, step.stage, step.run)) else {
                continue;
            };
            let mut fix = Fix {
                title: format!("hide `{}` from this step", hidden.target),
                edits: Vec::new(),
                safety: Safety::Safe,
                touches: vec![step.run.instruction],
                new_stage_before: None,
            };
            let mut mounts = Vec::new();
            let fix = super::missing_mount::hide(context, step, &hidden, &mut mounts, &mut fix).map(|()| {
                fix.edits
                    .push(insert_mounts(model.source, instruction, model.file.escape, &mounts));
                fix
            });
            let help = fix
                .is_none()
                .then(|| "name the stage's base image without a variable".to_owned());
            findings.push(Finding {
                rule: RULE.id,
                severity: Severity::Warning,
                message: format!("the base image empties the cache mount of {}", plan.tool.name),
                span: step.run.mounts[mount].span,
                label: "holds no package after the step".to_owned(),
                related: Vec::new(),
                notes: vec![hidden.why],
                help,
                fix,
                instruction: step.run.instruction,
            });
        }
    }
    findings
}
