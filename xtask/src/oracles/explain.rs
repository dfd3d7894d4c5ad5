//! Why parsers disagree, as far as it is known.

use super::difference::{Difference, Kind};

/// Whose doing a disagreement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The other parser is wrong or incomplete.
    Theirs,
    /// We do less on purpose.
    OurLimit,
    /// Both are right in their own terms.
    Nobody,
}

impl Whose {
    /// For the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Theirs => "theirs",
            Self::OurLimit => "our limit",
            Self::Nobody => "by nature",
        }
    }
}

/// A known reason, and when it holds.
pub struct Explanation {
    kinds: &'static [Kind],
    /// Whose doing.
    pub whose: Whose,
    /// The reason.
    pub text: &'static str,
    matches: fn(&Difference) -> bool,
}

impl Explanation {
    /// Whether it explains this disagreement.
    pub fn holds(&self, difference: &Difference) -> bool {
        self.kinds.contains(&difference.kind) && (self.matches)(difference)
    }
}

/// Tried in order; the first that holds counts.
pub const EXPLANATIONS: &[Explanation] = &[];
