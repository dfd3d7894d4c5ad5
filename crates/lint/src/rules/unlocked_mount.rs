//! # unlocked-mount
//!
//! ## What it finds
//!
//! A cache mount of a tool that does not bear concurrent use, without `sharing=locked`.
//!
//! ## Why
//!
//! Mounts are shared by default: stages that build at the same time work in the same directory. APT does not wait for its
//! lock, it fails.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN rm -f /etc/apt/apt.conf.d/docker-clean
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt \
//!     --mount=type=cache,id=lists,target=/var/lib/apt/lists,sharing=shared \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN rm -f /etc/apt/apt.conf.d/docker-clean
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=lists,target=/var/lib/apt/lists,sharing=locked \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Fix safety
//!
//! Safe: steps that use the mount wait for each other. `private` is accepted too.

use super::{Context, Rule};
use crate::edit::{Edit, Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::knowledge::Sharing;
use crate::plan::DirState;

pub(super) const RULE: Rule = Rule {
    id: "unlocked-mount",
    summary: "a cache mount is shared by a tool that does not bear it",
    source: include_str!("unlocked_mount.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for (step, plan, dir) in context.dirs() {
        let instruction = model.instructions[step.run.instruction];
        let DirState::Mounted(index) = dir.state else { continue };
        let mount = &step.run.mounts[index];
        let bears =
            dir.cache.sharing != Sharing::Locked || matches!(mount.sharing.as_deref(), Some("locked" | "private"));
        if bears || mount.kind != "cache" || seen.contains(&(step.run.instruction, index)) {
            continue;
        }
        seen.push((step.run.instruction, index));
        let edit = match mount.option(&["sharing"]) {
            Some(option) => Edit::replace(instruction.source(option.span), "sharing=locked"),
            None => {
                let Some(last) = mount.options.iter().max_by_key(|option| option.span.end) else {
                    continue;
                };
                Edit::insert(instruction.source(last.span).end, ",sharing=locked")
            }
        };
        findings.push(Finding {
            rule: RULE.id,
            severity: Severity::Warning,
            message: format!("the cache mount of {} is not locked", plan.tool.name),
            span: mount.span,
            label: "another stage may use it at the same time".to_owned(),
            related: Vec::new(),
            notes: vec![dir.cache.why.clone()],
            help: None,
            fix: Some(Fix {
                title: "lock the mount".to_owned(),
                edits: vec![edit],
                safety: Safety::Safe,
                touches: vec![step.run.instruction],
                new_stage_before: None,
            }),
            instruction: step.run.instruction,
        });
    }
    findings
}
