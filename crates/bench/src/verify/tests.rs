//! Archives are built in memory, in every layout, and compared.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may panic too")]

mod archives;
mod build;
mod differences;
mod layers;
mod mounts;
