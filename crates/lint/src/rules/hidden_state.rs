//! # hidden-state
//!
//! ## What it finds
//!
//! A cache mount so high up that it also covers what the image needs, such as `/var/lib/apt`.
//!
//! ## Why
//!
//! `/var/lib/apt` holds the lists of packages, which are a cache, and `extended_states`, which is not: it records which
//! packages were installed automatically. With the mount, the image loses it, `apt-get autoremove` no longer knows what it
//! may remove, and the record of one image is seen in the build of another.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN rm -f /etc/apt/apt.conf.d/docker-clean
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=lists,target=/var/lib/apt,sharing=locked \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN rm -f /etc/apt/apt.conf.d/docker-clean
//! RUN --mount=type=cache,id=debs,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=apt-lists-debian-trixie,target=/var/lib/apt/lists,sharing=locked \
//!     apt-get update && apt-get install -y curl
//! ```
//!
//! ## Fix safety
//!
//! Safe where nothing after the step needs the lists; else the mount is reported and left. The mount gets a new id, because
//! what the old one holds has another shape.

use super::{Context, Rule};
use crate::edit::{Edit, Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::plan::{DirState, Relation, check_index, mount_id, relation};

pub(super) const RULE: Rule = Rule {
    id: "hidden-state",
    summary: "a cache mount covers what the image needs",
    source: include_str!("hidden_state.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    for (step, plan, dir) in context.dirs() {
        let instruction = model.instructions[step.run.instruction];
        let (DirState::Mounted(index), Some(place)) = (&dir.state, &dir.place) else {
            continue;
        };
        let mount = &step.run.mounts[*index];
        let Some(target) = mount.target.as_deref() else {
            continue;
        };
        if mount.kind != "cache" || relation(target, &place.path) != Relation::Above {
            continue;
        }
        let covered = plan
            .tool
            .keep
            .iter()
            .find(|keep| keep.starts_with('/') && relation(keep, target) == Relation::Within);
        let Some(covered) = covered else { continue };
        let Some(option) = mount.option(&["target", "dst", "destination"]) else {
            continue;
        };
        let id = mount_id(model, step.stage, plan.tool, dir.cache, plan.user());
        let mut edits = vec![Edit::replace(
            instruction.source(option.span),
            format!("{}={}", option.key, place.path),
        )];
        match mount.option(&["id"]) {
            Some(option) => edits.push(Edit::replace(instruction.source(option.span), format!("id={id}"))),
            None => edits.push(Edit::insert(instruction.source(option.span).start, format!("id={id},"))),
        }
        // Nothing may need what was seen through the wider mount: later steps, or others with the same mount.
        let shared = model.runs().any(|(_, other)| {
            other.instruction != step.run.instruction
                && other
                    .mounts
                    .iter()
                    .any(|other| other.kind == "cache" && other.target == mount.target)
                && !context
                    .steps
                    .iter()
                    .any(|step| step.run.instruction == other.instruction)
        });
        let needed = check_index(model, step.stage, step.run, plan.tool, dir.cache).err();
        let help = match &needed {
            Some(obstacle) => Some(format!("left as it is: {}", obstacle.reason())),
            None if shared => Some("another step without this tool has the same mount; change both".to_owned()),
            None => None,
        };
        findings.push(Finding {
            rule: RULE.id,
            severity: Severity::Error,
            message: format!("a cache mount covers `{covered}`, which the image needs"),
            span: instruction.source(option.span),
            label: format!("only `{}` is a cache", place.path),
            related: Vec::new(),
            notes: vec![plan.tool.note.clone()],
            fix: help.is_none().then(|| Fix {
                title: format!("mount `{}` only", place.path),
                edits,
                safety: Safety::Safe,
                touches: vec![step.run.instruction],
                new_stage_before: None,
            }),
            help,
            instruction: step.run.instruction,
        });
    }
    findings
}
