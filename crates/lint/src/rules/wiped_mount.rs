//! # wiped-mount
//!
//! ## What it finds
//!
//! A command that empties a cache mount in the step that has the mount.
//!
//! ## Why
//!
//! The next build finds an empty mount. Removing the mount point itself (`rm -rf /var/lib/apt/lists`) even fails:
//! "Device or resource busy".
//!
//! ## Example
//!
//! ```dockerfile
//! FROM node:22-slim
//! RUN --mount=type=cache,id=npm,target=/root/.npm \
//!     npm ci \
//!     && npm cache clean --force \
//!     && rm -rf /root/.npm /tmp/*
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM node:22-slim
//! RUN --mount=type=cache,id=npm,target=/root/.npm \
//!     npm ci \
//!     && rm -rf /tmp/*
//! ```
//!
//! ## Fix safety
//!
//! Safe: what is in the mount is not in the image, so the clean-up has nothing to do. Other paths of the same command stay.
//! Where the command cannot be taken out without changing what the step does, it is reported and left.

use super::{Context, Rule};
use crate::edit::{Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::plan::{CompanionKind, DirState};

pub(super) const RULE: Rule = Rule {
    id: "wiped-mount",
    summary: "a step empties its own cache mount",
    source: include_str!("wiped_mount.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    mounted_companions(context, RULE.id, CompanionKind::Wiped, |tool| {
        format!("the cache mount of {tool} is emptied in the same step")
    })
}

/// Findings for steps that have the mount and still do something that leaves it empty.
pub(super) fn mounted_companions(
    context: &Context<'_>,
    rule: &'static str,
    kind: CompanionKind,
    message: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let model = context.model;
    let mut findings = Vec::new();
    for step in context.steps {
        let instruction = model.instructions[step.run.instruction];
        for plan in &step.tools {
            let places = plan.mounted_places(step.run, false);
            if places.is_empty() || !has_cache_mount(step.run, plan) {
                continue;
            }
            let finding = |span, label: String, notes, help, fix| Finding {
                rule,
                severity: Severity::Warning,
                message: message(&plan.tool.name),
                span,
                label,
                related: Vec::new(),
                notes,
                help,
                fix,
                instruction: step.run.instruction,
            };
            match plan.companions(model, step.stage, step.run, &places) {
                Ok(companions) => {
                    for companion in companions.into_iter().filter(|companion| companion.kind == kind) {
                        findings.push(finding(
                            companion.span,
                            companion.why.clone(),
                            Vec::new(),
                            None,
                            Some(Fix {
                                title: companion.done.clone(),
                                edits: companion.edits,
                                safety: Safety::Safe,
                                touches: vec![step.run.instruction],
                                new_stage_before: None,
                            }),
                        ));
                    }
                }
                Err(obstacle) if obstacle.concerns(kind) => {
                    let span = instruction.source(step.run.script.facts()[plan.uses[0].fact].span);
                    findings.push(finding(
                        span,
                        "the mount is left empty".to_owned(),
                        vec![obstacle.reason()],
                        obstacle.help(plan.tool),
                        None,
                    ));
                }
                Err(_) => {}
            }
        }
    }
    findings
}

fn has_cache_mount(run: &crate::model::Run, plan: &crate::plan::ToolPlan<'_>) -> bool {
    plan.dirs.iter().any(|dir| match dir.state {
        DirState::Mounted(index) => run.mounts[index].kind == "cache",
        _ => false,
    })
}
