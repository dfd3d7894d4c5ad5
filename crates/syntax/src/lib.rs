//! Dockerfile and shell text, without loss.
//!
//! A [`Dockerfile`] keeps every byte of its file: comments, blank lines, continuation lines, heredocs, line endings and
//! the byte-order mark are tiles that, put side by side, are the file again. An instruction also has a [`Joined`] text,
//! which is what `BuildKit` sees once continuations are joined and comments dropped; every offset in it maps back to
//! the file. The [`shell`] parser runs over such a text and finds the commands in it.
//!
//! Nothing here knows package managers, images or builders, nothing does I/O, and the crate has no dependencies.

pub mod dockerfile;
pub mod expand;
pub mod flags;
pub mod heredoc;
pub mod instruction;
mod joined;
mod json;
mod lines;
pub mod shell;
mod span;
mod words;

pub use dockerfile::{Dockerfile, Item, Piece, PieceKind, SyntaxError};
pub use instruction::{Arguments, Instruction, Keyword};
pub use joined::Joined;
pub use span::{LineIndex, Span};
pub use words::{Word, split_assignment};
