//! Variables in an instruction's arguments, as `BuildKit` expands them (`ENV`, `ARG`, `USER`, `WORKDIR`, `FROM`, `COPY`).

/// What is known of a variable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Variable {
    /// Its value.
    Value(String),
    /// It is certainly not set.
    Unset,
    /// It may be set to anything.
    Unknown,
}

/// Expands `text` and removes its quotes; `None` where the result cannot be known.
pub fn expand(text: &str, escape: u8, lookup: &dyn Fn(&str) -> Variable) -> Option<String> {
    let mut expander = Expander {
        chars: text.chars().collect(),
        at: 0,
        escape: char::from(escape),
        lookup,
    };
    expander.run(None)
}

struct Expander<'a> {
    chars: Vec<char>,
    at: usize,
    escape: char,
    lookup: &'a dyn Fn(&str) -> Variable,
}

impl Expander<'_> {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn run(&mut self, until: Option<char>) -> Option<String> {
        let mut out = String::new();
        loop {
            let Some(char) = self.peek() else {
                return until.is_none().then_some(out);
            };
            self.at += 1;
            match char {
                _ if Some(char) == until => return Some(out),
                '\'' => loop {
                    let char = self.peek()?;
                    self.at += 1;
                    if char == '\'' {
                        break;
                    }
                    out.push(char);
                },
                '"' => self.double_quoted(&mut out)?,
                '$' => out.push_str(&self.dollar()?),
                _ if char == self.escape => {
                    if let Some(next) = self.peek() {
                        out.push(next);
                        self.at += 1;
                    }
                }
                _ => out.push(char),
            }
        }
    }

    fn double_quoted(&mut self, out: &mut String) -> Option<()> {
        loop {
            let char = self.peek()?;
            self.at += 1;
            match char {
                '"' => return Some(()),
                '$' => out.push_str(&self.dollar()?),
                _ if char == self.escape => match self.peek() {
                    Some(next) if next == '"' || next == '$' || next == self.escape => {
                        out.push(next);
                        self.at += 1;
                    }
                    _ => out.push(char),
                },
                _ => out.push(char),
            }
        }
    }

    fn dollar(&mut self) -> Option<String> {
        if self.peek() != Some('{') {
            let name = self.name();
            return if name.is_empty() {
                Some("$".to_owned())
            } else {
                self.value(&name)
            };
        }
        self.at += 1;
        let name = self.name();
        if name.is_empty() {
            return None;
        }
        match self.peek()? {
            '}' => {
                self.at += 1;
                self.value(&name)
            }
            first @ (':' | '-' | '+' | '?') => {
                self.at += 1;
                let colon = first == ':';
                let operator = if colon {
                    let operator = self.peek()?;
                    self.at += 1;
                    operator
                } else {
                    first
                };
                let word = self.run(Some('}'));
                let variable = (self.lookup)(&name);
                let set = match &variable {
                    Variable::Value(value) => !(colon && value.is_empty()),
                    Variable::Unset => false,
                    Variable::Unknown => return None,
                };
                match (operator, variable, set) {
                    ('-' | '?', Variable::Value(value), true) => Some(value),
                    ('-', _, false) | ('+', _, true) => word,
                    ('+', _, false) => Some(String::new()),
                    _ => None,
                }
            }
            // Pattern forms (`${x#y}`, `${x/y/z}`) are newer than most builders and rare: not followed.
            _ => None,
        }
    }

    fn name(&mut self) -> String {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|char| char == '_' || char.is_ascii_alphanumeric())
        {
            self.at += 1;
            if self.at == start + 1 && self.chars[start].is_ascii_digit() {
                break;
            }
        }
        self.chars[start..self.at].iter().collect()
    }

    fn value(&self, name: &str) -> Option<String> {
        match (self.lookup)(name) {
            Variable::Value(value) => Some(value),
            Variable::Unset => Some(String::new()),
            Variable::Unknown => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<String> {
        expand(text, b'\\', &|name| match name {
            "A" => Variable::Value("a".into()),
            "EMPTY" => Variable::Value(String::new()),
            "NO" => Variable::Unset,
            _ => Variable::Unknown,
        })
    }

    #[test]
    fn quotes_escapes_and_variables() {
        for (text, value) in [
            ("$A", Some("a")),
            ("x${A}y", Some("xay")),
            ("'$A'", Some("$A")),
            (r#""$A b""#, Some("a b")),
            (r"\$A", Some("$A")),
            (r"a\ b", Some("a b")),
            ("$NO", Some("")),
            ("${NO:-b}", Some("b")),
            ("${NO-$A}", Some("a")),
            ("${EMPTY:-b}", Some("b")),
            ("${EMPTY-b}", Some("")),
            ("${A:+b}", Some("b")),
            ("${NO:+b}", Some("")),
            ("$WHO", None),
            ("${WHO:-b}", None),
            ("${A#x}", None),
            ("'open", None),
            ("$", Some("$")),
        ] {
            assert_eq!(read(text).as_deref(), value, "{text}");
        }
    }
}
