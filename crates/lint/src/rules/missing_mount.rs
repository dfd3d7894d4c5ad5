//! # missing-mount
//!
//! ## What it finds
//!
//! A step that downloads packages without a cache mount for them.
//!
//! ## Why
//!
//! When such a step runs again, because a lock file or a package list changed, it downloads everything again. A cache
//! mount keeps the downloads between builds on the same builder and out of the image.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN apt-get update \
//!     && apt-get install -y --no-install-recommends curl \
//!     && rm -rf /var/lib/apt/lists/*
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM debian:trixie-slim
//! RUN --mount=type=cache,id=apt-archives-debian-trixie,target=/var/cache/apt,sharing=locked \
//!     --mount=type=cache,id=apt-lists-debian-trixie,target=/var/lib/apt/lists,sharing=locked \
//!     --mount=type=bind,from=debian:trixie-slim,source=/etc/apt/apt.conf.d/01autoremove,target=/etc/apt/apt.conf.d/docker-clean \
//!     apt-get update \
//!     && apt-get install -y --no-install-recommends curl
//! ```
//!
//! ## Fix safety
//!
//! The fix also undoes, for this step alone, what would leave the mount empty: options that switch the cache off, commands
//! that wipe it, and files of the base image that delete downloads. A clean-up goes only where its directory is mounted in
//! the same step. Everything is left alone, with the reason, where a later step may need the directory, where files are
//! copied into or out of it, or where the user, their home or the place of the cache is not certain. The fix is unsafe
//! where the user of an unknown base image is assumed to be root.
//!
//! ## References
//!
//! - <https://docs.docker.com/reference/dockerfile/#run---mounttypecache>

use cachemount_syntax::Item;

use super::{Context, Rule};
use crate::edit::{Edit, Fix, Safety};
use crate::finding::{Finding, Severity};
use crate::model::Model;
use crate::plan::{
    Companion, DirState, From, Hidden, MountText, Step, ToolPlan, command_text, default_path, insert_mounts,
    lending_stage, mount_id, owner, root_stage,
};

pub(super) const RULE: Rule = Rule {
    id: "missing-mount",
    summary: "a step downloads packages without a cache mount",
    source: include_str!("missing_mount.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    context
        .steps
        .iter()
        .flat_map(|step| step.tools.iter().filter_map(|plan| finding(context, step, plan)))
        .collect()
}

fn finding(context: &Context<'_>, step: &Step<'_>, plan: &ToolPlan<'_>) -> Option<Finding> {
    let model = context.model;
    let run = step.run;
    let instruction = model.instructions[run.instruction];
    let missing: Vec<_> = plan
        .dirs
        .iter()
        .filter_map(|dir| match &dir.state {
            DirState::Missing(safety) => Some((dir, dir.place.as_ref()?, *safety)),
            _ => None,
        })
        // A mount at the default place, from which the cache was moved, is repaired by `moved-cache`.
        .filter(|(dir, place, _)| {
            let default = default_path(run, dir.cache).filter(|default| *default != place.path);
            !default.is_some_and(|default| run.mounts.iter().any(|mount| mount.target.as_deref() == Some(&default)))
        })
        .collect();
    if missing.is_empty() {
        return None;
    }
    let mut safety = missing
        .iter()
        .map(|(_, _, safety)| *safety)
        .max()
        .unwrap_or(Safety::Safe);
    let mut notes = Vec::new();
    if safety == Safety::Unsafe {
        notes.push("the base image is not known here; the step is assumed to run as root".to_owned());
    }
    let companions = plan
        .companions(model, step.stage, run, &plan.mounted_places(run, true))
        .ok()?;
    let mut mounts = Vec::new();
    for (dir, place, _) in &missing {
        let (owner, owner_safety) = owner(run, plan.user());
        safety = safety.max(owner_safety);
        let sharing = (dir.cache.sharing.as_str() != "shared").then(|| dir.cache.sharing.as_str());
        let id = mount_id(model, step.stage, plan.tool, dir.cache, plan.user());
        mounts.push(MountText::cache(&id, &place.path, sharing, &owner));
        if let Some(by) = &place.moved_by {
            notes.push(format!(
                "`{by}` puts the cache of {} at `{}`",
                plan.tool.name, place.path
            ));
        }
    }
    let mut fix = Fix {
        title: format!("mount the {} cache", plan.tool.name),
        edits: Vec::new(),
        safety,
        touches: vec![run.instruction],
        new_stage_before: None,
    };
    if let Some(hidden) = plan.hidden(model, step.stage, run) {
        hide(context, step, &hidden, &mut mounts, &mut fix)?;
        notes.push(hidden.why);
    }
    fix.edits
        .push(insert_mounts(model.source, instruction, model.file.escape, &mounts));
    for companion in companions {
        notes.push(note(&companion));
        fix.edits.extend(companion.edits);
    }
    let fact = &run.script.facts()[plan.uses[0].fact];
    let what = command_text(instruction.text.bytes(), fact.span);
    Some(Finding {
        rule: RULE.id,
        severity: Severity::Advice,
        message: if plan.follows {
            format!("{} does not find the cache that an earlier step mounts", plan.tool.name)
        } else {
            format!("{} downloads without a cache mount", plan.tool.name)
        },
        span: instruction.source(fact.span),
        label: if plan.follows {
            format!("`{}` looks there for what it noted before", shorten(&what))
        } else {
            format!("`{}` fetches again whenever this step runs", shorten(&what))
        },
        related: Vec::new(),
        notes,
        help: None,
        fix: Some(fix),
        instruction: run.instruction,
    })
}

/// Adds the bind mount that hides a file, and the stage that it may need; `None` if neither is possible.
pub(super) fn hide(
    context: &Context<'_>,
    step: &Step<'_>,
    hidden: &Hidden,
    mounts: &mut Vec<MountText>,
    fix: &mut Fix,
) -> Option<()> {
    let model = context.model;
    let from = match &hidden.from {
        From::Existing(name) => name.clone(),
        From::NewStage => {
            let root = root_stage(model, step.stage);
            let (name, line) = lending_stage(model, root)?;
            if let Some(line) = line {
                let at = above_comments(model, model.stages[root].from);
                let before = model.instructions[model.stages[root].from];
                let end = if model.source[..before.full.end].ends_with(b"\r\n") {
                    "\r\n"
                } else {
                    "\n"
                };
                fix.edits.push(Edit::insert(at, format!("{line}{end}")));
                fix.new_stage_before = Some(model.stages[root].from);
            }
            name
        }
    };
    mounts.push(MountText::bind(&from, &hidden.source, &hidden.target));
    Some(())
}

/// Where the comments that stand directly above an instruction begin.
fn above_comments(model: &Model<'_>, instruction: usize) -> usize {
    let start = model.instructions[instruction].full.start;
    let mut at = start;
    for item in model.file.items.iter().rev() {
        match item {
            Item::Comment(span) if span.end == at => at = span.start,
            _ => {}
        }
    }
    at
}

/// A companion as a note: what the fix does, and why.
pub(super) fn note(companion: &Companion) -> String {
    format!("the fix also {}: {}", companion.done, companion.why)
}

fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    let head: String = text.chars().take(57).collect();
    format!("{}…", head.trim_end())
}
