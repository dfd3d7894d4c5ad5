//! Lines, white space and comments as `BuildKit` sees them.

use crate::span::Span;

/// One physical line.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    /// All of it, line end included.
    pub full: Span,
    /// Without the line end.
    pub text: Span,
}

/// Splits at line feeds; a line without one at the end of the file counts too.
pub(crate) fn split(source: &[u8], from: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut start = from;
    while start < source.len() {
        let end = source[start..]
            .iter()
            .position(|byte| *byte == b'\n')
            .map_or(source.len(), |at| start + at + 1);
        let mut text_end = end;
        while text_end > start && matches!(source[text_end - 1], b'\n' | b'\r') {
            text_end -= 1;
        }
        lines.push(Line {
            full: Span::new(start, end),
            text: Span::new(start, text_end),
        });
        start = end;
    }
    lines
}

/// Length of the white space that begins at `at`: Go's `unicode.IsSpace`, of which only the characters below U+0100
/// occur in practice and only these are told by `BuildKit`'s byte-wise loops.
pub(crate) fn space_len(bytes: &[u8], at: usize) -> usize {
    match bytes.get(at) {
        Some(b' ' | b'\t' | b'\n' | b'\x0b' | b'\x0c' | b'\r') => 1,
        Some(0xC2) if matches!(bytes.get(at + 1), Some(0x85 | 0xA0)) => 2,
        _ => 0,
    }
}

/// The span without leading white space.
pub(crate) fn trim_start(bytes: &[u8], mut span: Span) -> Span {
    while span.start < span.end {
        match space_len(&bytes[..span.end], span.start) {
            0 => break,
            len => span.start += len,
        }
    }
    span
}

/// The span without white space at either end.
pub(crate) fn trim(bytes: &[u8], span: Span) -> Span {
    let mut span = trim_start(bytes, span);
    while span.start < span.end {
        let last = span.end - 1;
        if space_len(&bytes[..span.end], last) == 1 {
            span.end = last;
        } else if last > span.start && space_len(&bytes[..span.end], last - 1) == 2 {
            span.end = last - 1;
        } else {
            break;
        }
    }
    span
}

/// Whether the line is a comment: `#` behind any white space.
pub(crate) fn is_comment(bytes: &[u8], line: Span) -> bool {
    let line = trim_start(bytes, line);
    !line.is_empty() && bytes[line.start] == b'#'
}

/// Whether the line is blank.
pub(crate) fn is_blank(bytes: &[u8], line: Span) -> bool {
    trim_start(bytes, line).is_empty()
}

/// The byte at which the escape character ends the line, if the line goes on: an escape character that is not
/// itself preceded by one, with nothing but blanks behind it.
pub(crate) fn continuation(bytes: &[u8], line: Span, escape: u8) -> Option<usize> {
    let mut end = line.end;
    while end > line.start && matches!(bytes[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    let at = end.checked_sub(1).filter(|at| *at >= line.start)?;
    if bytes[at] != escape {
        return None;
    }
    let escaped = at > line.start && bytes[at - 1] == escape;
    (!escaped).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Span {
        Span::new(0, text.len())
    }

    #[test]
    fn continuation_needs_a_single_escape_at_the_end() {
        for (text, at) in [
            ("a \\", Some(2)),
            ("a \\  \t", Some(2)),
            ("\\", Some(0)),
            ("a \\\\", None),
            ("a", None),
            ("", None),
            ("a \\ b", None),
        ] {
            assert_eq!(continuation(text.as_bytes(), whole(text), b'\\'), at, "{text:?}");
        }
    }

    #[test]
    fn carriage_returns_belong_to_the_line_end() {
        let lines = split(b"a\r\nb\r\r\nc", 0);
        let texts: Vec<_> = lines.iter().map(|line| line.text.len()).collect();
        assert_eq!(texts, [1, 1, 1]);
        assert_eq!(lines[2].full, Span::new(7, 8));
    }
}
