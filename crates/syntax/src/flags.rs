//! Flags of an instruction: `--from=…`, `--mount=type=cache,target=…`.

use crate::lines::space_len;
use crate::span::Span;

/// A flag, quotes and escapes resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// The name without dashes: `mount`.
    pub name: String,
    /// What follows `=`.
    pub value: Option<String>,
    /// The whole flag in the instruction's text.
    pub span: Span,
    /// For every byte of the value, where it stands in the instruction's text.
    places: Vec<usize>,
}

/// One `key=value` of a `--mount` flag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MountOption {
    /// The key in lower case.
    pub key: String,
    /// The value; `None` for a bare key such as `readonly`.
    pub value: Option<String>,
    /// `key=value` in the instruction's text, without the commas around it.
    pub span: Span,
}

impl Flag {
    /// The options of a `--mount` flag; `None` for another flag.
    #[must_use]
    pub fn mount_options(&self) -> Option<Vec<MountOption>> {
        let value = self.value.as_ref().filter(|_| self.name == "mount")?;
        let bytes = value.as_bytes();
        let mut options = Vec::new();
        let mut start = 0;
        while start <= bytes.len() {
            // The value is one CSV record: a field may be quoted as a whole.
            let quoted = bytes.get(start) == Some(&b'"');
            let mut end = start + usize::from(quoted);
            let mut open = quoted;
            while end < bytes.len() && (open || bytes[end] != b',') {
                if quoted && bytes[end] == b'"' {
                    open = !open;
                }
                end += 1;
            }
            let field = value[start..end].trim_matches('"');
            let (key, option) = match field.split_once('=') {
                Some((key, value)) => (key, Some(value.to_owned())),
                None => (field, None),
            };
            if !field.is_empty() {
                options.push(MountOption {
                    key: key.trim().to_ascii_lowercase(),
                    value: option,
                    span: self.text_span(start, end),
                });
            }
            start = end + 1;
        }
        Some(options)
    }

    fn text_span(&self, start: usize, end: usize) -> Span {
        match (self.places.get(start), self.places.get(end.wrapping_sub(1))) {
            (Some(first), Some(last)) if end > start => Span::new(*first, last + 1),
            _ => Span::new(self.span.end, self.span.end),
        }
    }

    /// As `BuildKit` prints it.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.value {
            Some(value) => format!("--{}={value}", self.name),
            None => format!("--{}", self.name),
        }
    }
}

/// Takes the flags off the front of `span`; returns them and what is left.
///
/// Flags are words that begin with `--`; a lone `--` ends them. Quotes group and vanish, a backslash takes the next
/// byte literally, whatever the file's escape character is: `BuildKit` does the same.
pub(crate) fn extract(bytes: &[u8], span: Span) -> (Vec<Flag>, Span) {
    let bytes = &bytes[..span.end];
    let mut flags = Vec::new();
    let mut at = span.start;
    loop {
        while at < span.end && space_len(bytes, at) > 0 {
            at += space_len(bytes, at);
        }
        if !bytes[at..].starts_with(b"--") {
            return (flags, Span::new(at, span.end));
        }
        let start = at;
        let mut text = Vec::new();
        let mut places = Vec::new();
        let mut quote = None;
        while at < span.end && (quote.is_some() || space_len(bytes, at) == 0) {
            let byte = bytes[at];
            if quote == Some(byte) {
                quote = None;
            } else if quote.is_none() && matches!(byte, b'\'' | b'"') {
                quote = Some(byte);
            } else {
                if byte == b'\\' {
                    at += 1;
                    if at == span.end {
                        break;
                    }
                }
                text.push(bytes[at]);
                places.push(at);
            }
            at += 1;
        }
        if text == b"--" {
            return (flags, Span::new(at, span.end));
        }
        flags.push(flag(&text, &places, Span::new(start, at)));
    }
}

fn flag(text: &[u8], places: &[usize], span: Span) -> Flag {
    let equals = text.iter().position(|byte| *byte == b'=');
    let name_end = equals.unwrap_or(text.len());
    let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let value = equals.map(|at| lossy(&text[at + 1..]));
    // A replaced invalid byte is longer than the original; positions would lie, so they are dropped.
    let exact = value
        .as_ref()
        .is_none_or(|value| value.len() + name_end + 1 == text.len());
    Flag {
        name: lossy(&text[2..name_end]).to_ascii_lowercase(),
        places: match equals {
            Some(at) if exact => places[at + 1..].to_vec(),
            _ => Vec::new(),
        },
        value,
        span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Flag>, &str) {
        let (flags, rest) = extract(text.as_bytes(), Span::new(0, text.len()));
        (flags, &text[rest.range()])
    }

    #[test]
    fn flags_end_at_the_first_other_word() {
        let (flags, rest) = read("--link --from=a  b --c");
        assert_eq!(flags.len(), 2);
        assert_eq!(flags[0].value, None);
        assert_eq!((flags[1].name.as_str(), flags[1].value.as_deref()), ("from", Some("a")));
        assert_eq!(rest, "b --c");
        assert_eq!(read("--a -- --b").1.trim(), "--b");
    }

    #[test]
    fn mount_options_know_their_place() {
        let text = r#"--mount=type="cache",TARGET=/a\ b,readonly x"#;
        let (flags, _) = read(text);
        let options = flags[0].mount_options().expect("a mount");
        let seen: Vec<_> = options
            .iter()
            .map(|option| (option.key.as_str(), option.value.as_deref(), &text[option.span.range()]))
            .collect();
        assert_eq!(
            seen,
            [
                ("type", Some("cache"), r#"type="cache"#),
                ("target", Some("/a b"), r"TARGET=/a\ b"),
                ("readonly", None, "readonly")
            ]
        );
    }
}
