//! Words, redirections and assignments.

use super::{Parsed, Parser, PendingHeredoc, is_meta, is_name, parse};
use crate::shell::ast::{Assignment, List, Redirect};
use crate::shell::word::{Part, Word};
use crate::span::Span;

impl Parser<'_> {
    pub(super) fn redirect(&mut self) -> Parsed<Option<Redirect>> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start && self.looking_at("{") {
            // `{fd}>file`
            let name = self.bytes[self.at + 1..]
                .iter()
                .take_while(|byte| is_name(**byte))
                .count();
            let behind = self.at + 1 + name;
            if name > 0
                && self.bytes.get(behind) == Some(&b'}')
                && matches!(self.bytes.get(behind + 1), Some(b'<' | b'>'))
            {
                self.at = behind + 1;
            }
        }
        let operator = ["&>>", "&>", "<<<", "<<-", "<<", "<>", "<&", ">>", ">&", ">|", "<", ">"]
            .into_iter()
            .find(|operator| self.looking_at(operator));
        let Some(operator) = operator.filter(|operator| {
            // `2&>x` is not one; `<(` and `>(` are words.
            let after_digits = operator.starts_with('&') && self.at > start;
            let word = matches!(*operator, "<" | ">") && self.bytes.get(self.at + 1) == Some(&b'(');
            !after_digits && !word
        }) else {
            self.at = start;
            return Ok(None);
        };
        self.at += operator.len();
        self.blanks();
        let target = self.required_word()?;
        if matches!(operator, "<<" | "<<-") {
            let name = target
                .resolve(&|name| crate::expand::Variable::Value(format!("${name}")))
                .ok_or_else(|| self.error("a here-document's name must be plain"))?;
            self.heredocs.push(PendingHeredoc {
                name,
                strip_tabs: operator == "<<-",
            });
        }
        Ok(Some(Redirect {
            operator,
            target,
            span: Span::new(start, self.at),
        }))
    }

    pub(super) fn assignment(&mut self) -> Parsed<Option<Assignment>> {
        let start = self.at;
        let rest = &self.bytes[start..];
        let mut len = rest.iter().take_while(|byte| is_name(**byte)).count();
        if len == 0 || rest[0].is_ascii_digit() {
            return Ok(None);
        }
        let name = String::from_utf8_lossy(&rest[..len]).into_owned();
        if rest.get(len) == Some(&b'[') {
            match rest[len..].iter().position(|byte| *byte == b']') {
                Some(close) => len += close + 1,
                None => return Ok(None),
            }
        }
        len += usize::from(rest.get(len) == Some(&b'+'));
        if rest.get(len) != Some(&b'=') {
            return Ok(None);
        }
        self.at = start + len + 1;
        let mut elements = Vec::new();
        let value = if self.peek() == Some(b'(') {
            self.at += 1;
            loop {
                self.newlines()?;
                if self.peek() == Some(b')') {
                    self.at += 1;
                    break None;
                }
                elements.push(self.required_word()?);
            }
        } else {
            let empty = Word {
                span: Span::new(self.at, self.at),
                ..Word::default()
            };
            Some(self.word()?.unwrap_or(empty))
        };
        Ok(Some(Assignment {
            name,
            value,
            elements,
            span: Span::new(start, self.at),
        }))
    }

    pub(super) fn required_word(&mut self) -> Parsed<Word> {
        self.word()?.ok_or_else(|| self.error("a word was expected"))
    }

    /// The word at this place, or `None` where an operator or the end stands.
    pub(super) fn word(&mut self) -> Parsed<Option<Word>> {
        let start = self.at;
        let mut word = WordBuilder::default();
        while let Some(byte) = self.peek() {
            match byte {
                b'<' | b'>' if self.at == start && self.bytes.get(self.at + 1) == Some(&b'(') => {
                    self.at += 2;
                    let list = self.substitution()?;
                    word.push(Part::Substitution(Box::new(list)));
                }
                b'(' if matches!(word.last_byte, Some(b'@' | b'?' | b'*' | b'+' | b'!')) => {
                    self.balanced(b'(', b')')?;
                    word.push(Part::Dynamic);
                }
                _ if is_meta(byte) => break,
                b'\\' => match self.bytes.get(self.at + 1) {
                    Some(b'\n') => self.at += 2,
                    Some(next) => {
                        word.literal(*next, true);
                        self.at += 2;
                    }
                    None => {
                        word.literal(b'\\', true);
                        self.at += 1;
                    }
                },
                b'\'' => {
                    self.at += 1;
                    let rest = &self.bytes[self.at..];
                    let len = rest
                        .iter()
                        .position(|byte| *byte == b'\'')
                        .ok_or_else(|| self.error("a quote has no end"))?;
                    word.quoted_bytes(&rest[..len]);
                    self.at += len + 1;
                }
                b'"' => {
                    self.at += 1;
                    self.double_quoted(&mut word)?;
                }
                b'$' => self.dollar(&mut word, false)?,
                b'`' => self.backticks(&mut word)?,
                byte => {
                    word.literal(byte, false);
                    self.at += 1;
                }
            }
        }
        Ok((self.at > start).then(|| word.finish(Span::new(start, self.at))))
    }

    fn double_quoted(&mut self, word: &mut WordBuilder) -> Parsed<()> {
        word.quoted_bytes(b"");
        loop {
            match self.peek() {
                None => return Err(self.error("a quote has no end")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => match self.bytes.get(self.at + 1) {
                    Some(b'\n') => self.at += 2,
                    Some(next @ (b'$' | b'`' | b'"' | b'\\')) => {
                        word.literal(*next, true);
                        self.at += 2;
                    }
                    _ => {
                        word.literal(b'\\', true);
                        self.at += 1;
                    }
                },
                Some(b'$') => self.dollar(word, true)?,
                Some(b'`') => self.backticks(word)?,
                Some(byte) => {
                    word.literal(byte, true);
                    self.at += 1;
                }
            }
        }
    }

    fn dollar(&mut self, word: &mut WordBuilder, quoted: bool) -> Parsed<()> {
        match self.bytes.get(self.at + 1) {
            Some(b'(') if self.looking_at("$((") && self.dollar_arithmetic() => word.push(Part::Dynamic),
            Some(b'(') => {
                self.at += 2;
                let list = self.substitution()?;
                word.push(Part::Substitution(Box::new(list)));
            }
            Some(b'{') => {
                let start = self.at + 2;
                self.at += 1;
                self.balanced(b'{', b'}')?;
                let inner = &self.bytes[start..self.at - 1];
                let name = !inner.is_empty() && !inner[0].is_ascii_digit() && inner.iter().all(|byte| is_name(*byte));
                word.push(if name {
                    Part::Variable {
                        name: String::from_utf8_lossy(inner).into_owned(),
                        quoted,
                    }
                } else {
                    Part::Dynamic
                });
            }
            Some(b'\'') if !quoted => {
                // `$'…'` means something else in dash than in bash.
                self.at += 2;
                loop {
                    match self.peek() {
                        None => return Err(self.error("a quote has no end")),
                        Some(b'\\') => self.at += 2,
                        Some(b'\'') => break,
                        Some(_) => self.at += 1,
                    }
                }
                self.at += 1;
                word.push(Part::Dynamic);
            }
            Some(b'"') if !quoted => self.at += 1,
            Some(byte) if is_name(*byte) && !byte.is_ascii_digit() => {
                let rest = &self.bytes[self.at + 1..];
                let len = rest.iter().take_while(|byte| is_name(**byte)).count();
                word.push(Part::Variable {
                    name: String::from_utf8_lossy(&rest[..len]).into_owned(),
                    quoted,
                });
                self.at += 1 + len;
            }
            Some(b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!') => {
                self.at += 2;
                word.push(Part::Dynamic);
            }
            _ => {
                word.literal(b'$', quoted);
                self.at += 1;
            }
        }
        Ok(())
    }

    /// `$(( … ))`, if the parentheses close as such.
    fn dollar_arithmetic(&mut self) -> bool {
        let start = self.at;
        self.at += 1;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek() {
            match byte {
                b'(' => depth += 1,
                b')' if depth == 2 && self.looking_at("))") => {
                    self.at += 2;
                    return true;
                }
                b')' if depth <= 2 => break,
                b')' => depth -= 1,
                _ => {}
            }
            self.at += 1;
        }
        self.at = start;
        false
    }

    /// The commands of `$(`, up to and with the `)`.
    fn substitution(&mut self) -> Parsed<List> {
        let outer = std::mem::take(&mut self.heredocs);
        let list = self.list(&[")"])?;
        self.newlines()?;
        if self.peek() != Some(b')') {
            return Err(self.error("a substitution has no `)`"));
        }
        self.at += 1;
        self.heredocs = outer;
        Ok(list)
    }

    fn backticks(&mut self, word: &mut WordBuilder) -> Parsed<()> {
        let start = self.at + 1;
        self.at = start;
        let mut escapes = false;
        loop {
            match self.peek() {
                None => return Err(self.error("a backtick has no end")),
                Some(b'`') => break,
                Some(b'\\') => {
                    escapes = true;
                    self.at += 2;
                }
                Some(_) => self.at += 1,
            }
        }
        let inner = Span::new(start, self.at.min(self.bytes.len()));
        self.at += 1;
        // With escapes inside, the text that the inner shell sees stands nowhere in the file.
        let list = if escapes { None } else { parse(self.bytes, inner).ok() };
        word.push(list.map_or(Part::Dynamic, |list| Part::Substitution(Box::new(list))));
        Ok(())
    }

    /// Skips from an opening to its closing bracket, quotes respected.
    fn balanced(&mut self, open: u8, close: u8) -> Parsed<()> {
        let mut depth = 0_usize;
        let mut double = false;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => double = !double,
                b'\'' if !double => {
                    while self.peek().is_some_and(|byte| byte != b'\'') {
                        self.at += 1;
                    }
                    self.at += 1;
                }
                byte if byte == open => depth += 1,
                byte if byte == close => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => {}
            }
        }
        self.at = self.bytes.len();
        Err(self.error("a bracket has no end"))
    }
}

