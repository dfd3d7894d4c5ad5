//! Recursive descent over the bytes of a script.

mod words;

use std::fmt;

use super::ast::{
    AndOr, Command, Compound, CompoundKind, Item, Link, List, Operator, Pipeline, Redirect, Separator, Simple,
};
use super::word::Word;
use crate::span::Span;

/// Why a script was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What was met or missed.
    pub message: &'static str,
    /// Where, in the text that was parsed.
    pub at: usize,
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

/// Nesting beyond this is refused; real scripts stay below ten.
const MAX_DEPTH: usize = 60;

/// Parses `bytes[span]` as a script. Spans in the result are offsets into `bytes`.
pub fn parse(bytes: &[u8], span: Span) -> Result<List, ParseError> {
    let mut parser = Parser {
        bytes: &bytes[..span.end],
        at: span.start,
        depth: 0,
        heredocs: Vec::new(),
    };
    let list = parser.list(&[])?;
    if parser.at < span.end {
        return Err(parser.error("a command was expected"));
    }
    if parser.heredocs.is_empty() {
        Ok(list)
    } else {
        Err(parser.error("a here-document has no end"))
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
    heredocs: Vec<PendingHeredoc>,
}

struct PendingHeredoc {
    name: String,
    strip_tabs: bool,
}

type Parsed<T> = Result<T, ParseError>;

impl Parser<'_> {
    fn error(&self, message: &'static str) -> ParseError {
        ParseError { message, at: self.at }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn looking_at(&self, text: &str) -> bool {
        self.bytes[self.at..].starts_with(text.as_bytes())
    }

    /// Skips blanks, joined lines and a comment; never a line end.
    fn blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'\\') if self.looking_at("\\\n") => self.at += 2,
                Some(b'\\') if self.looking_at("\\\r\n") => self.at += 3,
                Some(b'#') => {
                    while self.peek().is_some_and(|byte| byte != b'\n') {
                        self.at += 1;
                    }
                }
                _ => return,
            }
        }
    }

    /// Skips blanks, comments and line ends, taking in here-documents on the way.
    fn newlines(&mut self) -> Parsed<()> {
        loop {
            self.blanks();
            if self.peek() != Some(b'\n') {
                return Ok(());
            }
            self.newline()?;
        }
    }

    /// Consumes a line end and the here-documents that begin behind it.
    fn newline(&mut self) -> Parsed<()> {
        self.at += 1;
        for heredoc in std::mem::take(&mut self.heredocs) {
            loop {
                if self.at >= self.bytes.len() {
                    return Err(self.error("a here-document has no end"));
                }
                let rest = &self.bytes[self.at..];
                let len = rest
                    .iter()
                    .position(|byte| *byte == b'\n')
                    .map_or(rest.len(), |at| at + 1);
                let mut line = rest[..len].strip_suffix(b"\n").unwrap_or(&rest[..len]);
                line = line.strip_suffix(b"\r").unwrap_or(line);
                while heredoc.strip_tabs && line.starts_with(b"\t") {
                    line = &line[1..];
                }
                self.at += len;
                if line == heredoc.name.as_bytes() {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The reserved word at this place, if it is one of `words`, without consuming it.
    fn at_reserved(&self, words: &[&'static str]) -> Option<&'static str> {
        words.iter().copied().find(|word| {
            self.looking_at(word)
                && (matches!(*word, ")" | ";;" | ";&" | ";;&")
                    || self.bytes.get(self.at + word.len()).is_none_or(|byte| is_meta(*byte)))
        })
    }

    fn expect(&mut self, word: &'static str) -> Parsed<()> {
        self.newlines()?;
        if self.at_reserved(&[word]).is_some() {
            self.at += word.len();
            Ok(())
        } else {
            Err(self.error("a reserved word is missing"))
        }
    }

    /// Commands up to the end of the text or one of the closing words.
    fn list(&mut self, until: &[&'static str]) -> Parsed<List> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the script is nested too deeply"));
        }
        let mut items: Vec<Item> = Vec::new();
        loop {
            self.newlines()?;
            if self.at >= self.bytes.len() || self.at_reserved(until).is_some() {
                break;
            }
            let and_or = self.and_or()?;
            self.blanks();
            let start = self.at;
            let separator = match self.peek() {
                _ if self.at_reserved(until).is_some() => None,
                Some(b';') if !self.looking_at(";;") && !self.looking_at(";&") => {
                    self.at += 1;
                    Some(Separator::Semicolon)
                }
                Some(b'&') if !self.looking_at("&&") => {
                    self.at += 1;
                    Some(Separator::Background)
                }
                Some(b'\n') => {
                    self.newline()?;
                    Some(Separator::Newline)
                }
                None => None,
                Some(_) => return Err(self.error("an operator is out of place")),
            };
            let end = if separator == Some(Separator::Newline) {
                start + 1
            } else {
                self.at
            };
            let ended = separator.is_none();
            items.push(Item {
                and_or,
                separator: separator.map(|separator| (separator, Span::new(start, end))),
            });
            if ended {
                break;
            }
        }
        self.depth -= 1;
        let span = match (items.first(), items.last()) {
            (Some(first), Some(last)) => Span::new(first.and_or.span.start, last.and_or.span.end),
            _ => Span::new(self.at, self.at),
        };
        Ok(List { items, span })
    }

    /// A list that must hold a command, and the word that closes it.
    fn body(&mut self, until: &[&'static str]) -> Parsed<(List, &'static str)> {
        let list = self.list(until)?;
        if list.items.is_empty() {
            return Err(self.error("a command was expected"));
        }
        self.newlines()?;
        match self.at_reserved(until) {
            Some(word) => {
                self.at += word.len();
                Ok((list, word))
            }
            None => Err(self.error("a compound command has no end")),
        }
    }

    fn and_or(&mut self) -> Parsed<AndOr> {
        let mut links = vec![Link {
            operator: None,
            pipeline: self.pipeline()?,
        }];
        loop {
            self.blanks();
            let operator = if self.looking_at("&&") {
                Operator::And
            } else if self.looking_at("||") {
                Operator::Or
            } else {
                break;
            };
            let span = Span::new(self.at, self.at + 2);
            self.at += 2;
            self.newlines()?;
            links.push(Link {
                operator: Some((operator, span)),
                pipeline: self.pipeline()?,
            });
        }
        let end = links.last().map_or(self.at, |link| link.pipeline.span.end);
        let span = Span::new(links[0].pipeline.span.start, end);
        Ok(AndOr { links, span })
    }

    fn pipeline(&mut self) -> Parsed<Pipeline> {
        self.blanks();
        let start = self.at;
        let mut negated = false;
        while self.at_reserved(&["!"]).is_some() {
            negated = !negated;
            self.at += 1;
            self.blanks();
        }
        let mut commands = vec![self.command()?];
        loop {
            self.blanks();
            if !self.looking_at("|") || self.looking_at("||") {
                break;
            }
            self.at += if self.looking_at("|&") { 2 } else { 1 };
            self.newlines()?;
            commands.push(self.command()?);
        }
        let end = commands.last().map_or(self.at, Command::end);
        Ok(Pipeline {
            negated,
            commands,
            span: Span::new(start, end),
        })
    }

    fn command(&mut self) -> Parsed<Command> {
        self.blanks();
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error("the script is nested too deeply"));
        }
        let command = self.compound()?;
        let command = match command {
            Some(mut compound) => {
                compound.redirects = self.redirects()?;
                Command::Compound(compound)
            }
            None => self.simple_or_function()?,
        };
        self.depth -= 1;
        Ok(command)
    }

    fn redirects(&mut self) -> Parsed<Vec<Redirect>> {
        let mut redirects = Vec::new();
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => return Ok(redirects),
            }
        }
    }

    fn compound(&mut self) -> Parsed<Option<Compound>> {
        let start = self.at;
        let mut words = Vec::new();
        let mut lists = Vec::new();
        let kind = if self.looking_at("((") && self.arithmetic() {
            CompoundKind::Arithmetic
        } else if self.looking_at("(") {
            self.at += 1;
            lists.push(self.body(&[")"])?.0);
            CompoundKind::Subshell
        } else if let Some(word) =
            self.at_reserved(&["{", "[[", "if", "for", "select", "while", "until", "case", "function"])
        {
            self.at += word.len();
            match word {
                "{" => {
                    lists.push(self.body(&["}"])?.0);
                    CompoundKind::Group
                }
                "[[" => {
                    self.test(&mut words)?;
                    CompoundKind::Test
                }
                "if" => {
                    self.if_branches(&mut lists)?;
                    CompoundKind::If
                }
                "while" | "until" => {
                    lists.push(self.body(&["do"])?.0);
                    lists.push(self.body(&["done"])?.0);
                    CompoundKind::While
                }
                "case" => {
                    self.case(&mut words, &mut lists)?;
                    CompoundKind::Case
                }
                "function" => {
                    self.blanks();
                    let name = self.required_word()?;
                    self.blanks();
                    if self.looking_at("(") {
                        self.at += 1;
                        self.blanks();
                        self.expect(")")?;
                    }
                    return self.function(start, &name).map(Some);
                }
                _ => CompoundKind::For(self.for_loop(&mut words, &mut lists)?),
            }
        } else {
            if self
                .at_reserved(&["then", "elif", "else", "fi", "do", "done", "esac", "}"])
                .is_some()
            {
                return Err(self.error("a reserved word is out of place"));
            }
            return Ok(None);
        };
        Ok(Some(Compound {
            kind,
            lists,
            words,
            redirects: Vec::new(),
            span: Span::new(start, self.at),
        }))
    }

    /// `(( … ))`: skipped, if the parentheses close as such; else it is a subshell in a subshell.
    fn arithmetic(&mut self) -> bool {
        let start = self.at;
        let mut depth = 0;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' => {
                    depth -= 1;
                    if depth == 1 && self.looking_at("))") {
                        self.at += 2;
                        return true;
                    }
                    if depth <= 1 {
                        break;
                    }
                }
                b'\'' | b'"' | b';' | b'\n' => break,
                _ => {}
            }
            self.at += 1;
        }
        self.at = start;
        false
    }

    fn test(&mut self, words: &mut Vec<Word>) -> Parsed<()> {
        loop {
            self.newlines()?;
            if self.at_reserved(&["]]"]).is_some() {
                self.at += 2;
                return Ok(());
            }
            match self.peek() {
                None => return Err(self.error("`[[` has no end")),
                Some(b'(' | b')' | b'<' | b'>' | b'&' | b'|' | b';') => self.at += 1,
                Some(_) => words.push(self.required_word()?),
            }
        }
    }

    fn if_branches(&mut self, lists: &mut Vec<List>) -> Parsed<()> {
        loop {
            lists.push(self.body(&["then"])?.0);
            let (branch, next) = self.body(&["elif", "else", "fi"])?;
            lists.push(branch);
            match next {
                "elif" => {}
                "else" => {
                    lists.push(self.body(&["fi"])?.0);
                    return Ok(());
                }
                _ => return Ok(()),
            }
        }
    }

    fn for_loop(&mut self, words: &mut Vec<Word>, lists: &mut Vec<List>) -> Parsed<String> {
        self.blanks();
        let mut name = String::new();
        if self.looking_at("((") {
            if !self.arithmetic_header() {
                return Err(self.error("`for ((` has no end"));
            }
        } else {
            name = self
                .required_word()?
                .static_value()
                .ok_or_else(|| self.error("`for` needs a name"))?;
            self.newlines()?;
            if self.at_reserved(&["in"]).is_some() {
                self.at += 2;
                loop {
                    self.blanks();
                    match self.word()? {
                        Some(word) => words.push(word),
                        None => break,
                    }
                }
            }
        }
        self.blanks();
        if self.peek() == Some(b';') {
            self.at += 1;
        }
        self.newlines()?;
        if self.at_reserved(&["{"]).is_some() {
            self.at += 1;
            lists.push(self.body(&["}"])?.0);
        } else {
            self.expect("do")?;
            lists.push(self.body(&["done"])?.0);
        }
        Ok(name)
    }

    /// `((a; b; c))`, where semicolons are allowed.
    fn arithmetic_header(&mut self) -> bool {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'(' => depth += 1,
                b')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return true;
            }
        }
        false
    }

    fn case(&mut self, words: &mut Vec<Word>, lists: &mut Vec<List>) -> Parsed<()> {
        self.blanks();
        words.push(self.required_word()?);
        self.expect("in")?;
        loop {
            self.newlines()?;
            if self.at_reserved(&["esac"]).is_some() {
                self.at += 4;
                return Ok(());
            }
            if self.peek() == Some(b'(') {
                self.at += 1;
            }
            loop {
                self.blanks();
                self.required_word()?;
                self.blanks();
                match self.peek() {
                    Some(b'|') => self.at += 1,
                    Some(b')') => break,
                    _ => return Err(self.error("a `case` pattern has no `)`")),
                }
            }
            self.at += 1;
            lists.push(self.list(&[";;&", ";;", ";&", "esac"])?);
            self.newlines()?;
            match self.at_reserved(&[";;&", ";;", ";&"]) {
                Some(end) => self.at += end.len(),
                None if self.at_reserved(&["esac"]).is_some() => {}
                None => return Err(self.error("`case` has no end")),
            }
        }
    }

    fn function(&mut self, start: usize, name: &Word) -> Parsed<Compound> {
        self.newlines()?;
        let body = match self.compound()? {
            Some(body) if !matches!(body.kind, CompoundKind::Function(_)) => body,
            _ => return Err(self.error("a function has no body")),
        };
        let span = Span::new(start, self.at);
        let redirects = self.redirects()?;
        Ok(Compound {
            kind: CompoundKind::Function(name.static_value().unwrap_or_default()),
            lists: body.lists,
            words: body.words,
            redirects,
            span,
        })
    }

    fn simple_or_function(&mut self) -> Parsed<Command> {
        let start = self.at;
        let mut simple = Simple::default();
        let mut end = start;
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                simple.redirects.push(redirect);
            } else if simple.words.is_empty()
                && let Some(assignment) = self.assignment()?
            {
                simple.assignments.push(assignment);
            } else if let Some(word) = self.word()? {
                simple.words.push(word);
            } else {
                break;
            }
            end = self.at;
            if simple.words.len() == 1 && simple.assignments.is_empty() && self.function_parentheses() {
                let name = simple.words.remove(0);
                return self.function(start, &name).map(Command::Compound);
            }
        }
        if end == start {
            return Err(self.error("a command was expected"));
        }
        simple.span = Span::new(start, end);
        Ok(Command::Simple(simple))
    }

    /// `()` behind a word makes it a function definition.
    fn function_parentheses(&mut self) -> bool {
        let back = self.at;
        self.blanks();
        if self.peek() == Some(b'(') {
            self.at += 1;
            self.blanks();
            if self.peek() == Some(b')') {
                self.at += 1;
                return true;
            }
        }
        self.at = back;
        false
    }
}

impl Command {
    fn end(&self) -> usize {
        match self {
            Self::Simple(simple) => simple.span.end,
            Self::Compound(compound) => compound
                .redirects
                .last()
                .map_or(compound.span.end, |redirect| redirect.span.end),
        }
    }
}

/// Bytes that end an unquoted word.
fn is_meta(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t' | b'\n' | b'\r' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')'
    )
}

fn is_name(byte: u8) -> bool {
    byte == b'_' || byte.is_ascii_alphanumeric()
}
