//! What a mount needs beside it: switches that leave the cache on, and files of the image that would empty it.

use cachemount_syntax::{PieceKind, Span};

use super::Obstacle;
use super::locate::word_relation;
use super::paths::Relation;
use super::uses::{Use, is_use};
use crate::edit::Edit;
use crate::knowledge::Tool;
use crate::model::{Base, Fact, Model, Run};

/// A change that a mount needs beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// What it is about.
    pub kind: CompanionKind,
    /// The text that makes it necessary, in the file.
    pub span: Span,
    /// The change.
    pub edits: Vec<Edit>,
    /// What it does, to complete "the fix …".
    pub done: String,
    /// Why.
    pub why: String,
}

/// What a companion is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompanionKind {
    /// The cache is switched off.
    SwitchedOff,
    /// The cache is wiped.
    Wiped,
    /// The base image empties it.
    Hidden,
    /// A variable makes the tool fit for a mount.
    Set,
    /// The tool deletes what it downloaded.
    Kept,
}

/// Everything that switches the tool's cache off in this step, undone.
pub fn switch_on(model: &Model<'_>, run: &Run, tool: &Tool, uses: &[Use]) -> Result<Vec<Companion>, Obstacle> {
    let mut companions = Vec::new();
    for usage in uses {
        let fact = &run.script.facts()[usage.fact];
        for flag in &tool.off.flags {
            let matches = |text: &str| {
                text == flag
                    || text
                        .strip_prefix(flag.as_str())
                        .is_some_and(|rest| rest.starts_with('='))
            };
            for index in usage.command_words..fact.words.len() {
                let word = &fact.words[index];
                if !matches(word.value.as_deref().unwrap_or(&word.literal)) {
                    continue;
                }
                if !word.is_static || fact.exec {
                    return Err(Obstacle::CannotSwitchOn(flag.clone()));
                }
                let edit =
                    delete_word(model, run, fact, index).ok_or_else(|| Obstacle::CannotSwitchOn(flag.clone()))?;
                companions.push(Companion {
                    kind: CompanionKind::SwitchedOff,
                    span: source(model, run, word.span),
                    edits: vec![edit],
                    done: format!("takes out `{flag}`"),
                    why: format!("it makes {} leave the mount empty", tool.name),
                });
            }
        }
        for off in &tool.off.env {
            if let Some(companion) = switch_env(model, run, tool, fact, off)? {
                companions.push(companion);
            }
        }
    }
    Ok(companions)
}

fn switch_env(
    model: &Model<'_>,
    run: &Run,
    tool: &Tool,
    fact: &Fact,
    off: &crate::knowledge::OffEnv,
) -> Result<Option<Companion>, Obstacle> {
    let name = &off.name;
    let is_on = |value: &Option<String>| {
        value
            .as_ref()
            .is_some_and(|value| off.on.iter().any(|on| on.eq_ignore_ascii_case(value)))
    };
    let refuse = || Obstacle::CannotSwitchOn(name.clone());
    if let Some((_, value)) = fact.assignments.iter().find(|(set, _)| set == name) {
        if is_on(value) {
            return Ok(None);
        }
        // Set before the command: take it out. Set by `env` or `sudo`: leave it.
        let span = fact
            .assignment_spans
            .iter()
            .find(|(set, _)| set == name)
            .map(|(_, span)| *span)
            .ok_or_else(refuse)?;
        let bytes = model.instructions[run.instruction].text.bytes();
        let behind = bytes[span.end..]
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .count();
        let start = source(model, run, span).start;
        let end = model.instructions[run.instruction]
            .text
            .source_offset(span.end + behind);
        if has_comment(model, run, Span::new(start, end)) {
            return Err(refuse());
        }
        return Ok(Some(Companion {
            kind: CompanionKind::SwitchedOff,
            span: source(model, run, span),
            edits: vec![Edit::delete(Span::new(start, end))],
            done: format!("takes out `{name}`"),
            why: format!("it makes {} leave the mount empty", tool.name),
        }));
    }
    if fact.clean_environment {
        return Ok(None);
    }
    if let Some(value) = fact.exports.get(name) {
        return if is_on(value) { Ok(None) } else { Err(refuse()) };
    }
    let value = run.state.env.get(name).or_else(|| run.state.args.get(name));
    let Some(value) = value.filter(|value| !is_on(value)) else {
        return Ok(None);
    };
    let insertion = set_for(model, run, fact, name, &off.neutral).ok_or_else(refuse)?;
    let shown = value.as_deref().unwrap_or("…");
    Ok(Some(Companion {
        kind: CompanionKind::SwitchedOff,
        span: source(model, run, fact.words[0].span),
        edits: vec![insertion],
        done: format!("sets `{name}={}` for this command", off.neutral),
        why: format!(
            "`{name}={shown}` makes {} leave the mount empty; the image keeps its value",
            tool.name
        ),
    }))
}

