//! Proves, or disproves, that a change of a Dockerfile makes builds faster: scenarios, schedule, measuring, statistics,
//! image comparison and report.
//!
//! [`Bench`] makes the builds. It works on a copy of the build context, in mount namespaces of its own, over a network of
//! its own, and holds every build against what its scenario means: a build whose steps did something else is *not
//! measured*, and never a number. What it found is in [`Results`](results::Results), from which [`report`] makes texts.

#![allow(clippy::doc_markdown, reason = "BuildKit is a name, not code")]

mod choose;
mod comment;
pub mod environment;
pub mod expect;
#[cfg(test)]
mod fixture;
pub mod graph;
pub mod instrument;
pub mod look;
mod measure;
pub mod network;
pub mod observe;
pub mod pattern;
pub mod progress;
pub mod report;
pub mod results;
pub mod scenario;
pub mod schedule;
mod session;
pub mod stats;
pub mod subject;
pub mod summary;
#[cfg(test)]
mod tests;
pub mod verify;
mod workcopy;

pub use progress::{Event, Progress, Silent};
pub use results::{ImageResult, Results};
pub use scenario::{Change, Scenario};
pub use session::{Bench, BenchError, verify_variants};
pub use subject::{Options, Subject, Variant};
