//! Splits the stream into records and plain text, whatever the boundaries of the reads.

/// One part of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A balanced JSON object.
    Object(&'a [u8]),
    /// A line of plain text, without its line break.
    Text(&'a [u8]),
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before the first visible byte of a line.
    #[default]
    LineStart,
    /// In a line of plain text.
    Text,
    /// After a `{` that may open a record.
    Opened,
    /// In a record, outside its strings.
    Object,
    /// In a string of a record.
    String,
    /// After a backslash in such a string.
    Escape,
}

/// A splitter that remembers the unfinished piece.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    state: State,
    depth: usize,
    pending: Vec<u8>,
}

impl Decoder {
    pub(super) fn feed(&mut self, bytes: &[u8], emit: &mut dyn FnMut(Piece<'_>)) {
        for &byte in bytes {
            self.step(byte, emit);
        }
    }

    /// Ends the stream; an unfinished record becomes text.
    pub(super) fn finish(&mut self, emit: &mut dyn FnMut(Piece<'_>)) {
        self.flush_text(emit);
    }

    fn step(&mut self, byte: u8, emit: &mut dyn FnMut(Piece<'_>)) {
        match self.state {
            State::LineStart => match byte {
                b'{' => self.open(byte),
                _ if byte.is_ascii_whitespace() => {}
                _ => {
                    self.pending.push(byte);
                    self.state = State::Text;
                }
            },
            State::Text => {
                if byte == b'\n' {
                    self.flush_text(emit);
                } else {
                    self.pending.push(byte);
                }
            }
            State::Opened => {
                self.pending.push(byte);
                match byte {
                    b'"' => self.state = State::String,
                    b'}' => self.close(emit),
                    _ if byte.is_ascii_whitespace() => {}
                    // A record's first key is a string, so this was text that happens to begin with a brace.
                    _ => self.state = State::Text,
                }
            }
            // A client never writes a brace at the start of a line inside a record: the one before broke off.
            State::Object if byte == b'{' && self.pending.ends_with(b"\n") => {
                self.flush_text(emit);
                self.open(byte);
            }
            State::Object => {
                self.pending.push(byte);
                match byte {
                    b'"' => self.state = State::String,
                    b'{' | b'[' => self.depth += 1,
                    b'}' | b']' if self.depth == 1 => self.close(emit),
                    b'}' | b']' => self.depth -= 1,
                    _ => {}
                }
            }
            // JSON has no raw line break in a string.
            State::String | State::Escape if byte == b'\n' => self.flush_text(emit),
            State::String => {
                self.pending.push(byte);
                match byte {
                    b'\\' => self.state = State::Escape,
                    b'"' => self.state = State::Object,
                    _ => {}
                }
            }
            State::Escape => {
                self.pending.push(byte);
                self.state = State::String;
            }
        }
    }

    fn open(&mut self, byte: u8) {
        self.pending.push(byte);
        self.depth = 1;
        self.state = State::Opened;
    }

    fn close(&mut self, emit: &mut dyn FnMut(Piece<'_>)) {
        emit(Piece::Object(&self.pending));
        self.pending.clear();
        self.state = State::LineStart;
    }

    fn flush_text(&mut self, emit: &mut dyn FnMut(Piece<'_>)) {
        if !self.pending.is_empty() {
            emit(Piece::Text(&self.pending));
        }
        self.pending.clear();
        self.state = State::LineStart;
    }
}
