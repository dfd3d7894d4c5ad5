//! Commands of a step that empty a mounted directory.

use std::collections::BTreeSet;

use cachemount_syntax::{PieceKind, Span};

use super::Obstacle;
use super::guards::is_removal;
use super::locate::word_relation;
use super::paths::Relation;
use super::removal::Removal;
use super::switches::{Companion, CompanionKind};
use super::uses::{is_use, named_words};
use crate::edit::Edit;
use crate::knowledge::{CacheDir, Tool};
use crate::model::{Fact, Model, Run, WordFact};

/// What a command does to a set of directories.
enum Wipe {
    /// Nothing.
    None,
    /// It empties them and does nothing else.
    Whole,
    /// Of its operands these, by index into its words.
    Operands(Vec<usize>),
    /// It hits more than them.
    More(String),
}

/// Finds and takes out everything in the step that empties one of `places`.
pub fn take_out(model: &Model<'_>, run: &Run, tool: &Tool, places: &[String]) -> Result<Vec<Companion>, Obstacle> {
    let instruction = model.instructions[run.instruction];
    let mut commands = BTreeSet::new();
    let mut companions = Vec::new();
    for fact in run.script.facts() {
        let line = model.lines.line(instruction.text.source_offset(fact.span.start));
        let text = || command_text(instruction.text.bytes(), fact.span);
        match judge(run, tool, fact, places) {
            Wipe::None => {}
            Wipe::More(path) => return Err(Obstacle::WipedWithMore { path, line }),
            _ if fact.exec || fact.in_loop && mentions_variable(fact) => {
                return Err(Obstacle::CannotRemove { command: text(), line });
            }
            Wipe::Whole => {
                commands.insert(fact.span);
            }
            Wipe::Operands(indexes) => {
                let mut edits = Vec::new();
                for index in indexes {
                    edits.push(
                        operand(model, run, fact, index)
                            .ok_or_else(|| Obstacle::CannotRemove { command: text(), line })?,
                    );
                }
                companions.push(Companion {
                    kind: CompanionKind::Wiped,
                    span: instruction.source(fact.span),
                    edits,
                    done: format!("takes the cached directories out of `{}`", text()),
                    why: "it would empty the mount, and it has nothing to remove from the image any more".to_owned(),
                });
            }
        }
    }
    if commands.is_empty() {
        return Ok(companions);
    }
    let edits = Removal::new(model.source, instruction, &commands)
        .edits(run.script.lists())
        .ok_or_else(|| {
            let first = commands.iter().next().copied().unwrap_or_default();
            Obstacle::CannotRemove {
                command: command_text(instruction.text.bytes(), first),
                line: model.lines.line(instruction.text.source_offset(first.start)),
            }
        })?;
    let texts: Vec<_> = commands
        .iter()
        .map(|span| format!("`{}`", command_text(instruction.text.bytes(), *span)))
        .collect();
    companions.push(Companion {
        kind: CompanionKind::Wiped,
        span: instruction.source(commands.iter().next().copied().unwrap_or_default()),
        edits,
        done: format!("takes out {}", texts.join(" and ")),
        why: "it would empty the mount, and it has nothing to remove from the image any more".to_owned(),
    });
    Ok(companions)
}

/// Whether the step certainly leaves the directory empty: the last thing it does to it is to wipe it whole.
pub fn ends_empty(run: &Run, tool: &Tool, cache: &CacheDir, place: &str) -> bool {
    let mut empty = false;
    for fact in run.script.facts() {
        if is_use(tool, fact, &cache.fetched_by) {
            empty = false;
        } else if !fact.maybe && wipes_whole(run, tool, fact, place) {
            empty = true;
        }
    }
    empty
}

/// Whether the command empties all of the directory.
fn wipes_whole(run: &Run, tool: &Tool, fact: &Fact, place: &str) -> bool {
    let named = named_words(tool, fact);
    if let Some(wipe) = tool.wipe.iter().find(|wipe| wipe.command.matches(&named, true)) {
        return wipe.empties.is_empty() || wipe.empties.iter().any(|directory| directory == place);
    }
    if !is_removal(fact) {
        return false;
    }
    let tests = [
        "-name", "-path", "-newer", "-mtime", "-regex", "-iname", "-size", "-empty",
    ];
    if fact.words.iter().any(|word| tests.contains(&word.literal.as_str())) {
        return false;
    }
    fact.words.iter().skip(1).any(|word| {
        let Some(value) = &word.value else { return false };
        // The directory, all in it, or a directory above it.
        let trimmed = value.trim_end_matches('*').trim_end_matches('/');
        trimmed == place || word_relation(run, fact, word, place) == Relation::Above
    })
}

fn mentions_variable(fact: &Fact) -> bool {
    fact.words.iter().any(|word| !word.is_static)
}

fn judge(run: &Run, tool: &Tool, fact: &Fact, places: &[String]) -> Wipe {
    let named = named_words(tool, fact);
    for wipe in &tool.wipe {
        if !wipe.command.matches(&named, true) {
            continue;
        }
        let missing = wipe.empties.iter().find(|directory| !places.contains(directory));
        return match missing {
            None => Wipe::Whole,
            Some(_) if wipe.empties.iter().all(|directory| !places.contains(directory)) => Wipe::None,
            Some(directory) => Wipe::More(directory.clone()),
        };
    }
    if !is_removal(fact) {
        return Wipe::None;
    }
    let find = fact.name().as_deref() == Some("find");
    let mut within = Vec::new();
    let mut others = 0;
    let mut only_paths = false;
    for (index, word) in fact.words.iter().enumerate().skip(1) {
        let text = word.value.as_deref().unwrap_or("");
        if text == "--" {
            only_paths = true;
            continue;
        }
        if text.starts_with('-') && !only_paths {
            if find {
                // What follows are tests and actions, not paths.
                break;
            }
            continue;
        }
        match related(run, fact, word, places) {
            Relation::Within => within.push(index),
            Relation::Above => return Wipe::More(word.raw.clone()),
            Relation::Apart => others += 1,
        }
    }
    match (within.is_empty(), others) {
        (true, _) => Wipe::None,
        (false, 0) => Wipe::Whole,
        (false, _) if find => Wipe::More(fact.words[within[0]].literal.clone()),
        (false, _) => Wipe::Operands(within),
    }
}

/// How a word lies to the directories together.
fn related(run: &Run, fact: &Fact, word: &WordFact, places: &[String]) -> Relation {
    let mut result = Relation::Apart;
    for place in places {
        match word_relation(run, fact, word, place) {
            Relation::Above => return Relation::Above,
            Relation::Within => result = Relation::Within,
            Relation::Apart => {}
        }
    }
    result
}

/// The edit that takes one operand out, with the blanks before it.
fn operand(model: &Model<'_>, run: &Run, fact: &Fact, index: usize) -> Option<Edit> {
    let instruction = model.instructions[run.instruction];
    let previous = fact.words.get(index.checked_sub(1)?)?.span;
    let span = Span::new(
        instruction.text.source_offset(previous.end - 1) + 1,
        instruction.text.source_offset(fact.words[index].span.end - 1) + 1,
    );
    let comment = instruction
        .pieces
        .iter()
        .any(|piece| piece.kind == PieceKind::Comment && span.contains(piece.span));
    (!comment && fact.words[index].is_static).then(|| Edit::delete(span))
}

/// A command as one line.
#[must_use]
pub fn command_text(bytes: &[u8], span: Span) -> String {
    let text = String::from_utf8_lossy(&bytes[span.range()]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
