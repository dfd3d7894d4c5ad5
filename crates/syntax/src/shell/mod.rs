//! The shell language of `RUN`: enough of POSIX sh and bash to find every command and every word with its place.
//!
//! The parser is not an interpreter. It says which commands a script may run and what their words are where that is
//! certain; everything else is "dynamic". What it cannot parse it refuses, and callers then leave the step alone.

mod ast;
mod call;
mod parser;
mod walk;
mod word;

pub use ast::{
    AndOr, Assignment, Command, Compound, CompoundKind, Item, Link, List, Operator, Pipeline, Redirect, Separator,
    Simple,
};
pub use call::{Call, CallUser, call_of, exec_call};
pub use parser::{ParseError, parse};
pub use walk::{Inside, Position, Site, sites};
pub use word::{Part, Word};
