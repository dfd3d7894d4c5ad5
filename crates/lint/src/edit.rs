//! Edits of a file: what a fix is, and how fixes are put in.

use cachemount_syntax::Span;
use serde::Serialize;

/// A replacement of some bytes of the file.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Edit {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// What stands there afterwards.
    pub text: String,
}

impl Edit {
    /// Puts text in.
    #[must_use]
    pub fn insert(at: usize, text: impl Into<String>) -> Self {
        Self {
            span: Span::new(at, at),
            text: text.into(),
        }
    }

    /// Takes text out.
    #[must_use]
    pub fn delete(span: Span) -> Self {
        Self::replace(span, "")
    }

    /// Puts other text in its place.
    #[must_use]
    pub fn replace(span: Span, text: impl Into<String>) -> Self {
        Self {
            span,
            text: text.into(),
        }
    }
}

/// Whether a fix may be applied without asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// The build and the image stay what they are.
    Safe,
    /// It rests on something that the file does not say.
    Unsafe,
}

/// A repair: edits that belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What it does, as an imperative: "add …".
    pub title: String,
    /// The edits; they do not overlap.
    pub edits: Vec<Edit>,
    /// Whether it may be applied without asking.
    pub safety: Safety,
    /// The instructions that it means to change, by index.
    pub touches: Vec<usize>,
    /// A stage that it puts in front of this `FROM`, by the index of that instruction.
    pub new_stage_before: Option<usize>,
}

/// Applies edits that do not overlap; `None` if they do.
#[must_use]
pub fn apply(source: &[u8], edits: &[Edit]) -> Option<Vec<u8>> {
    let mut edits: Vec<_> = edits.iter().collect();
    edits.sort_by_key(|edit| edit.span);
    let mut out = Vec::with_capacity(source.len() + 256);
    let mut at = 0;
    for edit in edits {
        if edit.span.start < at || edit.span.end > source.len() {
            return None;
        }
        out.extend_from_slice(&source[at..edit.span.start]);
        out.extend_from_slice(edit.text.as_bytes());
        at = edit.span.end;
    }
    out.extend_from_slice(&source[at..]);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edits_are_applied_in_order_and_never_on_top_of_each_other() {
        let edits = [
            Edit::replace(Span::new(2, 3), "XY"),
            Edit::insert(0, "-"),
            Edit::delete(Span::new(3, 5)),
        ];
        assert_eq!(apply(b"abcde", &edits).expect("no overlap"), b"-abXY");
        let overlapping = [Edit::delete(Span::new(0, 3)), Edit::delete(Span::new(2, 4))];
        assert_eq!(apply(b"abcde", &overlapping), None);
        assert_eq!(apply(b"ab", &[Edit::delete(Span::new(1, 9))]), None);
    }
}
