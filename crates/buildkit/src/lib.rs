//! buildkit

pub mod builder;
pub mod error;
