//! The file: lines, directives, comments, instructions.

use std::fmt;

use crate::heredoc::{self, Heredoc};
use crate::instruction::{self, Arguments, Instruction, Keyword, Statement};
use crate::joined::Joined;
use crate::lines::{self, Line};
use crate::span::Span;

/// A parsed Dockerfile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dockerfile {
    /// Everything in the file, in order, without gaps.
    pub items: Vec<Item>,
    /// The escape character: `\` or `` ` ``.
    pub escape: u8,
    /// Errors that belong to no instruction.
    pub errors: Vec<SyntaxError>,
}

/// A part of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// The UTF-8 byte-order mark.
    ByteOrderMark(Span),
    /// A blank line.
    Blank(Span),
    /// A comment line.
    Comment(Span),
    /// A parser directive (`# syntax=…`).
    Directive(Directive),
    /// An instruction with its continuation lines and here-documents.
    Instruction(Box<Instruction>),
}

/// A parser directive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directive {
    /// In lower case: `syntax`, `escape`, `check`.
    pub name: String,
    /// The value, trimmed.
    pub value: String,
    /// The value's bytes in the file.
    pub value_span: Span,
    /// The whole line.
    pub span: Span,
}

/// A tile of an instruction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// What it is.
    pub kind: PieceKind,
    /// Its bytes in the file.
    pub span: Span,
}

/// What a tile of an instruction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PieceKind {
    /// White space before the keyword.
    Indent,
    /// Text that belongs to the logical line.
    Text,
    /// The escape character, blanks behind it and the line end.
    Continuation,
    /// A comment line between continuation lines.
    Comment,
    /// A blank line between continuation lines.
    Blank,
    /// The end of the logical line.
    LineEnd,
    /// The lines of a here-document.
    HeredocContent,
    /// The line that ends a here-document.
    HeredocEnd,
}

/// What `BuildKit` would refuse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// What is wrong.
    pub message: String,
    /// Where.
    pub span: Span,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

impl Dockerfile {
    /// Parses a file. Errors never end it: each belongs to its instruction, and the next line starts afresh.
    #[must_use]
    pub fn parse(source: &[u8]) -> Self {
        Parser::new(source).run()
    }

    /// The instructions in file order.
    pub fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.items.iter().filter_map(|item| match item {
            Item::Instruction(instruction) => Some(&**instruction),
            _ => None,
        })
    }

    /// The parser directive of this name.
    #[must_use]
    pub fn directive(&self, name: &str) -> Option<&Directive> {
        self.items.iter().find_map(|item| match item {
            Item::Directive(directive) if directive.name == name => Some(directive),
            _ => None,
        })
    }

    /// Everything that `BuildKit`'s parser would refuse, in file order.
    #[must_use]
    pub fn errors(&self) -> Vec<&SyntaxError> {
        let mut errors: Vec<_> = self
            .errors
            .iter()
            .chain(self.instructions().filter_map(|i| i.error.as_ref()))
            .collect();
        errors.sort_by_key(|error| error.span);
        errors
    }

    /// The tiles of the whole file, in order; put side by side they are the file.
    pub fn tiles(&self) -> impl Iterator<Item = Span> {
        self.items.iter().flat_map(|item| match item {
            Item::ByteOrderMark(span) | Item::Blank(span) | Item::Comment(span) => vec![*span],
            Item::Directive(directive) => vec![directive.span],
            Item::Instruction(instruction) => instruction.pieces.iter().map(|piece| piece.span).collect(),
        })
    }

    /// The file again, from its tiles.
    #[must_use]
    pub fn print(&self, source: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(source.len());
        for span in self.tiles() {
            out.extend_from_slice(&source[span.range()]);
        }
        out
    }
}

struct Parser<'a> {
    source: &'a [u8],
    lines: Vec<Line>,
    at: usize,
    file: Dockerfile,
    directives_over: bool,
}

impl<'a> Parser<'a> {
    fn new(source: &'a [u8]) -> Self {
        let mut items = Vec::new();
        let mut start = 0;
        if source.starts_with(BYTE_ORDER_MARK) {
            start = BYTE_ORDER_MARK.len();
            items.push(Item::ByteOrderMark(Span::new(0, start)));
        }
        Self {
            source,
            lines: lines::split(source, start),
            at: 0,
            file: Dockerfile {
                items,
                escape: b'\\',
                errors: Vec::new(),
            },
            directives_over: false,
        }
    }

