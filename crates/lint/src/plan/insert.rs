//! Where and how a mount is written.

use cachemount_syntax::{Instruction, PieceKind, Span};

use super::removal::line_end;
use crate::edit::Edit;

/// A mount to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountText(pub String);

impl MountText {
    /// A cache mount.
    #[must_use]
    pub fn cache(id: &str, target: &str, sharing: Option<&str>, owner: &[(&str, String)]) -> Self {
        let mut text = format!("--mount=type=cache,id={id},target={target}");
        if let Some(sharing) = sharing {
            text.push_str(",sharing=");
            text.push_str(sharing);
        }
        for (key, value) in owner {
            text.push(',');
            text.push_str(key);
            text.push('=');
            text.push_str(value);
        }
        Self(text)
    }

    /// A bind mount of one file over another.
    #[must_use]
    pub fn bind(from: &str, source: &str, target: &str) -> Self {
        Self(format!("--mount=type=bind,from={from},source={source},target={target}"))
    }
}

/// The edit that puts mounts in front of a step's command, one a line, in the manner of its other lines.
#[must_use]
pub fn insert_mounts(source: &[u8], instruction: &Instruction, escape: u8, mounts: &[MountText]) -> Edit {
    let at = instruction
        .text
        .source_offset(instruction.statement.arguments_span.start);
    let line_end = instruction_line_end(source, instruction);
    let indent = indent(source, instruction);
    let mut text = String::new();
    // Behind other flags on the command's own line, the first mount begins a new one.
    let flags_end = instruction
        .statement
        .flags
        .last()
        .map(|flag| instruction.source(flag.span).end);
    let glued = flags_end.filter(|end| source[*end..at].iter().all(|byte| matches!(byte, b' ' | b'\t')));
    if glued.is_some() {
        text = format!(" {}{line_end}{indent}", char::from(escape));
    }
    for mount in mounts {
        text.push_str(&mount.0);
        text.push(' ');
        text.push(char::from(escape));
        text.push_str(&line_end);
        text.push_str(&indent);
    }
    match glued {
        Some(end) => Edit::replace(Span::new(end, at), text),
        None => Edit::insert(at, text),
    }
}

/// The indentation of the step's first continued line, else four blanks.
fn indent(source: &[u8], instruction: &Instruction) -> String {
    let start = instruction
        .text
        .source_offset(instruction.statement.arguments_span.start);
    let line_start = source[..start]
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let on_first_line = line_start <= instruction.span.start;
    let base = &source[instruction.full.start..instruction.span.start];
    let base = String::from_utf8_lossy(base).into_owned();
    if !on_first_line {
        // The command stands on a line of its own already: that line's indentation.
        let own = &source[line_start..start];
        if own.iter().all(|byte| matches!(byte, b' ' | b'\t')) {
            return String::from_utf8_lossy(own).into_owned();
        }
        let blanks: Vec<u8> = own
            .iter()
            .copied()
            .take_while(|byte| matches!(byte, b' ' | b'\t'))
            .collect();
        return String::from_utf8_lossy(&blanks).into_owned();
    }
    // The least indented of the continued lines; deeper ones are arguments or bodies of loops.
    let mut after_continuation = false;
    let mut least: Option<&[u8]> = None;
    for piece in &instruction.pieces {
        match piece.kind {
            PieceKind::Continuation => after_continuation = true,
            PieceKind::Text if after_continuation => {
                let line = &source[piece.span.range()];
                let blanks = line.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
                // A single blank before an operator is a style of its own: ` && x`.
                let set_back = blanks < 2 && !line.starts_with(b"\t");
                if !set_back && least.is_none_or(|least| blanks < least.len()) {
                    least = Some(&line[..blanks]);
                }
            }
            _ => {}
        }
    }
    match least {
        Some(blanks) => String::from_utf8_lossy(blanks).into_owned(),
        None => format!("{base}    "),
    }
}

/// The line end of the instruction, or of the file where it is the last line.
fn instruction_line_end(source: &[u8], instruction: &Instruction) -> String {
    let piece = instruction
        .pieces
        .iter()
        .find(|piece| matches!(piece.kind, PieceKind::Continuation | PieceKind::LineEnd));
    match piece {
        Some(piece) => line_end(&source[..piece.span.end]),
        None => line_end(source),
    }
}
