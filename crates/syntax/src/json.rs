//! The JSON (exec) form of an instruction: an array of strings.

use crate::span::Span;

/// An element of a JSON array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonString {
    /// The string, escapes resolved.
    pub value: String,
    /// With its quotes.
    pub span: Span,
}

/// What the text after an instruction's flags is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonForm {
    /// An array of strings.
    Strings(Vec<JsonString>),
    /// Valid JSON, but not all of it strings: an error in `BuildKit`.
    OtherValues,
    /// Not a JSON array: the shell form.
    NotJson,
}

/// Reads `bytes[span]` as a JSON array; spans are offsets into `bytes`.
pub(crate) fn parse(bytes: &[u8], span: Span) -> JsonForm {
    let mut reader = Reader {
        bytes: &bytes[..span.end],
        at: span.start,
        depth: 0,
    };
    reader.blanks();
    if reader.peek() != Some(b'[') {
        return JsonForm::NotJson;
    }
    let Some(strings) = reader.array() else {
        return JsonForm::NotJson;
    };
    reader.blanks();
    if reader.at != span.end {
        return JsonForm::NotJson;
    }
    strings.map_or(JsonForm::OtherValues, JsonForm::Strings)
}

/// Deeper nesting is taken as "not JSON"; Go's limit is 10,000, which no Dockerfile comes near.
const MAX_DEPTH: usize = 128;

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek()? == byte).then(|| self.at += 1)
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// `None`: not JSON. `Some(None)`: JSON, but not only strings.
    #[expect(clippy::option_option, reason = "two different ways of being no array of strings")]
    fn array(&mut self) -> Option<Option<Vec<JsonString>>> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.eat(b'[')?;
        self.blanks();
        let mut strings = Some(Vec::new());
        if self.eat(b']').is_none() {
            loop {
                self.blanks();
                if self.peek()? == b'"' {
                    let string = self.string()?;
                    if let Some(strings) = &mut strings {
                        strings.push(string);
                    }
                } else {
                    self.other_value()?;
                    strings = None;
                }
                self.blanks();
                if self.eat(b',').is_none() {
                    self.eat(b']')?;
                    break;
                }
            }
        }
        self.depth -= 1;
        Some(strings)
    }

    fn other_value(&mut self) -> Option<()> {
        match self.peek()? {
            b'[' => self.array().map(|_| ()),
            b'{' => self.object(),
            b'"' => self.string().map(|_| ()),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            b'n' => self.literal(b"null"),
            _ => self.number(),
        }
    }

    fn object(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        self.eat(b'{')?;
        self.blanks();
        if self.eat(b'}').is_none() {
            loop {
                self.blanks();
                self.string()?;
                self.blanks();
                self.eat(b':')?;
                self.blanks();
                self.other_value()?;
                self.blanks();
                if self.eat(b',').is_none() {
                    self.eat(b'}')?;
                    break;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn literal(&mut self, text: &[u8]) -> Option<()> {
        self.bytes[self.at..].starts_with(text).then(|| self.at += text.len())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek()? == b'-' {
            self.at += 1;
        }
        if self.peek()? == b'0' {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Some(())
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn string(&mut self) -> Option<JsonString> {
        let start = self.at;
        self.eat(b'"')?;
        let mut value = Vec::new();
        loop {
            let byte = self.peek()?;
            self.at += 1;
            match byte {
                b'"' => break,
                b'\\' => self.escape(&mut value)?,
                0..=0x1F => return None,
                byte => value.push(byte),
            }
        }
        Some(JsonString {
            value: String::from_utf8_lossy(&value).into_owned(),
            span: Span::new(start, self.at),
        })
    }

    fn escape(&mut self, value: &mut Vec<u8>) -> Option<()> {
        let byte = self.peek()?;
        self.at += 1;
        value.push(match byte {
            b'"' | b'\\' | b'/' => byte,
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let unit = self.hex4()?;
                let mut code = u32::from(unit);
                if (0xD800..0xDC00).contains(&unit) && self.bytes[self.at..].starts_with(b"\\u") {
                    let back = self.at;
                    self.at += 2;
                    let low = self.hex4()?;
                    if (0xDC00..0xE000).contains(&low) {
                        code = 0x1_0000 + ((u32::from(unit) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
                    } else {
                        self.at = back;
                    }
                }
                let char = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                value.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
                return Some(());
            }
            _ => return None,
        });
        Some(())
    }

    fn hex4(&mut self) -> Option<u16> {
        let digits = self.bytes.get(self.at..self.at + 4)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        self.at += 4;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> JsonForm {
        parse(text.as_bytes(), Span::new(0, text.len()))
    }

    #[test]
    fn strings_keep_their_place() {
        let JsonForm::Strings(strings) = read(r#" [ "a", "\u2603\ud83d\ude00\n" ] "#) else {
            panic!("not an array of strings");
        };
        assert_eq!(strings[0].span, Span::new(3, 6));
        assert_eq!(strings[1].value, "☃😀\n");
    }

    #[test]
    fn other_values_and_shell_are_told_apart() {
        assert_eq!(read(r#"["a", ["b"]]"#), JsonForm::OtherValues);
        assert_eq!(read(r#"[1.5e3, {"a": null}]"#), JsonForm::OtherValues);
        for shell in ["[ -f x ]", "['a']", r#"["a""#, r#"["a"] x"#, r#"["a",]"#, "", "echo"] {
            assert_eq!(read(shell), JsonForm::NotJson, "{shell}");
        }
        let deep = "[".repeat(100_000);
        assert_eq!(read(&deep), JsonForm::NotJson);
    }
}
