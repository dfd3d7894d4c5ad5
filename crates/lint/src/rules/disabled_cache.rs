//! # disabled-cache
//!
//! ## What it finds
//!
//! A step with a cache mount in which the tool's cache is switched off, by an option or by a variable.
//!
//! ## Why
//!
//! The mount stays empty: everything is downloaded again each time.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! ENV PIP_NO_CACHE_DIR=1
//! RUN --mount=type=cache,id=pip,target=/root/.cache/pip pip install --no-cache-dir flask
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! ENV PIP_NO_CACHE_DIR=1
//! RUN --mount=type=cache,id=pip,target=/root/.cache/pip PIP_NO_CACHE_DIR= pip install flask
//! ```
//!
//! ## Fix safety
//!
//! Safe. A variable set by `ENV` stays as it is in the image and is overridden for the one command.

use super::{Context, Rule};
use crate::finding::Finding;
use crate::plan::CompanionKind;

pub(super) const RULE: Rule = Rule {
    id: "disabled-cache",
    summary: "a cache mount stays empty because the cache is switched off",
    source: include_str!("disabled_cache.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    super::wiped_mount::mounted_companions(context, RULE.id, CompanionKind::SwitchedOff, |tool| {
        format!("the cache of {tool} is mounted and switched off")
    })
}