/// Variables that the tool wants with a mount.
pub fn set_env(model: &Model<'_>, run: &Run, tool: &Tool, uses: &[Use]) -> Vec<Companion> {
    let mut companions = Vec::new();
    for usage in uses {
        let fact = &run.script.facts()[usage.fact];
        for set in &tool.env {
            let there = fact.assignments.iter().any(|(name, _)| *name == set.name)
                || fact.exports.contains_key(&set.name)
                || run.state.env.contains_key(&set.name)
                || run.state.args.contains_key(&set.name)
                || fact
                    .words
                    .iter()
                    .any(|word| set.flags.iter().any(|flag| word.literal.starts_with(flag.as_str())));
            if there {
                continue;
            }
            if let Some(edit) = set_for(model, run, fact, &set.name, &set.value) {
                companions.push(Companion {
                    kind: CompanionKind::Set,
                    span: source(model, run, fact.words[0].span),
                    edits: vec![edit],
                    done: format!("sets `{}={}` for this command", set.name, set.value),
                    why: set.why.clone(),
                });
            }
        }
    }
    companions
}

/// Options that make the tool keep its downloads.
pub fn keep_downloads(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool, uses: &[Use]) -> Vec<Companion> {
    let mut companions = Vec::new();
    for usage in uses {
        let fact = &run.script.facts()[usage.fact];
        let Some(name) = fact.name() else { continue };
        for keep in tool.keep_flags.iter().filter(|keep| keep.command.matches(&name)) {
            if fact.exec
                || !is_use(tool, fact, &keep.uses)
                || kept_by_configuration(model, stage, run, tool, usage.fact, &keep.present)
            {
                continue;
            }
            let word = source(model, run, fact.words[usage.command_words - 1].span);
            companions.push(Companion {
                kind: CompanionKind::Kept,
                span: word,
                edits: vec![Edit::insert(word.end, format!(" {}", keep.add))],
                done: format!("adds `{}`", keep.add),
                why: format!("`{name}` deletes what it downloaded"),
            });
        }
    }
    companions
}

/// Hides the file of the base image that would empty the mount, for this step alone: one more mount to add.
pub fn hide(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool) -> Option<Hidden> {
    let hide = tool.hide.as_ref()?;
    let here = run
        .mounts
        .iter()
        .any(|mount| mount.target.as_deref() == Some(&hide.file));
    if here || taken_care_of(model, stage, run, &hide.file) || lacks_file(model, stage) {
        return None;
    }
    let root = model.ancestry(stage).last().unwrap_or(stage);
    let is_stage = |name: &str| {
        model
            .stages
            .iter()
            .any(|stage| stage.name.as_deref() == Some(&name.to_lowercase()))
    };
    let from = match model.root_base(stage) {
        // A bind mount asks for the image of the target platform, and takes a stage of the same name first.
        Base::Image { name, literal: true } if model.stages[root].platform.is_none() && !is_stage(name) => {
            From::Existing(name.clone())
        }
        _ => match model.stages[stage].base {
            Base::Stage(parent)
                if model.stages[parent].written_name.is_some() && model.stages[stage].maybe_bases.is_empty() =>
            {
                From::Existing(model.stages[parent].written_name.clone().unwrap_or_default())
            }
            _ => From::NewStage,
        },
    };
    Some(Hidden {
        from,
        source: hide.behind.clone(),
        target: hide.file.clone(),
        why: hide.why.clone(),
    })
}

