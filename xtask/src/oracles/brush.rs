//! The simple commands that `brush-parser` finds.

use std::panic::catch_unwind;

use brush_parser::ast::{
    AndOr, Assignment, AssignmentName, AssignmentValue, Command as Tree, CommandPrefixOrSuffixItem as Item,
    CompoundCommand, CompoundList, ExtendedTestExpr, IoFileRedirectKind, IoFileRedirectTarget, IoRedirect, Pipeline,
    PipelineTimed, SimpleCommand, Word,
};
use brush_parser::word::{Parameter, ParameterExpr, TildeExpr, WordPiece, WordPieceWithSource};
use brush_parser::{ParseError, Parser, ParserOptions};

use super::command::{ARRAY, Command, DYNAMIC, variable};

/// The commands in the order of their appearance, or why brush refuses the script.
pub fn commands(script: &str) -> Result<Vec<Command>, String> {
    catch_unwind(|| {
        let mut walk = Walk::default();
        walk.script(script)?;
        Ok(walk.commands)
    })
    .unwrap_or_else(|_| Err("panics".to_owned()))
}

/// The error with the text around its place, `‸`; brush counts lines and characters from 1.
fn message(error: &ParseError, script: &str) -> String {
    let position = match error {
        ParseError::ParsingNear(position) => Some(position),
        ParseError::Tokenizing { position, .. } => position.as_ref(),
        ParseError::ParsingAtEndOfInput => None,
    };
    let line = position.and_then(|position| script.split('\n').nth(position.line.checked_sub(1)?));
    let (Some(position), Some(line)) = (position, line) else {
        return error.to_string();
    };
    let column = position.column.saturating_sub(1);
    let before: String = line.chars().take(column).skip(column.saturating_sub(10)).collect();
    let after: String = line.chars().skip(column).take(20).collect();
    format!("{error} at `{}‸{}`", before.escape_debug(), after.escape_debug())
}

#[derive(Default)]
struct Walk {
    commands: Vec<Command>,
    /// The place that we do not look into, if the walk is in one.
    hidden: Option<&'static str>,
}

type Walked = Result<(), String>;

impl Walk {
    fn script(&mut self, script: &str) -> Walked {
        let options = ParserOptions::default();
        let program = Parser::new(script.as_bytes(), &options)
            .parse_program()
            .map_err(|error| message(&error, script))?;
        program.complete_commands.iter().try_for_each(|list| self.list(list))
    }

    /// Walks something that we keep as it is.
    fn hiding(&mut self, place: &'static str, walk: impl FnOnce(&mut Self) -> Walked) -> Walked {
        let before = self.hidden;
        self.hidden = before.or(Some(place));
        let walked = walk(self);
        self.hidden = before;
        walked
    }

    fn list(&mut self, list: &CompoundList) -> Walked {
        for item in &list.0 {
            self.pipeline(&item.0.first)?;
            for next in &item.0.additional {
                let (AndOr::And(pipeline) | AndOr::Or(pipeline)) = next;
                self.pipeline(pipeline)?;
            }
        }
        Ok(())
    }

    fn pipeline(&mut self, pipeline: &Pipeline) -> Walked {
        let first = self.commands.len();
        for command in &pipeline.seq {
            self.command(command)?;
        }
        // To us, `time` is a command as any other.
        let time: &[&str] = match pipeline.timed {
            None => &[],
            Some(PipelineTimed::Timed(_)) => &["time"],
            Some(PipelineTimed::TimedWithPosixOutput(_)) => &["time", "-p"],
        };
        if !time.is_empty() && pipeline.seq.is_empty() {
            self.commands.push(Command {
                hidden: self.hidden,
                ..Command::default()
            });
        }
        if let (false, Some(command)) = (time.is_empty(), self.commands.get_mut(first)) {
            command.words.splice(0..0, time.iter().map(|word| (*word).to_owned()));
        }
        Ok(())
    }

    fn command(&mut self, command: &Tree) -> Walked {
        match command {
            Tree::Simple(simple) => self.simple(simple),
            Tree::Compound(compound, redirects) => {
                self.compound(compound)?;
                self.redirects(redirects.iter().flat_map(|list| &list.0))
            }
            Tree::Function(function) => {
                self.compound(&function.body.0)?;
                self.redirects(function.body.1.iter().flat_map(|list| &list.0))
            }
            Tree::ExtendedTest(test, redirects) => {
                self.hiding("[[ … ]]", |walk| walk.test(&test.expr))?;
                self.redirects(redirects.iter().flat_map(|list| &list.0))
            }
        }
    }

