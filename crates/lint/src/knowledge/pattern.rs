//! Word patterns of the data files.

use serde::Deserialize;

/// A pattern over the words of a command: `python* -m pip`, `install|i|add`.
///
/// Words follow one another; `|` separates alternatives, `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Words(Vec<Vec<Glob>>);

/// A text in which `*` stands for any text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Glob(String);

impl From<String> for Words {
    fn from(text: String) -> Self {
        Self(
            text.split_whitespace()
                .map(|word| word.split('|').map(|one| Glob(one.to_owned())).collect())
                .collect(),
        )
    }
}

impl Words {
    /// Number of words.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it has no words.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `words` begin with the pattern. The first word is compared by the last part of its path if `command`.
    #[must_use]
    pub fn matches(&self, words: &[Option<String>], command: bool) -> bool {
        self.0.len() <= words.len()
            && self.0.iter().zip(words).enumerate().all(|(index, (pattern, word))| {
                let Some(word) = word else { return false };
                let word = if command && index == 0 {
                    word.rsplit('/').next().unwrap_or_default()
                } else {
                    word
                };
                pattern.iter().any(|glob| glob.matches(word))
            })
    }
}

impl Glob {
    /// A pattern.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        matches(self.0.as_bytes(), text.as_bytes())
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn matches(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| matches(rest, &text[at..])),
        Some((byte, rest)) => text
            .split_first()
            .is_some_and(|(first, text)| first == byte && matches(rest, text)),
    }
}

impl std::fmt::Display for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words: Vec<String> = self
            .0
            .iter()
            .map(|word| word.iter().map(Glob::as_str).collect::<Vec<_>>().join("|"))
            .collect();
        f.write_str(&words.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Option<String>> {
        text.split(' ').map(|word| Some(word.to_owned())).collect()
    }

    #[test]
    fn patterns_match_from_the_front() {
        let pattern = Words::from("python* -m pip|uv".to_owned());
        assert!(pattern.matches(&words("/usr/bin/python3.12 -m pip install x"), true));
        assert!(!pattern.matches(&words("python -m venv"), true));
        assert!(!pattern.matches(&words("python"), true));
        assert!(Glob("*-slim*".into()).matches("3.13-slim-trixie"));
        assert!(!Glob("a".into()).matches("ab"));
    }
}
