//! One instruction: keyword, flags, arguments.

use crate::dockerfile::{Piece, SyntaxError};
use crate::flags::{self, Flag};
use crate::heredoc::Heredoc;
use crate::joined::Joined;
use crate::json::{self, JsonForm};
use crate::lines::{space_len, trim, trim_start};
use crate::span::Span;
use crate::words::{self, Word};

/// An instruction with everything that belongs to it in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// From the keyword to the last byte, here-documents included, final line end excluded.
    pub span: Span,
    /// With the final line end and any white space before the keyword.
    pub full: Span,
    /// Continuations joined, comments dropped; followed by the here-documents as they stand. Offsets in [`Statement`]
    /// count in this text.
    pub text: Joined,
    /// What it says.
    pub statement: Statement,
    /// Its here-documents.
    pub heredocs: Vec<Heredoc>,
    /// The tiles that make up `full`.
    pub pieces: Vec<Piece>,
    /// Why `BuildKit`'s parser would refuse it.
    pub error: Option<SyntaxError>,
}

impl Instruction {
    /// Where a part of [`Self::text`] stands in the file.
    #[must_use]
    pub fn source(&self, span: Span) -> Span {
        self.text.source_span(span)
    }

    /// The part of [`Self::text`] that a shell runs, and nothing else: `None` for the exec form, for other
    /// instructions, and for a here-document that names another interpreter.
    #[must_use]
    pub fn shell_text(&self) -> Option<Span> {
        let Arguments::Text(arguments) = self.statement.arguments else {
            return None;
        };
        if self.statement.keyword != Keyword::Run {
            return None;
        }
        match self.heredocs.as_slice() {
            [] => Some(arguments),
            [only] if only.redirect == arguments => {
                let content = &self.text.bytes()[only.content.range()];
                (!content.starts_with(b"#!") || names_a_shell(content)).then_some(only.content)
            }
            _ => Some(Span::new(arguments.start, self.text.bytes().len())),
        }
    }

    /// The logical line (flags and arguments) as one string, which is how `BuildKit` names the step.
    #[must_use]
    pub fn arguments_with_flags(&self) -> String {
        let first = self
            .statement
            .flags
            .first()
            .map_or(self.statement.arguments_span.start, |flag| flag.span.start);
        let span = Span::new(first, self.statement.arguments_span.end.max(first));
        String::from_utf8_lossy(&self.text.bytes()[span.range()]).into_owned()
    }
}

/// Whether a `#!` line names a POSIX-like shell.
fn names_a_shell(content: &[u8]) -> bool {
    let line = content.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    line.split([' ', '/', '\t', '\r'])
        .any(|word| matches!(word, "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh"))
}

/// Keyword, flags and arguments. Spans count in the instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Which instruction.
    pub keyword: Keyword,
    /// The keyword as written.
    pub keyword_word: Word,
    /// The flags before the arguments.
    pub flags: Vec<Flag>,
    /// The arguments, white space at both ends excluded.
    pub arguments_span: Span,
    /// The arguments, read as this instruction reads them.
    pub arguments: Arguments,
}

impl Statement {
    /// The value of the last flag of this name.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags
            .iter()
            .rev()
            .find(|flag| flag.name == name)
            .and_then(|flag| flag.value.as_deref())
    }
}

/// The arguments of an instruction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Arguments {
    /// None, or those of an unknown instruction.
    None,
    /// One text (`USER`, `WORKDIR`, …) or a command in shell form.
    Text(Span),
    /// Words separated by blanks.
    Words(Vec<Word>),
    /// The JSON (exec) form; texts have their escapes resolved, spans include the quotes.
    Exec(Vec<Word>),
    /// `ENV` and `LABEL`.
    Pairs(Vec<Pair>),
    /// `HEALTHCHECK`: the kind (`CMD`, `NONE`) and what follows.
    Health(Word, Box<Arguments>),
    /// `ONBUILD`: the instruction that it triggers.
    Onbuild(Box<Statement>),
}

/// `name=value`, or `name value` in the old form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// The name.
    pub name: String,
    /// The value, quotes and variables unresolved.
    pub value: String,
    /// The old form without `=`.
    pub old_form: bool,
    /// All of it in the instruction's text.
    pub span: Span,
}

macro_rules! keywords {
    ($($variant:ident $text:literal),* $(,)?) => {
        /// The instructions of a Dockerfile.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Keyword {
            $(#[doc = concat!("`", $text, "`")] $variant,)*
            /// Not an instruction.
            Unknown,
        }

        impl Keyword {
            fn parse(text: &str) -> Self {
                $(if text.eq_ignore_ascii_case($text) { return Self::$variant; })*
                Self::Unknown
            }

            /// In upper case; empty for [`Keyword::Unknown`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* Self::Unknown => "" }
            }
        }
    };
}

