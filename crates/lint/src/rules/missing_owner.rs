//! # missing-owner
//!
//! ## What it finds
//!
//! A cache mount without `uid=` in a step that runs as another user than root.
//!
//! ## Why
//!
//! A cache mount belongs to root unless it says otherwise. Tools of another user then fail (npm, Go) or go without a cache
//! (pip).
//!
//! ## Example
//!
//! ```dockerfile
//! FROM node:22-slim
//! USER node
//! RUN --mount=type=cache,id=npm,target=/home/node/.npm npm ci
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM node:22-slim
//! USER node
//! RUN --mount=type=cache,id=npm,target=/home/node/.npm,uid=1000,gid=1000 npm ci
//! ```
//!
//! ## Fix safety
//!
//! Safe. Note that `uid=` makes it another cache than the one without: it starts empty.
//!
//! ## References
//!
//! - <https://github.com/moby/buildkit/issues/1237>

use super::{Context, Rule};
use crate::edit::{Edit, Fix};
use crate::finding::{Finding, Severity};
use crate::plan::{DirState, owner};

pub(super) const RULE: Rule = Rule {
    id: "missing-owner",
    summary: "a cache mount belongs to root, and the step runs as another user",
    source: include_str!("missing_owner.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    let mut seen = Vec::new();
    for (step, plan, dir) in context.dirs() {
        let instruction = model.instructions[step.run.instruction];
        let user = plan.user();
        let DirState::Mounted(index) = dir.state else { continue };
        let mount = &step.run.mounts[index];
        let Some(uid) = user.uid.as_ref().filter(|uid| uid.value != 0) else {
            continue;
        };
        if mount.kind != "cache"
            || mount.has_uid
            || mount.mode.is_some()
            || mount.from.is_some()
            || seen.contains(&(step.run.instruction, index))
        {
            continue;
        }
        seen.push((step.run.instruction, index));
        let Some(last) = mount.options.iter().max_by_key(|option| option.span.end) else {
            continue;
        };
        let (owner, safety) = owner(step.run, user);
        let text: String = owner
            .iter()
            .flat_map(|(key, value)| [",", key, "=", value.as_str()])
            .collect();
        let who = user.name.clone().unwrap_or_else(|| uid.value.to_string());
        findings.push(Finding {
            rule: RULE.id,
            severity: Severity::Error,
            message: format!(
                "the cache mount of {} belongs to root, but the step runs as `{who}`",
                plan.tool.name
            ),
            span: mount.span,
            label: format!("uid {} cannot write here", uid.value),
            related: Vec::new(),
            notes: Vec::new(),
            help: None,
            fix: Some(Fix {
                title: "give the mount its owner".to_owned(),
                edits: vec![Edit::insert(instruction.source(last.span).end, text)],
                safety,
                touches: vec![step.run.instruction],
                new_stage_before: None,
            }),
            instruction: step.run.instruction,
        });
    }
    findings
}
