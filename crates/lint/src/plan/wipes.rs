//! Commands of a step that empty a mounted directory.

use std::collections::BTreeSet;

use cachemount_syntax::{PieceKind, Span};

use super::Obstacle;
use super::guards::is_removal;
use super::paths::{Relation, relation};
use super::removal::Removal;
use super::switches::{Companion, CompanionKind};
use crate::edit::Edit;
use crate::knowledge::Tool;
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
                    edits.push(operand(model, run, fact, index).ok_or_else(|| Obstacle::CannotRemove { command: text(), line })?);
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
    let edits = Removal::new(model.source, instruction, &commands).edits(run.script.lists()).ok_or_else(|| {
        let first = commands.iter().next().copied().unwrap_or_default();
        Obstacle::CannotRemove {
            command: command_text(instruction.text.bytes(), first),
            line: model.lines.line(instruction.text.source_offset(first.start)),
        }
    })?;
    let texts: Vec<_> = commands.iter().map(|span| format!("`{}`", command_text(instruction.text.bytes(), *span))).collect();
    companions.push(Companion {
        kind: CompanionKind::Wiped,
        span: instruction.source(commands.iter().next().copied().unwrap_or_default()),
        edits,
        done: format!("takes out {}", texts.join(" and ")),
        why: "it would empty the mount, and it has nothing to remove from the image any more".to_owned(),
    });
    Ok(companions)
}

/// Whether the step empties this directory itself, in whatever way.
pub fn wipes(run: &Run, tool: &Tool, place: &str) -> bool {
    let places = [place.to_owned()];
    run.script
        .facts()
        .iter()
        .any(|fact| !matches!(judge(run, tool, fact, &places), Wipe::None))
}

fn mentions_variable(fact: &Fact) -> bool {
    fact.words.iter().any(|word| !word.is_static)
}

fn judge(run: &Run, tool: &Tool, fact: &Fact, places: &[String]) -> Wipe {
    let values = fact.values();
    for wipe in &tool.wipe {
        if !wipe.command.matches(&values, true) {
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
        match related(run, word, places) {
            Relation::Within => within.push(index),
            Relation::Above => return Wipe::More(word.literal.replace('\u{0}', "…")),
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

/// How a word lies to the directories; one that cannot be resolved is judged by what it begins with.
fn related(run: &Run, word: &WordFact, places: &[String]) -> Relation {
    let Some(value) = &word.value else {
        // Up to the first unknown or brace: `/var/lib/{apt,dpkg}` may be above or within.
        let known = word.literal.split(['\u{0}', '{']).next().unwrap_or_default();
        let touches = known.len() > 1 && places.iter().any(|place| place.starts_with(known) || relation(known, place) == Relation::Within);
        return if touches { Relation::Above } else { Relation::Apart };
    };
    let path = match value.strip_prefix('~') {
        Some(rest) => match run.state.home(&run.state.user) {
            Some(home) => format!("{home}{rest}"),
            None => return Relation::Apart,
        },
        None if value.starts_with('/') => value.clone(),
        // Relative paths depend on `cd`; only WORKDIR could tell, and caches are rarely below it.
        None => match &run.state.workdir {
            Some(directory) => format!("{directory}/{value}"),
            None => return Relation::Apart,
        },
    };
    let mut result = Relation::Apart;
    for place in places {
        match relation(&path, place) {
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
pub fn command_text(bytes: &[u8], span: Span) -> String {
    let text = String::from_utf8_lossy(&bytes[span.range()]);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
