//! # link-mode
//!
//! ## What it finds
//!
//! A step with a cache mount for uv that does not set `UV_LINK_MODE`.
//!
//! ## Why
//!
//! uv links files from its cache. A mount is another file system, so that fails, and uv prints a warning before it copies.
//! The time is the same; the warning goes.
//!
//! ## Example
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! RUN --mount=type=cache,id=uv,target=/root/.cache/uv uv sync --frozen
//! ```
//!
//! ## Use instead
//!
//! ```dockerfile
//! FROM python:3.13-slim
//! RUN --mount=type=cache,id=uv,target=/root/.cache/uv UV_LINK_MODE=copy uv sync --frozen
//! ```
//!
//! ## Fix safety
//!
//! Safe: set for the one command, not in the image. `symlink` is never set: the installed packages would point into the
//! mount, which the image does not have.

use super::{Context, Rule};
use crate::finding::{Finding, Severity};
use crate::plan::CompanionKind;

pub(super) const RULE: Rule = Rule {
    id: "link-mode",
    summary: "uv warns because it cannot link from a cache mount",
    source: include_str!("link_mode.rs"),
    check,
};

fn check(context: &Context<'_>) -> Vec<Finding> {
    let mut findings = super::wiped_mount::mounted_companions(context, RULE.id, CompanionKind::Set, |tool| {
        format!("{tool} cannot link from its cache mount")
    });
    for finding in &mut findings {
        finding.severity = Severity::Advice;
    }
    findings
}
