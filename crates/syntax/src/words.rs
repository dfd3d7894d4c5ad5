//! Words of an instruction's arguments, as `BuildKit` splits them.

use crate::lines::{space_len, trim};
use crate::span::Span;

/// A word with its place in the instruction's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The word. Quotes and escapes are kept where `BuildKit` resolves them later, with the variables.
    pub text: String,
    /// Its bytes in the instruction's text.
    pub span: Span,
}

/// Splits at blanks; no quoting (`FROM`, `EXPOSE`, `COPY`, `ADD`, `VOLUME`).
pub(crate) fn blank_separated(bytes: &[u8], span: Span) -> Vec<Word> {
    let mut words = Vec::new();
    let mut start = None;
    for at in span.start..=span.end {
        let blank = at == span.end || is_blank(bytes[at]);
        match (start, blank) {
            (None, false) => start = Some(at),
            (Some(from), true) => {
                words.push(word(bytes, Span::new(from, at)));
                start = None;
            }
            _ => {}
        }
    }
    words
}

/// Splits at white space outside quotes; quotes and escapes stay in the words (`ENV`, `LABEL`, `ARG`).
pub(crate) fn quoted(bytes: &[u8], span: Span, escape: u8) -> Vec<Word> {
    let bytes = &bytes[..span.end];
    let mut words = Vec::new();
    let mut at = span.start;
    loop {
        while at < span.end && space_len(bytes, at) > 0 {
            at += space_len(bytes, at);
        }
        if at >= span.end {
            return words;
        }
        let start = at;
        let mut text = Vec::new();
        let mut quote = None;
        while at < span.end {
            let byte = bytes[at];
            if quote.is_none() && space_len(bytes, at) > 0 {
                break;
            }
            if byte == escape && quote != Some(b'\'') {
                // An escape with nothing behind it is dropped.
                if at + 1 < span.end {
                    text.extend_from_slice(&bytes[at..at + 2]);
                }
                at = (at + 2).min(span.end);
                continue;
            }
            if quote == Some(byte) {
                quote = None;
            } else if quote.is_none() && matches!(byte, b'\'' | b'"') {
                quote = Some(byte);
            }
            text.push(byte);
            at += 1;
        }
        if !text.is_empty() {
            words.push(Word {
                text: String::from_utf8_lossy(&text).into_owned(),
                span: Span::new(start, at),
            });
        }
    }
}

/// The old `ENV name value` form: the first word, and all the rest.
pub(crate) fn name_and_rest(bytes: &[u8], span: Span) -> Option<(Word, Word)> {
    let split = (span.start..span.end).find(|at| is_blank(bytes[*at]))?;
    let rest = (split..span.end).find(|at| !is_blank(bytes[*at])).unwrap_or(span.end);
    Some((
        word(bytes, Span::new(span.start, split)),
        word(bytes, Span::new(rest, span.end)),
    ))
}

/// The first word of an instruction and where the rest begins.
pub(crate) fn first(bytes: &[u8], span: Span) -> (Word, Span) {
    let span = trim(bytes, span);
    match name_and_rest(bytes, span) {
        Some((first, rest)) => (first, rest.span),
        None => (word(bytes, span), Span::new(span.end, span.end)),
    }
}

pub(crate) fn word(bytes: &[u8], span: Span) -> Word {
    Word {
        text: String::from_utf8_lossy(&bytes[span.range()]).into_owned(),
        span,
    }
}

/// Splits `name=value` at the first `=`.
#[must_use]
pub fn split_assignment(text: &str) -> Option<(&str, &str)> {
    text.split_once('=')
}

/// `BuildKit`'s `[\t\v\f\r ]`: no line feed, no Unicode.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(words: &[Word]) -> Vec<&str> {
        words.iter().map(|word| word.text.as_str()).collect()
    }

    #[test]
    fn quotes_hold_words_together_and_stay() {
        let text = br#"a="b c" d='e"f' g\ h i\"#;
        let words = quoted(text, Span::new(0, text.len()), b'\\');
        assert_eq!(texts(&words), [r#"a="b c""#, r#"d='e"f'"#, r"g\ h", "i"]);
        assert_eq!(words[1].span, Span::new(8, 15));
    }

    #[test]
    fn the_old_form_takes_everything_behind_the_name() {
        let text = b"name  a b=c";
        let (name, rest) = name_and_rest(text, Span::new(0, text.len())).expect("two parts");
        assert_eq!((name.text.as_str(), rest.text.as_str()), ("name", "a b=c"));
    }
}