    fn compound(&mut self, compound: &CompoundCommand) -> Walked {
        match compound {
            CompoundCommand::Arithmetic(_) => Ok(()),
            CompoundCommand::ArithmeticForClause(clause) => self.list(&clause.body.list),
            CompoundCommand::BraceGroup(group) => self.list(&group.list),
            CompoundCommand::Subshell(subshell) => self.list(&subshell.list),
            CompoundCommand::ForClause(clause) => {
                for word in clause.values.iter().flatten() {
                    self.substitutions(word)?;
                }
                self.list(&clause.body.list)
            }
            CompoundCommand::CaseClause(clause) => {
                self.substitutions(&clause.value)?;
                for case in &clause.cases {
                    self.hiding("case patterns", |walk| {
                        case.patterns.iter().try_for_each(|word| walk.substitutions(word))
                    })?;
                    case.cmd.iter().try_for_each(|list| self.list(list))?;
                }
                Ok(())
            }
            CompoundCommand::IfClause(clause) => {
                self.list(&clause.condition)?;
                self.list(&clause.then)?;
                for branch in clause.elses.iter().flatten() {
                    branch.condition.iter().try_for_each(|list| self.list(list))?;
                    self.list(&branch.body)?;
                }
                Ok(())
            }
            CompoundCommand::WhileClause(clause) | CompoundCommand::UntilClause(clause) => {
                self.list(&clause.0)?;
                self.list(&clause.1.list)
            }
            CompoundCommand::Coprocess(coprocess) => self.command(&coprocess.body),
        }
    }

    fn test(&mut self, test: &ExtendedTestExpr) -> Walked {
        match test {
            ExtendedTestExpr::And(left, right) | ExtendedTestExpr::Or(left, right) => {
                self.test(left)?;
                self.test(right)
            }
            ExtendedTestExpr::Not(inner) | ExtendedTestExpr::Parenthesized(inner) => self.test(inner),
            ExtendedTestExpr::UnaryTest(_, word) => self.substitutions(word),
            ExtendedTestExpr::BinaryTest(_, left, right) => {
                self.substitutions(left)?;
                self.substitutions(right)
            }
        }
    }

    /// Redirections of a compound command: only the commands inside them count.
    fn redirects<'a>(&mut self, redirects: impl Iterator<Item = &'a IoRedirect>) -> Walked {
        self.hiding("redirections of compound commands", |walk| {
            for redirect in redirects {
                let mut found = Found::default();
                found.redirect(redirect)?;
                walk.found(found.inside)?;
            }
            Ok(())
        })
    }

    fn simple(&mut self, simple: &SimpleCommand) -> Walked {
        let mut found = Found::default();
        for item in simple.prefix.iter().flat_map(|prefix| &prefix.0) {
            match item {
                Item::AssignmentWord(assignment, _) => found.assignment(assignment)?,
                item => found.item(item)?,
            }
        }
        if let Some(word) = &simple.word_or_name {
            let text = found.word(word)?;
            found.command.words.push(text);
        }
        for item in simple.suffix.iter().flat_map(|suffix| &suffix.0) {
            found.item(item)?;
        }
        found.command.hidden = self.hidden;
        self.commands.push(found.command);
        found.arrays.sort_by_key(|inside| inside.place);
        self.found(found.inside)?;
        self.hiding("arrays", |walk| walk.found(found.arrays))
    }

    fn substitutions(&mut self, word: &Word) -> Walked {
        let mut found = Found::default();
        found.word(word)?;
        self.found(found.inside)
    }

    fn found(&mut self, mut inside: Vec<Inside>) -> Walked {
        inside.sort_by_key(|inside| inside.place);
        for inside in inside {
            match inside.commands {
                Nested::Text(script) => self.script(&script)?,
                Nested::List(list) => self.list(&list)?,
            }
        }
        Ok(())
    }
}

/// A command's texts, and the scripts inside its words.
#[derive(Default)]
struct Found {
    command: Command,
    inside: Vec<Inside>,
    arrays: Vec<Inside>,
    place: Place,
}

/// We list the commands inside assignments first, then those inside words, then those inside redirections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    Assignment,
    #[default]
    Word,
    Redirect,
}

struct Inside {
    place: Place,
    commands: Nested,
}

enum Nested {
    Text(String),
    List(CompoundList),
}

impl Found {
    fn add(&mut self, commands: Nested) {
        self.inside.push(Inside {
            place: self.place,
            commands,
        });
    }

    fn item(&mut self, item: &Item) -> Walked {
        match item {
            Item::IoRedirect(redirect) => self.redirect(redirect)?,
            Item::Word(word) | Item::AssignmentWord(_, word) => {
                let text = self.word(word)?;
                self.command.words.push(text);
            }
            Item::ProcessSubstitution(_, subshell) => {
                self.add(Nested::List(subshell.list.clone()));
                self.command.words.push(DYNAMIC.to_owned());
            }
        }
        Ok(())
    }