    fn run(mut self) -> Dockerfile {
        while let Some(line) = self.next_line() {
            if lines::is_comment(self.source, line.text) {
                let item = self.directive(line).map_or(Item::Comment(line.full), Item::Directive);
                self.file.items.push(item);
                continue;
            }
            self.directives_over = true;
            if lines::is_blank(self.source, line.text) {
                self.file.items.push(Item::Blank(line.full));
            } else {
                let instruction = self.instruction(line);
                self.file.items.push(Item::Instruction(Box::new(instruction)));
            }
        }
        if self.file.instructions().next().is_none() {
            self.file.errors.push(SyntaxError {
                message: "the file has no instructions".to_owned(),
                span: Span::new(0, self.source.len()),
            });
        }
        self.file
    }

    fn next_line(&mut self) -> Option<Line> {
        let line = self.lines.get(self.at).copied();
        self.at += usize::from(line.is_some());
        line
    }

    /// Reads a comment as a parser directive, if one may stand here.
    fn directive(&mut self, line: Line) -> Option<Directive> {
        if self.directives_over {
            return None;
        }
        let directive = parse_directive(self.source, line);
        let Some(directive) = directive else {
            self.directives_over = true;
            return None;
        };
        if !matches!(directive.name.as_str(), "syntax" | "escape" | "check") {
            // An unknown name is a comment, but does not end the directives.
            return None;
        }
        let error = if self.file.directive(&directive.name).is_some() {
            Some(format!("only one `{}` directive can be used", directive.name))
        } else if directive.name == "escape" {
            match directive.value.as_str() {
                "\\" | "`" => {
                    self.file.escape = directive.value.as_bytes()[0];
                    None
                }
                other => Some(format!(
                    "the escape character must be `\\` or a backtick, not `{other}`"
                )),
            }
        } else {
            None
        };
        if let Some(message) = error {
            self.file.errors.push(SyntaxError {
                message,
                span: directive.span,
            });
        }
        Some(directive)
    }

    fn instruction(&mut self, first: Line) -> Instruction {
        let mut pieces = Vec::new();
        let mut text = Joined::default();
        let begin = lines::trim_start(self.source, first.text).start;
        push_piece(&mut pieces, PieceKind::Indent, Span::new(first.full.start, begin));
        let mut last = Line {
            full: first.full,
            text: Span::new(begin, first.text.end),
        };
        while let Some(escape) = lines::continuation(self.source, last.text, self.file.escape) {
            let kept = Span::new(last.text.start, escape);
            text.push(self.source, kept);
            push_piece(&mut pieces, PieceKind::Text, kept);
            push_piece(&mut pieces, PieceKind::Continuation, Span::new(escape, last.full.end));
            match self.next_text_line(&mut pieces) {
                Some(line) => last = line,
                None => {
                    last.text = Span::new(last.full.end, last.full.end);
                    break;
                }
            }
        }
        text.push(self.source, last.text);
        push_piece(&mut pieces, PieceKind::Text, last.text);
        push_piece(&mut pieces, PieceKind::LineEnd, Span::new(last.text.end, last.full.end));

        let line = Span::new(0, text.bytes().len());
        let (statement, message) = instruction::parse(text.bytes(), line, self.file.escape);
        let mut error = message.map(|message| SyntaxError {
            message,
            span: Span::new(begin, last.text.end),
        });
        let mut heredocs = Vec::new();
        let mut end = if last.text.is_empty() {
            trim_trailing_newline(self.source, begin, last.full.end)
        } else {
            last.text.end
        };
        if error.is_none() && may_hold_heredocs(&statement) {
            heredocs = heredoc::announced(text.bytes(), line);
            // Older builders read on behind `<< EOF`; without an end in sight, so do we.
            heredocs.retain(|heredoc| !heredoc.spaced || self.has_line(&heredoc.name));
            if !heredocs.is_empty() {
                text.push(self.source, Span::new(last.text.end, last.full.end));
            }
            for heredoc in &mut heredocs {
                match self.heredoc(heredoc, &mut text, &mut pieces) {
                    Ok(line_end) => end = line_end,
                    Err(line_end) => {
                        end = line_end;
                        error = Some(SyntaxError {
                            message: format!("the here-document `{}` has no end", heredoc.name),
                            span: Span::new(begin, last.text.end),
                        });
                        break;
                    }
                }
            }
        }
        let full_end = pieces.last().map_or(first.full.end, |piece: &Piece| piece.span.end);
        Instruction {
            span: Span::new(begin, end.max(begin)),
            full: Span::new(first.full.start, full_end),
            text,
            statement,
            heredocs,
            pieces,
            error,
        }
    }

