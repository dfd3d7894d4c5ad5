//! Taking commands out of a script so that everything else stays as it is.

use std::cell::RefCell;
use std::collections::BTreeSet;

use cachemount_syntax::shell::{Command, Item, List, Operator, Separator};
use cachemount_syntax::{Instruction, PieceKind, Span};

use crate::edit::Edit;

/// A request to take commands out, by their place in the instruction's text.
pub struct Removal<'a> {
    /// The file.
    pub source: &'a [u8],
    /// The instruction.
    pub instruction: &'a Instruction,
    /// The simple commands to take out.
    pub commands: &'a BTreeSet<Span>,
    /// Those that were taken out. What stands in a place that is not followed (a substitution, a pipeline) is missing.
    done: RefCell<BTreeSet<Span>>,
}

impl<'a> Removal<'a> {
    /// Takes commands out of an instruction.
    pub fn new(source: &'a [u8], instruction: &'a Instruction, commands: &'a BTreeSet<Span>) -> Self {
        Self {
            source,
            instruction,
            commands,
            done: RefCell::default(),
        }
    }

    /// The edits for a step's scripts, or `None` if a command cannot be taken out without changing what they do.
    pub fn edits(&self, lists: &[List]) -> Option<Vec<Edit>> {
        let mut edits = Vec::new();
        for list in lists {
            self.list(list, &mut edits)?;
        }
        (*self.done.borrow() == *self.commands).then_some(edits)
    }

    fn gone(&self, command: &Command) -> bool {
        let Command::Simple(simple) = command else { return false };
        let gone = self.commands.contains(&simple.span);
        if gone {
            self.done.borrow_mut().insert(simple.span);
        }
        gone
    }

    /// Whether any command in `span` is to go.
    fn touches(&self, span: Span) -> bool {
        self.commands.iter().any(|command| span.contains(*command))
    }

    fn list(&self, list: &List, edits: &mut Vec<Edit>) -> Option<()> {
        if !self.touches(list.span) {
            return Some(());
        }
        let gone: Vec<bool> = list.items.iter().map(|item| self.item_gone(item)).collect();
        if gone.iter().all(|gone| *gone) {
            // An empty list is no command at all.
            return None;
        }
        let mut at = 0;
        while at < list.items.len() {
            if !gone[at] {
                self.item(&list.items[at], edits)?;
                at += 1;
                continue;
            }
            let start = at;
            while at < list.items.len() && gone[at] {
                at += 1;
            }
            self.items(list, start, at, edits)?;
        }
        Some(())
    }

    /// Takes out the items `start..end` of a list that keeps others.
    fn items(&self, list: &List, start: usize, end: usize, edits: &mut Vec<Edit>) -> Option<()> {
        let first = &list.items[start];
        let last = &list.items[end - 1];
        if list.items[start..end]
            .iter()
            .any(|item| matches!(item.separator, Some((Separator::Background, _))))
        {
            return None;
        }
        if let Some(edit) = self.own_lines(list, start, end) {
            edits.push(if end < list.items.len() || self.leaves_zero(list, start - 1) {
                edit
            } else {
                self.stand_in(first.and_or.span, last.and_or.span)?
            });
            return Some(());
        }
        if end == list.items.len() {
            let before = &list.items[start - 1].and_or;
            if self.leaves_zero(list, start - 1) {
                edits.push(self.tail(before.span.end, last.and_or.span.end)?);
            } else {
                // What the step ends with was the clean-up's success; something must still end it so.
                edits.push(self.stand_in(first.and_or.span, last.and_or.span)?);
            }
        } else {
            // The next command may ask how this one ended.
            let next = list.items[end].and_or.span;
            if self.instruction.text.bytes()[next.range()]
                .windows(2)
                .any(|two| two == b"$?")
            {
                return None;
            }
            edits.push(self.middle(first.and_or.span.start, list.items[end].and_or.span.start)?);
        }
        Some(())
    }

