//! The last check before a fixed file is accepted: nothing changed but what was meant.
//!
//! It knows nothing of how the edits were made. Every instruction that no fix means to touch must read the same; in those
//! that are touched, every command must have the same words, but for what stood in a deleted place and what an edit wrote.

use cachemount_syntax::{Dockerfile, Keyword, Span};

use crate::edit::{Edit, Fix};
use crate::model::{Fact, Model};

/// What was not meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Violation {
    /// Edits overlap.
    Overlap,
    /// The result is not a valid file.
    Syntax,
    /// An instruction came or went.
    Count,
    /// An instruction that was not to be touched reads otherwise.
    Changed(usize),
    /// A command of a touched instruction reads otherwise.
    Command(usize),
    /// A flag of a touched instruction reads otherwise.
    Flags(usize),
    /// A comment is gone.
    Comment,
}

/// Compares a file with what fixes made of it.
pub fn verify(before: &Model<'_>, after: &[u8], fixes: &[&Fix]) -> Result<(), Violation> {
    let file = Dockerfile::parse(after);
    if !file.errors().is_empty() {
        return Err(Violation::Syntax);
    }
    let after = Model::new(after, &file, before.knowledge);
    let mut new_stages: Vec<usize> = fixes.iter().filter_map(|fix| fix.new_stage_before).collect();
    new_stages.sort_unstable();
    if after.instructions.len() != before.instructions.len() + new_stages.len() {
        return Err(Violation::Count);
    }
    let edits: Vec<&Edit> = fixes.iter().flat_map(|fix| &fix.edits).collect();
    let mut at = 0;
    for (index, instruction) in before.instructions.iter().enumerate() {
        if new_stages.contains(&index) {
            if after.instructions[at].statement.keyword != Keyword::From {
                return Err(Violation::Count);
            }
            at += 1;
        }
        let other = after.instructions[at];
        if fixes.iter().any(|fix| fix.touches.contains(&index)) {
            touched(before, index, &after, at, &edits)?;
        } else if instruction.text.bytes() != other.text.bytes() {
            return Err(Violation::Changed(index));
        }
        at += 1;
    }
    comments(before, &after)
}

/// Every comment of the file is still there, in order.
fn comments(before: &Model<'_>, after: &Model<'_>) -> Result<(), Violation> {
    let kept = comment_lines(after);
    let mut kept = kept.iter();
    for comment in comment_lines(before) {
        if !kept.any(|other| *other == comment) {
            return Err(Violation::Comment);
        }
    }
    Ok(())
}

fn comment_lines<'a>(model: &Model<'a>) -> Vec<&'a [u8]> {
    use cachemount_syntax::{Item, PieceKind};
    let mut lines = Vec::new();
    for item in &model.file.items {
        match item {
            Item::Comment(span) => lines.push(model.source[span.range()].trim_ascii()),
            Item::Instruction(instruction) => lines.extend(
                instruction
                    .pieces
                    .iter()
                    .filter(|piece| piece.kind == PieceKind::Comment)
                    .map(|piece| model.source[piece.span.range()].trim_ascii()),
            ),
            _ => {}
        }
    }
    lines
}

fn touched(
    before: &Model<'_>,
    index: usize,
    after: &Model<'_>,
    other: usize,
    edits: &[&Edit],
) -> Result<(), Violation> {
    let old = before.instructions[index];
    let new = after.instructions[other];
    if old.statement.keyword != new.statement.keyword || old.heredocs.len() != new.heredocs.len() {
        return Err(Violation::Changed(index));
    }
    let others = |instruction: &cachemount_syntax::Instruction| -> Vec<String> {
        instruction
            .statement
            .flags
            .iter()
            .filter(|flag| flag.name != "mount")
            .map(cachemount_syntax::flags::Flag::to_text)
            .collect()
    };
    let old_mounts = old.statement.flags.len();
    let added = edits
        .iter()
        .filter(|edit| edit.span.start >= old.full.start && edit.span.end <= old.full.end)
        .map(|edit| edit.text.matches("--mount=").count())
        .sum::<usize>();
    if others(old) != others(new) || new.statement.flags.len() != old_mounts + added {
        return Err(Violation::Flags(index));
    }
    let (Some(old_run), Some(new_run)) = (before.run_at(index), after.run_at(other)) else {
        return Err(Violation::Changed(index));
    };
    let deleted = |span: Span| {
        edits
            .iter()
            .any(|edit| !edit.span.is_empty() && edit.span.contains(span))
    };
    let old_facts: Vec<&Fact> = old_run
        .script
        .facts()
        .iter()
        .filter(|fact| !deleted(old.source(fact.span)))
        .collect();
    let inserted: Vec<&str> = edits.iter().flat_map(|edit| edit.text.split_whitespace()).collect();
    let same = |old_fact: &Fact, new_fact: &Fact| {
        let old_words: Vec<&[u8]> = tokens(old_fact)
            .into_iter()
            .filter(|span| !deleted(old.source(*span)))
            .map(|span| &old.text.bytes()[span.range()])
            .collect();
        let mut expected = old_words.into_iter().peekable();
        let known = tokens(new_fact).into_iter().all(|span| {
            let word = &new.text.bytes()[span.range()];
            expected.next_if_eq(&word).is_some() || inserted.iter().any(|text| text.as_bytes() == word)
        });
        known && expected.next().is_none()
    };
    // `true` may stand in for what was taken out, as often as an edit wrote it.
    let mut stand_ins = edits.iter().filter(|edit| edit.text == "true").count();
    let mut old_facts = old_facts.into_iter().peekable();
    for new_fact in new_run.script.facts() {
        if old_facts.next_if(|old_fact| same(old_fact, new_fact)).is_some() {
            continue;
        }
        if stand_ins == 0 || new_fact.words.len() != 1 || new_fact.words[0].raw != "true" {
            return Err(Violation::Command(index));
        }
        stand_ins -= 1;
    }
    if old_facts.next().is_some() {
        return Err(Violation::Command(index));
    }
    Ok(())
}

/// The words and assignments of a command; the script of `sh -c` is seen through its own commands.
fn tokens(fact: &Fact) -> Vec<Span> {
    let shell = matches!(
        fact.name().as_deref(),
        Some("sh" | "bash" | "dash" | "ash" | "ksh" | "zsh" | "su" | "runuser")
    );
    let mut spans: Vec<Span> = fact.assignment_spans.iter().map(|(_, span)| *span).collect();
    for (index, word) in fact.words.iter().enumerate() {
        let script = shell
            && index > 0
            && fact.words[index - 1]
                .value
                .as_deref()
                .is_some_and(|flag| flag.starts_with('-') && flag.contains('c'));
        if !script {
            spans.push(word.span);
        }
    }
    spans
}
