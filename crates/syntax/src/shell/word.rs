//! Words: quoting resolved where that is certain.

use super::ast::List;
use crate::expand::Variable;
use crate::span::Span;

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Word {
    /// Its parts, in order.
    pub parts: Vec<Part>,
    /// All of it, quotes included.
    pub span: Span,
    /// An unquoted `*`, `?` or `[` makes it a pattern.
    pub glob: bool,
    /// An unquoted `{a,b}` makes several words of it.
    pub brace: bool,
}

/// A part of a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Plain text.
    Literal {
        /// The text, quotes and escapes resolved.
        text: String,
        /// It stood in quotes or behind an escape.
        quoted: bool,
    },
    /// `$NAME` or `${NAME}`.
    Variable {
        /// The name.
        name: String,
        /// It stood in double quotes, so it is one word.
        quoted: bool,
    },
    /// `$(…)`, `` `…` ``, `<(…)`: the commands inside.
    Substitution(Box<List>),
    /// Anything else that only the running shell knows.
    Dynamic,
}

impl Word {
    /// The word, if it is the same in every run.
    #[must_use]
    pub fn static_value(&self) -> Option<String> {
        self.resolve(&|_| Variable::Unknown)
    }

    /// The word with variables looked up; `None` where it cannot be known or may be several words.
    ///
    /// Patterns come back as they are written: `/tmp/*`.
    #[must_use]
    pub fn resolve(&self, lookup: &dyn Fn(&str) -> Variable) -> Option<String> {
        if self.brace {
            return None;
        }
        let mut value = String::new();
        for part in &self.parts {
            match part {
                Part::Literal { text, .. } => value.push_str(text),
                Part::Variable { name, quoted } => match lookup(name) {
                    Variable::Value(text) => {
                        // Unquoted, the shell would split it into words.
                        if !quoted && text.contains([' ', '\t', '\n', '*', '?', '[']) {
                            return None;
                        }
                        value.push_str(&text);
                    }
                    Variable::Unset => {}
                    Variable::Unknown => return None,
                },
                Part::Substitution(_) | Part::Dynamic => return None,
            }
        }
        Some(value)
    }

    /// The command lists inside it.
    pub fn substitutions(&self) -> impl Iterator<Item = &List> {
        self.parts.iter().filter_map(|part| match part {
            Part::Substitution(list) => Some(&**list),
            _ => None,
        })
    }

    /// A word whose text is known, for exec-form arguments.
    #[must_use]
    pub fn literal(text: String, span: Span) -> Self {
        Self {
            parts: vec![Part::Literal { text, quoted: true }],
            span,
            glob: false,
            brace: false,
        }
    }
}