    /// Whether a list that gets as far as the end of this item has the status 0 there: under `set -e`, one plain command.
    fn leaves_zero(&self, list: &List, item: usize) -> bool {
        let strict = list.items[..item].iter().any(|item| {
            item.and_or
                .links
                .iter()
                .any(|link| sets_errexit(&link.pipeline.commands))
        }) || self.outer_errexit(list.span.start);
        let links = &list.items[item].and_or.links;
        let [link] = links.as_slice() else { return false };
        let background = matches!(list.items[item].separator, Some((Separator::Background, _)));
        strict
            && !background
            && !link.pipeline.negated
            && link
                .pipeline
                .commands
                .iter()
                .all(|command| matches!(command, Command::Simple(_)))
    }

    /// `set -e` somewhere in front, outside this list.
    fn outer_errexit(&self, before: usize) -> bool {
        let text = String::from_utf8_lossy(&self.instruction.text.bytes()[..before]).into_owned();
        text.split(['\n', ';', '&']).any(|command| {
            let mut words = command
                .split_whitespace()
                .skip_while(|word| word.starts_with("--") || *word == "RUN");
            words.next() == Some("set")
                && words.any(|word| word == "errexit" || (word.starts_with('-') && word.contains('e')))
        })
    }

    /// `true` in place of commands that go.
    fn stand_in(&self, first: Span, last: Span) -> Option<Edit> {
        let span = Span::new(
            self.instruction.text.source_offset(first.start),
            self.instruction.text.source_offset(last.end - 1) + 1,
        );
        (self.comments(span).is_empty() && self.no_script_comment(span)).then(|| Edit::replace(span, "true"))
    }

    /// In a here-document, items that have their lines for themselves go with these lines and nothing else.
    fn own_lines(&self, list: &List, start: usize, end: usize) -> Option<Edit> {
        if self.instruction.heredocs.is_empty() {
            return None;
        }
        let text = self.instruction.text.bytes();
        let (first, last) = (list.items[start].and_or.span, list.items[end - 1].and_or.span);
        let line_start = text[..first.start]
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let line_end = text[last.end..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map(|at| last.end + at + 1)?;
        let blank = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_whitespace);
        let alone = line_start > 0 && blank(&text[line_start..first.start]) && blank(&text[last.end..line_end]);
        // Between them nothing but them.
        let between = list.items[start..end]
            .windows(2)
            .all(|pair| blank(&text[pair[0].and_or.span.end..pair[1].and_or.span.start]));
        let span = Span::new(
            self.instruction.text.source_offset(line_start),
            self.instruction.text.source_offset(line_end - 1) + 1,
        );
        (alone && between).then(|| Edit::delete(span))
    }

    /// Whether a whole chain goes: all its commands do, but for `|| true` behind them.
    fn item_gone(&self, item: &Item) -> bool {
        let links = &item.and_or.links;
        let mut any = false;
        links.iter().all(|link| {
            let [command] = link.pipeline.commands.as_slice() else {
                return false;
            };
            let gone = !link.pipeline.negated && self.gone(command);
            any |= gone;
            gone || (any && matches!(link.operator, Some((Operator::Or, _))) && is_true(command))
        }) && any
    }

    /// Takes links out of a chain that keeps others.
    fn item(&self, item: &Item, edits: &mut Vec<Edit>) -> Option<()> {
        let links = &item.and_or.links;
        let gone: Vec<bool> = links
            .iter()
            .map(|link| match link.pipeline.commands.as_slice() {
                [command] => !link.pipeline.negated && self.gone(command),
                _ => false,
            })
            .collect();
        let mut at = 0;
        while at < links.len() {
            if !gone[at] {
                for command in &links[at].pipeline.commands {
                    self.command(command, edits)?;
                }
                at += 1;
                continue;
            }
            let start = at;
            while at < links.len() && gone[at] {
                at += 1;
            }
            // Taken to succeed, the command behind `&&` changes nothing; behind `||` it decides what comes next.
            let joined_by_and = links[start.max(1)..at]
                .iter()
                .all(|link| matches!(link.operator, Some((Operator::And, _))));
            if !joined_by_and {
                return None;
            }
            if start == 0 {
                let (operator, _) = links.get(at)?.operator?;
                if operator != Operator::And {
                    return None;
                }
                edits.push(self.middle(links[0].pipeline.span.start, links[at].pipeline.span.start)?);
            } else if at == links.len() {
                edits.push(self.tail(links[start - 1].pipeline.span.end, links[at - 1].pipeline.span.end)?);
            } else {
                let (_, from) = links[start].operator?;
                let (_, to) = links[at].operator?;
                edits.push(self.middle(from.start, to.start)?);
            }
        }
        Some(())
    }