#[derive(Default)]
struct WordBuilder {
    parts: Vec<Part>,
    literal: Vec<u8>,
    literal_quoted: bool,
    glob: bool,
    open_brace: bool,
    brace_list: bool,
    brace: bool,
    last_byte: Option<u8>,
}

impl WordBuilder {
    fn literal(&mut self, byte: u8, quoted: bool) {
        if self.literal_quoted != quoted {
            self.flush();
            self.literal_quoted = quoted;
        }
        if !quoted {
            match byte {
                b'*' | b'?' | b'[' => self.glob = true,
                b'{' => self.open_brace = true,
                b',' => self.brace_list |= self.open_brace,
                b'.' if self.last_byte == Some(b'.') => self.brace_list |= self.open_brace,
                b'}' => self.brace |= self.brace_list,
                _ => {}
            }
        }
        self.last_byte = (!quoted).then_some(byte);
        self.literal.push(byte);
    }

    fn quoted_bytes(&mut self, bytes: &[u8]) {
        if !self.literal_quoted {
            self.flush();
            self.literal_quoted = true;
        }
        self.literal.extend_from_slice(bytes);
        self.last_byte = None;
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.parts.push(Part::Literal {
                text: String::from_utf8_lossy(&self.literal).into_owned(),
                quoted: self.literal_quoted,
            });
            self.literal.clear();
        }
    }

    fn push(&mut self, part: Part) {
        self.flush();
        self.last_byte = None;
        self.parts.push(part);
    }

    fn finish(mut self, span: Span) -> Word {
        self.flush();
        Word {
            parts: self.parts,
            span,
            glob: self.glob,
            brace: self.brace,
        }
    }
}
