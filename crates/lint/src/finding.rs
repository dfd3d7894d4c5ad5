//! What the rules report.

use cachemount_syntax::Span;
use serde::Serialize;

use crate::edit::Fix;

/// A finding of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule's id.
    pub rule: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence, without a full stop.
    pub message: String,
    /// What it is about.
    pub span: Span,
    /// What the marked text is, in a few words.
    pub label: String,
    /// Further places with a few words each.
    pub related: Vec<(Span, String)>,
    /// Reasons and consequences.
    pub notes: Vec<String>,
    /// What to do, where no fix can do it.
    pub help: Option<String>,
    /// The repair.
    pub fix: Option<Fix>,
    /// The instruction that it is about.
    pub instruction: usize,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// The build could be faster.
    Advice,
    /// A mount that does less than it seems, or nothing.
    Warning,
    /// A mount that breaks the build or the image.
    Error,
}

impl Severity {
    /// As printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Advice => "advice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// An install that was recognised and not touched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftAlone {
    /// The tool's id.
    pub tool: String,
    /// The command.
    pub span: Span,
    /// Why.
    pub reason: String,
    /// What the author can do.
    pub help: Option<String>,
    /// The instruction.
    pub instruction: usize,
}