    fn command(&self, command: &Command, edits: &mut Vec<Edit>) -> Option<()> {
        match command {
            // In a pipeline, or negated. What stands inside its words belongs to another script, or is not followed.
            Command::Simple(simple) => (!self.commands.contains(&simple.span)).then_some(()),
            Command::Compound(compound) => {
                if self.touches(compound.span) && !compound.lists.iter().any(|list| self.touches(list.span)) {
                    return None;
                }
                compound.lists.iter().try_for_each(|list| self.list(list, edits))
            }
        }
    }

    /// Deletes from the end of what stays to the end of what goes. Comments in between move behind the instruction.
    fn tail(&self, from: usize, to: usize) -> Option<Edit> {
        let span = Span::new(
            self.instruction.text.source_offset(from - 1) + 1,
            self.instruction.text.source_offset(to - 1) + 1,
        );
        let comments = self.comments(span);
        if comments.is_empty() {
            return self.no_script_comment(span).then(|| Edit::delete(span));
        }
        // They can only follow if nothing of the instruction does.
        let rest = &self.instruction.text.bytes()[to..];
        if !rest.iter().all(u8::is_ascii_whitespace) {
            return None;
        }
        let mut text = String::new();
        for comment in comments {
            let line = std::str::from_utf8(&self.source[comment.range()]).ok()?;
            let body = line.trim_end_matches(['\r', '\n']);
            text.push_str(&line_end(&self.source[..span.end]));
            text.push_str(body.trim_start());
        }
        Some(Edit::replace(span, text))
    }

    /// Deletes from the start of what goes to the start of what stays behind it.
    fn middle(&self, from: usize, to: usize) -> Option<Edit> {
        let span = Span::new(
            self.instruction.text.source_offset(from),
            self.instruction.text.source_offset(to),
        );
        let comments = self.comments(span);
        if comments.is_empty() {
            return self.no_script_comment(span).then(|| Edit::delete(span));
        }
        // Both ends at the start of their lines: the comments between them can stay where they are.
        let indent = |at: usize| {
            let start = self.source[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let indent = &self.source[start..at];
            indent
                .iter()
                .all(|byte| matches!(byte, b' ' | b'\t'))
                .then(|| String::from_utf8_lossy(indent).into_owned())
        };
        indent(span.start)?;
        let mut text = String::new();
        for comment in comments {
            let line = std::str::from_utf8(&self.source[comment.range()]).ok()?;
            text.push_str(if text.is_empty() {
                line.trim_start_matches([' ', '\t'])
            } else {
                line
            });
        }
        text.push_str(&indent(span.end)?);
        Some(Edit::replace(span, text))
    }

    fn comments(&self, span: Span) -> Vec<Span> {
        self.instruction
            .pieces
            .iter()
            .filter(|piece| piece.kind == PieceKind::Comment && span.contains(piece.span))
            .map(|piece| piece.span)
            .collect()
    }

    /// In a here-document, comments are part of the script; a region with what may be one in it is left as it is.
    fn no_script_comment(&self, span: Span) -> bool {
        self.instruction.heredocs.is_empty() || !self.source[span.range()].contains(&b'#')
    }
}

/// `set -e`, in whatever bundle.
fn sets_errexit(commands: &[Command]) -> bool {
    let [Command::Simple(simple)] = commands else {
        return false;
    };
    let words: Vec<String> = simple
        .words
        .iter()
        .filter_map(cachemount_syntax::shell::Word::static_value)
        .collect();
    words.first().is_some_and(|word| word == "set")
        && words
            .iter()
            .any(|word| word == "errexit" || (word.starts_with('-') && !word.starts_with("--") && word.contains('e')))
}

/// `true` or `:`.
fn is_true(command: &Command) -> bool {
    matches!(command, Command::Simple(simple)
        if simple.words.len() == 1 && matches!(simple.words[0].static_value().as_deref(), Some("true" | ":")))
}

/// The line end that the file uses before this place.
pub fn line_end(before: &[u8]) -> String {
    match before.iter().rposition(|byte| *byte == b'\n') {
        Some(at) if at > 0 && before[at - 1] == b'\r' => "\r\n".to_owned(),
        _ => "\n".to_owned(),
    }
}