    fn assignment(&mut self, assignment: &Assignment) -> Walked {
        let (AssignmentName::VariableName(name) | AssignmentName::ArrayElementName(name, _)) = &assignment.name;
        self.place = Place::Assignment;
        let value = match &assignment.value {
            AssignmentValue::Scalar(word) => self.word(word)?,
            AssignmentValue::Array(elements) => {
                let before = std::mem::take(&mut self.inside);
                for (_, word) in elements {
                    self.word(word)?;
                }
                self.arrays.extend(std::mem::replace(&mut self.inside, before));
                ARRAY.to_owned()
            }
        };
        self.place = Place::Word;
        self.command.assignments.push(format!("{name}={value}"));
        Ok(())
    }

    fn redirect(&mut self, redirect: &IoRedirect) -> Walked {
        self.place = Place::Redirect;
        let text = match redirect {
            IoRedirect::File(_, kind, target) => {
                let operator = match kind {
                    IoFileRedirectKind::Read => "<",
                    IoFileRedirectKind::Write => ">",
                    IoFileRedirectKind::Append => ">>",
                    IoFileRedirectKind::ReadAndWrite => "<>",
                    IoFileRedirectKind::Clobber => ">|",
                    IoFileRedirectKind::DuplicateInput => "<&",
                    IoFileRedirectKind::DuplicateOutput => ">&",
                };
                let target = match target {
                    IoFileRedirectTarget::Filename(word) | IoFileRedirectTarget::Duplicate(word) => self.word(word)?,
                    IoFileRedirectTarget::Fd(number) => number.to_string(),
                    IoFileRedirectTarget::ProcessSubstitution(_, subshell) => {
                        self.add(Nested::List(subshell.list.clone()));
                        DYNAMIC.to_owned()
                    }
                };
                format!("{operator}{target}")
            }
            IoRedirect::HereDocument(_, document) => {
                let operator = if document.remove_tabs { "<<-" } else { "<<" };
                format!("{operator}{}", brush_parser::unquote_str(&document.here_end.value))
            }
            IoRedirect::HereString(_, word) => format!("<<<{}", self.word(word)?),
            IoRedirect::OutputAndError(word, append) => {
                format!("{}{}", if *append { "&>>" } else { "&>" }, self.word(word)?)
            }
        };
        self.place = Place::Word;
        self.command.redirects.push(text);
        Ok(())
    }

    fn word(&mut self, word: &Word) -> Result<String, String> {
        let pieces =
            brush_parser::word::parse(&word.value, &ParserOptions::default()).map_err(|error| error.to_string())?;
        let mut text = String::new();
        self.pieces(&word.value, &pieces, &mut text);
        Ok(text)
    }

    fn pieces(&mut self, source: &str, pieces: &[WordPieceWithSource], text: &mut String) {
        for piece in pieces {
            match &piece.piece {
                WordPiece::Text(part) | WordPiece::SingleQuotedText(part) => text.push_str(part),
                WordPiece::DoubleQuotedSequence(pieces) | WordPiece::GettextDoubleQuotedSequence(pieces) => {
                    self.pieces(source, pieces, text);
                }
                WordPiece::EscapeSequence(sequence) => {
                    let escaped = sequence.strip_prefix('\\').unwrap_or(sequence);
                    text.push_str(escaped.strip_prefix('\n').unwrap_or(escaped));
                }
                WordPiece::TildeExpansion(TildeExpr::Home) => text.push('~'),
                WordPiece::TildeExpansion(TildeExpr::UserHome(user)) => {
                    text.push('~');
                    text.push_str(user);
                }
                WordPiece::TildeExpansion(TildeExpr::WorkingDir) => text.push_str("~+"),
                WordPiece::TildeExpansion(TildeExpr::OldWorkingDir) => text.push_str("~-"),
                WordPiece::TildeExpansion(TildeExpr::NthDirFromTopOfDirStack { n, plus_used }) => {
                    text.push_str(if *plus_used { "~+" } else { "~" });
                    text.push_str(&n.to_string());
                }
                WordPiece::TildeExpansion(TildeExpr::NthDirFromBottomOfDirStack { n }) => {
                    text.push_str("~-");
                    text.push_str(&n.to_string());
                }
                WordPiece::ParameterExpansion(ParameterExpr::Parameter {
                    parameter: Parameter::Named(name),
                    indirect: false,
                }) => text.push_str(&variable(name)),
                WordPiece::CommandSubstitution(script) => {
                    self.add(Nested::Text(script.clone()));
                    text.push_str(DYNAMIC);
                }
                WordPiece::BackquotedCommandSubstitution(script) => {
                    // With escapes inside, which brush has already taken off, we do not look into it.
                    let raw = source.get(piece.start_index..piece.end_index).unwrap_or(source);
                    if !raw.contains('\\') {
                        self.add(Nested::Text(script.clone()));
                    }
                    text.push_str(DYNAMIC);
                }
                WordPiece::AnsiCQuotedText(_)
                | WordPiece::ParameterExpansion(_)
                | WordPiece::ArithmeticExpression(_) => text.push_str(DYNAMIC),
            }
        }
    }
}
