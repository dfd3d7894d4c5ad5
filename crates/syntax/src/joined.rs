//! Text put together from several places of a file, with the way back.

use crate::span::Span;

/// What remains of an instruction when continuations are joined and comments are dropped, with a map to the file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Joined {
    bytes: Vec<u8>,
    segments: Vec<Segment>,
}

/// A run of bytes that stand side by side in the file too.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Segment {
    at: usize,
    source: usize,
}

impl Joined {
    /// A text that stands in the file as it is.
    #[must_use]
    pub fn contiguous(source: &[u8], span: Span) -> Self {
        let mut joined = Self::default();
        joined.push(source, span);
        joined
    }

    /// Appends a piece of the file.
    pub fn push(&mut self, source: &[u8], span: Span) {
        if span.is_empty() {
            return;
        }
        let at = self.bytes.len();
        let continues = self
            .segments
            .last()
            .is_some_and(|last| last.source + (at - last.at) == span.start);
        if !continues {
            self.segments.push(Segment { at, source: span.start });
        }
        self.bytes.extend_from_slice(&source[span.range()]);
    }

    /// The text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Where a byte of the text stands in the file.
    ///
    /// The offset behind the last byte maps to the place behind that byte in the file.
    #[must_use]
    pub fn source_offset(&self, offset: usize) -> usize {
        let index = self.segments.partition_point(|segment| segment.at <= offset);
        match index.checked_sub(1).map(|index| self.segments[index]) {
            Some(segment) => segment.source + (offset - segment.at),
            None => 0,
        }
    }

    /// The part of the file that a part of the text covers, continuations between its ends included.
    #[must_use]
    pub fn source_span(&self, span: Span) -> Span {
        let start = self.source_offset(span.start);
        let end = if span.is_empty() {
            start
        } else {
            self.source_offset(span.end - 1) + 1
        };
        Span::new(start, end)
    }

    /// Where a byte of the file stands in the text; `None` where it is not part of it.
    #[must_use]
    pub fn text_offset(&self, source_offset: usize) -> Option<usize> {
        self.segments.iter().enumerate().find_map(|(index, segment)| {
            let end = self.segments.get(index + 1).map_or(self.bytes.len(), |next| next.at);
            let offset = segment.at + source_offset.checked_sub(segment.source)?;
            (offset < end || (offset == end && end == self.bytes.len())).then_some(offset)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_map_across_a_gap() {
        let source = b"RUN a \\\n  # note\n  b";
        let mut joined = Joined::default();
        joined.push(source, Span::new(0, 6));
        joined.push(source, Span::new(17, 20));
        assert_eq!(joined.bytes(), b"RUN a   b");
        assert_eq!(joined.source_offset(4), 4);
        assert_eq!(joined.source_offset(8), 19);
        assert_eq!(joined.source_span(Span::new(4, 9)), Span::new(4, 20));
        assert_eq!(joined.text_offset(19), Some(8));
        assert_eq!(joined.text_offset(10), None);
    }
}
