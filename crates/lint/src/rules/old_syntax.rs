//! # old-syntax
//!
//! ## What it finds
//!
//! A `# syntax` line that asks for a Dockerfile frontend from before cache mounts, in a file that has or needs them.
//!
//! ## Why
//!
//! `docker/dockerfile:1.0` and `1.1` do not know `RUN --mount`: the build fails.
//!
//! ## Example
//!
//! ```dockerfile
//! # syntax=docker/dockerfile:1.1
//! FROM node:22-slim
//! RUN --mount=type=cache,id=npm,target=/root/.npm npm ci
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! # syntax=docker/dockerfile:1
//! FROM node:22-slim
//! RUN --mount=type=cache,id=npm,target=/root/.npm npm ci
//! ```
//!
//! ## Fix safety
//!
//! Safe, unless the frontend is pinned by digest: then somebody chose it with care, and the fix is unsafe.
//!
//! ## References
//!
//! - <https://docs.docker.com/build/buildkit/frontend/>

use super::{Context, Rule};
use crate::edit::{Edit, Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::plan::{DirState, Obstacle, old_syntax};

pub(super) const RULE: Rule = Rule {
    id: "old-syntax",
    summary: "the `# syntax` line is too old for cache mounts",
    source: include_str!("old_syntax.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let model = context.model;
    let Some(value) = old_syntax(model) else {
        return Vec::new();
    };
    let Some(directive) = model.file.directive("syntax") else {
        return Vec::new();
    };
    let wanted = context
        .steps
        .iter()
        .flat_map(|step| &step.tools)
        .flat_map(|plan| &plan.dirs)
        .any(|dir| {
            matches!(
                &dir.state,
                DirState::Mounted(_) | DirState::Blocked(Obstacle::OldSyntax(_))
            )
        });
    let present = model
        .runs()
        .any(|(_, run)| run.mounts.iter().any(|mount| mount.kind == "cache"));
    if !wanted && !present {
        return Vec::new();
    }
    let instruction = context.steps.first().map_or(0, |step| step.run.instruction);
    vec![Finding {
        rule: RULE.id,
        severity: if present { Severity::Error } else { Severity::Advice },
        message: format!("the frontend `{value}` has no cache mounts"),
        span: directive.value_span,
        label: "from before `RUN --mount`".to_owned(),
        related: Vec::new(),
        notes: Vec::new(),
        help: None,
        fix: Some(Fix {
            title: "use the current stable frontend".to_owned(),
            edits: vec![Edit::replace(directive.value_span, "docker/dockerfile:1")],
            safety: if value.contains('@') {
                Safety::Unsafe
            } else {
                Safety::Safe
            },
            touches: Vec::new(),
            new_stage_before: None,
        }),
        instruction,
    }]
}