keywords! {
    Add "ADD", Arg "ARG", Cmd "CMD", Copy "COPY", Entrypoint "ENTRYPOINT", Env "ENV", Expose "EXPOSE", From "FROM",
    Healthcheck "HEALTHCHECK", Label "LABEL", Maintainer "MAINTAINER", Onbuild "ONBUILD", Run "RUN", Shell "SHELL",
    Stopsignal "STOPSIGNAL", User "USER", Volume "VOLUME", Workdir "WORKDIR",
}

/// `ONBUILD ONBUILD …` is refused by the builder anyway; deeper nesting is not followed.
const MAX_ONBUILD: usize = 8;

/// Reads one logical line.
pub(crate) fn parse(bytes: &[u8], line: Span, escape: u8) -> (Statement, Option<String>) {
    parse_nested(bytes, line, escape, 0)
}

fn parse_nested(bytes: &[u8], line: Span, escape: u8, depth: usize) -> (Statement, Option<String>) {
    let (keyword_word, rest) = words::first(bytes, line);
    let keyword = Keyword::parse(&keyword_word.text);
    let (flags, rest) = flags::extract(bytes, rest);
    let span = trim(bytes, rest);
    let mut error = None;
    let arguments = match keyword {
        _ if span.is_empty() && !matches!(keyword, Keyword::Add | Keyword::Copy | Keyword::Volume) => Arguments::None,
        Keyword::Unknown => Arguments::None,
        Keyword::User | Keyword::Workdir | Keyword::Stopsignal | Keyword::Maintainer => Arguments::Text(span),
        Keyword::From | Keyword::Expose => Arguments::Words(words::blank_separated(bytes, span)),
        Keyword::Run | Keyword::Cmd | Keyword::Entrypoint | Keyword::Shell => {
            exec_or(bytes, span, &mut error, Arguments::Text(span))
        }
        Keyword::Add | Keyword::Copy | Keyword::Volume => {
            let words = Arguments::Words(words::blank_separated(bytes, span));
            exec_or(bytes, span, &mut error, words)
        }
        Keyword::Arg => Arguments::Words(words::quoted(bytes, span, escape)),
        Keyword::Env | Keyword::Label => match pairs(bytes, span, escape, keyword) {
            Ok(pairs) => Arguments::Pairs(pairs),
            Err(message) => {
                error = Some(message);
                Arguments::None
            }
        },
        Keyword::Healthcheck => {
            let end = (span.start..span.end)
                .find(|at| space_len(bytes, *at) > 0)
                .unwrap_or(span.end);
            let command = trim_start(bytes, Span::new(end, span.end));
            let kind = words::word(bytes, Span::new(span.start, end));
            let command = if command.is_empty() {
                Arguments::None
            } else {
                exec_or(bytes, command, &mut error, Arguments::Text(command))
            };
            Arguments::Health(kind, Box::new(command))
        }
        Keyword::Onbuild if depth == MAX_ONBUILD => {
            error = Some("ONBUILD is nested too deeply".to_owned());
            Arguments::None
        }
        Keyword::Onbuild => {
            let (statement, nested) = parse_nested(bytes, span, escape, depth + 1);
            error = nested;
            Arguments::Onbuild(Box::new(statement))
        }
    };
    let statement = Statement {
        keyword,
        keyword_word,
        flags,
        arguments_span: span,
        arguments,
    };
    (statement, error)
}

fn exec_or(bytes: &[u8], span: Span, error: &mut Option<String>, shell: Arguments) -> Arguments {
    match json::parse(bytes, span) {
        JsonForm::Strings(strings) => Arguments::Exec(
            strings
                .into_iter()
                .map(|string| Word {
                    text: string.value,
                    span: string.span,
                })
                .collect(),
        ),
        JsonForm::OtherValues => {
            *error = Some("a JSON array must hold strings only".to_owned());
            Arguments::None
        }
        JsonForm::NotJson => shell,
    }
}

fn pairs(bytes: &[u8], span: Span, escape: u8, keyword: Keyword) -> Result<Vec<Pair>, String> {
    let words = words::quoted(bytes, span, escape);
    let Some(first) = words.first() else {
        return Ok(Vec::new());
    };
    if !first.text.contains('=') {
        let (name, rest) = words::name_and_rest(bytes, span)
            .ok_or_else(|| format!("{} needs a name and a value", keyword.as_str()))?;
        return Ok(vec![Pair {
            name: name.text,
            value: rest.text,
            old_form: true,
            span,
        }]);
    }
    words
        .into_iter()
        .map(|word| match word.text.split_once('=') {
            Some((name, value)) => Ok(Pair {
                name: name.to_owned(),
                value: value.to_owned(),
                old_form: false,
                span: word.span,
            }),
            None => Err(format!("no `=` in `{}`; each must be `name=value`", word.text)),
        })
        .collect()
}
