//! Why parsers disagree, as far as it is known.

mod dockerfile;
mod shell;

use super::difference::{Difference, Kind};

/// Whose doing a disagreement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The other parser is wrong or incomplete.
    Theirs,
    /// We do less, or look less closely, and what follows from it is harmless.
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
    /// The smallest file that shows it. A test parses it: when the disagreement is gone, so must be the explanation.
    #[cfg_attr(not(test), expect(dead_code, reason = "read by the test"))]
    example: &'static str,
    matches: fn(&Difference) -> bool,
}

/// The first explanation that holds.
pub fn of(difference: &Difference) -> Option<&'static Explanation> {
    [dockerfile::EXPLANATIONS, shell::EXPLANATIONS]
        .into_iter()
        .flatten()
        .find(|explanation| explanation.kinds.contains(&difference.kind) && (explanation.matches)(difference))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_explanation_still_explains_its_example() {
        for explanation in dockerfile::EXPLANATIONS.iter().chain(shell::EXPLANATIONS) {
            let outcome = super::super::one("example", explanation.example.as_bytes()).expect("bash can be started");
            let holds = outcome
                .differences
                .iter()
                .filter_map(of)
                .any(|found| std::ptr::eq(found, explanation));
            assert!(holds, "{}: {:#?}", explanation.text, outcome.differences);
        }
    }

    #[test]
    fn a_difference_nobody_knows_stays_unexplained() {
        let source = b"FROM a\nRUN echo 'a\n";
        let outcome = super::super::one("example", source).expect("bash can be started");
        assert_eq!(outcome.differences.len(), 0, "both refuse an open quote");
        let unknown = Difference {
            kind: Kind::Commands,
            file: String::new(),
            line: 1,
            ours: "[apt-get]".to_owned(),
            theirs: "[apt-get] [update]".to_owned(),
            text: "apt-get update".to_owned(),
            shell: String::new(),
            hidden: Vec::new(),
        };
        assert!(of(&unknown).is_none());
    }
}
