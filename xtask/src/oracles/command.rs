//! Simple commands in a form that can be compared.

use std::fmt;

use cachemount_syntax::shell::{List, Part, Simple, Word, sites};

/// A simple command: texts with quotes and escapes resolved; [`DYNAMIC`] stands for what only the shell knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// `NAME=value`; `NAME=(…)` for an array.
    pub assignments: Vec<String>,
    /// The command and its arguments.
    pub words: Vec<String>,
    /// Operator and target, without the number of the file descriptor.
    pub redirects: Vec<String>,
    /// For brush's commands: the kind of place that we keep as it is and do not look into.
    pub hidden: Option<&'static str>,
}

/// A part of a word that only the running shell knows.
pub const DYNAMIC: &str = "‹…›";

/// The value of an array, which neither side resolves.
pub const ARRAY: &str = "(…)";

/// A variable in a word.
pub fn variable(name: &str) -> String {
    format!("‹${name}›")
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.assignments.iter().chain(&self.words).chain(&self.redirects);
        for (index, part) in parts.enumerate() {
            let space = if index == 0 { "" } else { " " };
            write!(f, "{space}[{}]", part.escape_debug())?;
        }
        Ok(())
    }
}

/// The commands of a script that we parsed, as the rules see them.
pub fn ours(list: &List) -> Vec<Command> {
    sites(list).iter().map(|site| of_simple(site.simple)).collect()
}

fn of_simple(simple: &Simple) -> Command {
    Command {
        assignments: simple
            .assignments
            .iter()
            .map(|a| format!("{}={}", a.name, a.value.as_ref().map_or(ARRAY.to_owned(), of_word)))
            .collect(),
        words: simple.words.iter().map(of_word).collect(),
        redirects: simple
            .redirects
            .iter()
            .map(|redirect| format!("{}{}", redirect.operator, of_word(&redirect.target)))
            .collect(),
        hidden: None,
    }
}

fn of_word(word: &Word) -> String {
    word.parts
        .iter()
        .map(|part| match part {
            Part::Literal { text, .. } => text.clone(),
            Part::Variable { name, .. } => variable(name),
            Part::Substitution(_) | Part::Dynamic => DYNAMIC.to_owned(),
        })
        .collect()
}