    /// The next line of a continued instruction; comments and blank lines before it become pieces.
    fn next_text_line(&mut self, pieces: &mut Vec<Piece>) -> Option<Line> {
        loop {
            let line = self.next_line()?;
            if lines::is_comment(self.source, line.text) {
                push_piece(pieces, PieceKind::Comment, line.full);
            } else if lines::is_blank(self.source, line.text) {
                push_piece(pieces, PieceKind::Blank, line.full);
            } else {
                return Some(line);
            }
        }
    }

    /// Whether a line behind this place is the name of a here-document.
    fn has_line(&self, name: &str) -> bool {
        self.lines[self.at..]
            .iter()
            .any(|line| self.source[line.text.range()].trim_ascii_start() == name.as_bytes())
    }

    /// Consumes the lines of a here-document. Either way returns where the instruction ends so far.
    fn heredoc(&mut self, heredoc: &mut Heredoc, text: &mut Joined, pieces: &mut Vec<Piece>) -> Result<usize, usize> {
        let content_start = text.bytes().len();
        let mut end = pieces.last().map_or(0, |piece| piece.span.end);
        while let Some(line) = self.next_line() {
            let mut candidate = &self.source[line.text.range()];
            if heredoc.strip_tabs {
                while let Some(rest) = candidate.strip_prefix(b"\t") {
                    candidate = rest;
                }
            }
            if candidate == heredoc.name.as_bytes() {
                heredoc.content = Span::new(content_start, text.bytes().len());
                text.push(self.source, line.full);
                push_piece(pieces, PieceKind::HeredocEnd, line.full);
                return Ok(line.text.end);
            }
            text.push(self.source, line.full);
            push_piece(pieces, PieceKind::HeredocContent, line.full);
            end = line.text.end;
        }
        heredoc.content = Span::new(content_start, text.bytes().len());
        Err(end)
    }
}

fn trim_trailing_newline(source: &[u8], from: usize, mut end: usize) -> usize {
    while end > from && matches!(source[end - 1], b'\n' | b'\r') {
        end -= 1;
    }
    end
}

fn push_piece(pieces: &mut Vec<Piece>, kind: PieceKind, span: Span) {
    if !span.is_empty() {
        pieces.push(Piece { kind, span });
    }
}

/// `RUN`, `COPY` and `ADD`, also behind `ONBUILD`, unless in JSON form.
fn may_hold_heredocs(statement: &Statement) -> bool {
    match &statement.arguments {
        Arguments::Onbuild(nested) => may_hold_heredocs(nested),
        Arguments::Exec(_) => false,
        _ => matches!(statement.keyword, Keyword::Run | Keyword::Copy | Keyword::Add),
    }
}

/// `# name = value`.
fn parse_directive(source: &[u8], line: Line) -> Option<Directive> {
    let text = lines::trim(source, line.text);
    let bytes = &source[text.range()];
    let rest = bytes.strip_prefix(b"#")?;
    let equals = rest.iter().position(|byte| *byte == b'=')?;
    let name = std::str::from_utf8(&rest[..equals]).ok()?.trim();
    let mut letters = name.bytes();
    if !letters.next().is_some_and(|byte| byte.is_ascii_alphabetic())
        || !letters.all(|byte| byte.is_ascii_alphanumeric())
    {
        return None;
    }
    let value_span = lines::trim(source, Span::new(text.start + 1 + equals + 1, text.end));
    if value_span.is_empty() {
        return None;
    }
    Some(Directive {
        name: name.to_ascii_lowercase(),
        value: String::from_utf8_lossy(&source[value_span.range()]).into_owned(),
        value_span,
        span: line.full,
    })
}
