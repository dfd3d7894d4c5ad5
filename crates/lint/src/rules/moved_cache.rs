//! # moved-cache
//!
//! ## What it finds
//!
//! A cache mount at the place where a tool caches by default, in a step in which a variable, an option or the user's home
//! moves the cache elsewhere.
//!
//! ## Why
//!
//! The mount stays empty, without a message, and the downloads end up in the image.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! ENV PIP_CACHE_DIR=/opt/pip
//! RUN --mount=type=cache,target=/root/.cache/pip pip install flask
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! ENV PIP_CACHE_DIR=/opt/pip
//! RUN --mount=type=cache,target=/opt/pip pip install flask
//! ```
//!
//! ## Fix safety
//!
//! Safe: the step no longer uses the directory that was mounted.

use super::{Context, Rule};
use crate::edit::{Edit, Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::plan::{DirState, default_path};

pub(super) const RULE: Rule = Rule {
    id: "moved-cache",
    summary: "a cache mount is where the tool does not cache",
    source: include_str!("moved_cache.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    for (step, plan, dir) in context.dirs() {
        let instruction = model.instructions[step.run.instruction];
        let (DirState::Missing(safety), Some(place)) = (&dir.state, &dir.place) else {
            continue;
        };
        let Some(default) = default_path(step.run, dir.cache) else {
            continue;
        };
        if default == place.path {
            continue;
        }
        let Some(mount) = step
            .run
            .mounts
            .iter()
            .find(|mount| mount.kind == "cache" && mount.target.as_deref() == Some(&default))
        else {
            continue;
        };
        let Some(target) = mount.option(&["target", "dst", "destination"]) else {
            continue;
        };
        let moved_by = place.moved_by.clone().unwrap_or_else(|| "the user's home".to_owned());
        findings.push(Finding {
            rule: RULE.id,
            severity: Severity::Warning,
            message: format!("{} does not cache in `{default}` in this step", plan.tool.name),
            span: instruction.source(target.span),
            label: "this mount stays empty".to_owned(),
            related: Vec::new(),
            notes: vec![format!("{moved_by} puts the cache at `{}`", place.path)],
            help: None,
            fix: Some(Fix {
                title: format!("mount `{}`", place.path),
                edits: vec![Edit::replace(
                    instruction.source(target.span),
                    format!("{}={}", target.key, place.path),
                )],
                safety: (*safety).max(Safety::Safe),
                touches: vec![step.run.instruction],
                new_stage_before: None,
            }),
            instruction: step.run.instruction,
        });
    }
    findings
}
