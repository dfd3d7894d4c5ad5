//! The tree of a shell script. All spans count in the text that was parsed.

use super::word::Word;
use crate::span::Span;

/// Commands one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// The commands, each with what ends it.
    pub items: Vec<Item>,
    /// From the first to the last command.
    pub span: Span,
}

/// A chain of commands and its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// The chain.
    pub and_or: AndOr,
    /// `;`, `&` or a line end; `None` at the end of the script.
    pub separator: Option<(Separator, Span)>,
}

/// What ends a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Separator {
    /// `;`
    Semicolon,
    /// `&`
    Background,
    /// A line end.
    Newline,
}

/// Pipelines joined by `&&` and `||`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AndOr {
    /// At least one.
    pub links: Vec<Link>,
    /// All of it.
    pub span: Span,
}

/// A pipeline in a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// The operator before it; `None` for the first.
    pub operator: Option<(Operator, Span)>,
    /// The pipeline.
    pub pipeline: Pipeline,
}

/// How a chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `&&`
    And,
    /// `||`
    Or,
}

/// Commands joined by `|`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pipeline {
    /// `!` stands before it.
    pub negated: bool,
    /// At least one.
    pub commands: Vec<Command>,
    /// All of it.
    pub span: Span,
}

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Assignments, words and redirections.
    Simple(Simple),
    /// `if`, `for`, `( … )`, …
    Compound(Compound),
}

/// A simple command.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Simple {
    /// `NAME=value` before the command.
    pub assignments: Vec<Assignment>,
    /// The command and its arguments.
    pub words: Vec<Word>,
    /// Redirections, wherever they stand.
    pub redirects: Vec<Redirect>,
    /// All of it.
    pub span: Span,
}

/// `NAME=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The name.
    pub name: String,
    /// The value; `None` for an array.
    pub value: Option<Word>,
    /// The elements of an array.
    pub elements: Vec<Word>,
    /// All of it.
    pub span: Span,
}

/// A redirection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// `>`, `>>`, `<`, `<<`, …
    pub operator: &'static str,
    /// The file, or the here-document's name.
    pub target: Word,
    /// All of it, without a here-document's lines.
    pub span: Span,
}

/// A compound command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compound {
    /// Which.
    pub kind: CompoundKind,
    /// The lists inside it, in order of appearance.
    pub lists: Vec<List>,
    /// The words of a `for` or `case`.
    pub words: Vec<Word>,
    /// Redirections behind it.
    pub redirects: Vec<Redirect>,
    /// All of it.
    pub span: Span,
}

/// The kinds of compound command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompoundKind {
    /// `{ …; }`
    Group,
    /// `( … )`
    Subshell,
    /// `if`: the lists alternate between conditions and branches; a last odd one is `else`.
    If,
    /// `for` or `select`, with the variable's name.
    For(String),
    /// `while` or `until`: condition, body.
    While,
    /// `case`.
    Case,
    /// A function definition, with its name.
    Function(String),
    /// `(( … ))`, `for ((…))` headers aside.
    Arithmetic,
    /// `[[ … ]]`
    Test,
}