/// A file to hide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden {
    /// Where the harmless file comes from.
    pub from: From,
    /// The harmless file.
    pub source: String,
    /// The file that it hides.
    pub target: String,
    /// What the hidden file does.
    pub why: String,
}

/// Where a bind mount's source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// In this image or stage.
    Existing(String),
    /// In the base image, which has no name that could be written: it needs a stage of its own.
    NewStage,
}

/// Whether the base image is known not to have the file.
fn lacks_file(model: &Model<'_>, stage: usize) -> bool {
    match model.root_base(stage) {
        Base::Image { name, .. } => crate::knowledge::ImageRef::parse(name)
            .find(&model.knowledge.images)
            .is_some_and(|image| image.docker_clean == Some(false) && image.evidence != "believed"),
        _ => false,
    }
}

/// Whether somebody took care of a file of the base image: a command of this step or of one before it removes, moves,
/// rewrites or just names it, or a `COPY` does. Mounts of other steps do not count; they end with their step.
fn taken_care_of(model: &Model<'_>, stage: usize, run: &Run, file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    earlier(model, stage, run).any(|index| {
        let instruction = model.instructions[index];
        let text = String::from_utf8_lossy(&instruction.text.bytes()[instruction.statement.arguments_span.start..])
            .into_owned();
        if text.contains(name) {
            return true;
        }
        // By a pattern: `rm -f /etc/apt/apt.conf.d/docker-*`.
        model.run_at(index).is_some_and(|other| {
            other.script.facts().iter().any(|fact| {
                matches!(
                    fact.name().as_deref(),
                    Some("rm" | "mv" | "sed" | "find" | "truncate" | "chmod")
                ) && fact.words.iter().skip(1).any(|word| {
                    word.value.as_deref().is_some_and(|value| value.contains('/'))
                        && word_relation(other, fact, word, file) != Relation::Apart
                })
            })
        })
    })
}

/// Whether a setting is in the configuration already: written by a command that is not the tool, or copied in.
fn kept_by_configuration(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool, usage: usize, present: &str) -> bool {
    let said = |text: &str| text.contains(present) && !text.contains("false");
    if run.script.facts()[usage].words.iter().any(|word| said(&word.literal)) {
        return true;
    }
    earlier(model, stage, run).any(|index| match model.run_at(index) {
        Some(other) => other.script.facts().iter().any(|fact| {
            let own = tool
                .commands
                .iter()
                .any(|command| command.matches(&fact.values(), true));
            !own && fact.words.iter().any(|word| said(&word.literal))
        }),
        None => said(&String::from_utf8_lossy(model.instructions[index].text.bytes())),
    })
}

/// The instructions of the stage and those it is built from, up to and with this step.
fn earlier<'m>(model: &'m Model<'_>, stage: usize, run: &Run) -> impl Iterator<Item = usize> + 'm {
    let last = run.instruction;
    model
        .ancestry(stage)
        .flat_map(|ancestor| model.stage_instructions(ancestor))
        .filter(move |index| *index <= last)
}

/// `NAME=value ` in front of a command.
fn set_for(model: &Model<'_>, run: &Run, fact: &Fact, name: &str, value: &str) -> Option<Edit> {
    if fact.exec || !fact.wrappers.is_empty() {
        return None;
    }
    let at = source(model, run, fact.words.first()?.span).start;
    Some(Edit::insert(at, format!("{name}={value} ")))
}

fn delete_word(model: &Model<'_>, run: &Run, fact: &Fact, index: usize) -> Option<Edit> {
    let text = &model.instructions[run.instruction].text;
    let previous = fact.words.get(index.checked_sub(1)?)?.span;
    let span = Span::new(
        text.source_offset(previous.end - 1) + 1,
        text.source_offset(fact.words[index].span.end - 1) + 1,
    );
    (!has_comment(model, run, span)).then(|| Edit::delete(span))
}

fn has_comment(model: &Model<'_>, run: &Run, span: Span) -> bool {
    model.instructions[run.instruction]
        .pieces
        .iter()
        .any(|piece| piece.kind == PieceKind::Comment && span.contains(piece.span))
}

fn source(model: &Model<'_>, run: &Run, span: Span) -> Span {
    model.instructions[run.instruction].source(span)
}
