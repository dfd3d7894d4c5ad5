//! Here-documents of an instruction (`RUN <<EOF`).

use crate::lines::space_len;
use crate::span::Span;

/// A here-document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heredoc {
    /// The word that ends it.
    pub name: String,
    /// `<<-`: leading tabs do not count.
    pub strip_tabs: bool,
    /// Variables are expanded in it: no part of the name is quoted.
    pub expand: bool,
    /// The redirection word in the instruction's text.
    pub redirect: Span,
    /// A blank stands before the name (`<< EOF`). `BuildKit` takes that for a here-document since 0.22 only.
    pub spaced: bool,
    /// The content in the instruction's text, last line end included, terminator excluded.
    pub content: Span,
}

/// The here-documents that a logical line announces, in order, with empty contents.
pub(crate) fn announced(bytes: &[u8], line: Span) -> Vec<Heredoc> {
    if !bytes[line.range()].windows(2).any(|pair| pair == b"<<") {
        return Vec::new();
    }
    let words = shell_words(bytes, line);
    let mut heredocs = Vec::new();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        if let Some(heredoc) = redirect(bytes, *word) {
            heredocs.push(heredoc);
        } else if let (Some(strip_tabs), Some(name)) = (lone_redirect(&bytes[word.range()]), words.get(at)) {
            at += 1;
            heredocs.extend(
                named(&bytes[name.range()], strip_tabs, Span::new(word.start, name.end)).map(|heredoc| Heredoc {
                    spaced: true,
                    ..heredoc
                }),
            );
        }
    }
    heredocs
}

/// `<<` or `<<-` as a word of its own; whether tabs are stripped.
fn lone_redirect(text: &[u8]) -> Option<bool> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    match &text[digits..] {
        b"<<" => Some(false),
        b"<<-" => Some(true),
        _ => None,
    }
}

/// Reads one word as `[fd]<<[-]NAME`.
fn redirect(bytes: &[u8], word: Span) -> Option<Heredoc> {
    let text = &bytes[word.range()];
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = text[digits..].strip_prefix(b"<<")?;
    let (strip_tabs, rest) = match rest.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    named(rest, strip_tabs, word)
}

/// A here-document of this name; none if the name is empty or holds another redirection.
fn named(raw: &[u8], strip_tabs: bool, redirect: Span) -> Option<Heredoc> {
    let name = unquote(raw);
    if name.is_empty() || raw.contains(&b'<') {
        return None;
    }
    Some(Heredoc {
        expand: name == raw,
        name: String::from_utf8_lossy(&name).into_owned(),
        strip_tabs,
        redirect,
        content: Span::default(),
        spaced: false,
    })
}

/// Splits as `BuildKit`'s word splitter does for here-documents: white space outside quotes, `$…` groups and escapes.
fn shell_words(bytes: &[u8], line: Span) -> Vec<Span> {
    let bytes = &bytes[..line.end];
    let mut words = Vec::new();
    let mut at = line.start;
    loop {
        while at < line.end && space_len(bytes, at) > 0 {
            at += space_len(bytes, at);
        }
        if at >= line.end {
            return words;
        }
        let start = at;
        let mut quote = None;
        while at < line.end {
            let byte = bytes[at];
            if quote.is_none() && space_len(bytes, at) > 0 {
                break;
            }
            match byte {
                b'\\' if quote != Some(b'\'') => at += 1,
                b'\'' | b'"' if quote == Some(byte) => quote = None,
                b'\'' | b'"' if quote.is_none() => quote = Some(byte),
                _ => {}
            }
            at += 1;
        }
        at = at.min(line.end);
        if quote.is_some() {
            // BuildKit's splitter gives no words at all for a line with an open quote, and so no here-documents.
            return Vec::new();
        }
        words.push(Span::new(start, at));
    }
}

/// The word without its quotes and escapes.
fn unquote(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut quote = None;
    let mut bytes = word.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' if quote != Some(b'\'') => plain.extend(bytes.next()),
            b'\'' | b'"' if quote == Some(byte) => quote = None,
            b'\'' | b'"' if quote.is_none() => quote = Some(byte),
            byte => plain.push(byte),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(line: &str) -> Vec<(String, bool, bool)> {
        announced(line.as_bytes(), Span::new(0, line.len()))
            .into_iter()
            .map(|heredoc| (heredoc.name, heredoc.strip_tabs, heredoc.expand))
            .collect()
    }

    #[test]
    fn several_quoted_and_stripped() {
        assert_eq!(
            names(r#"RUN cat <<A 3<<-"B" <<\C > f"#),
            [
                ("A".into(), false, true),
                ("B".into(), true, false),
                ("C".into(), false, false)
            ]
        );
    }

    #[test]
    fn not_every_double_less_than_is_one() {
        for line in [
            "RUN cat <<<EOF",
            "RUN echo 'a <<EOF'",
            "RUN echo $((1<<2))",
            "RUN cat <<",
            "RUN a<<b",
        ] {
            assert_eq!(names(line), [], "{line}");
        }
    }
}
