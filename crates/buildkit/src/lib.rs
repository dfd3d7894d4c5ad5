//! The only place that talks to a builder: discovery, builds with their progress, cache mounts held, a private engine.
//!
//! Callers see [`Builder`]. [`discover`](discover::discover) finds a real one, [`Scripted`] stands in for it in tests.
//! Programs that build call [`interrupt::install`] first, so that Ctrl-C ends builds and takes down what was started.

#![allow(clippy::doc_markdown, reason = "BuildKit is a name, not code")]

pub mod builder;
pub mod buildx;
mod cgroup;
mod client;
pub mod discover;
pub mod engine;
pub mod error;
mod inspect;
pub mod interrupt;
pub mod progress;
pub mod scripted;
mod usage;

pub use builder::{
    BuildEvent, BuildRecord, BuildRequest, Builder, BuilderInfo, BuilderUsage, ClientUsage, MountRecord, Output,
    StepRecord,
};
pub use buildx::Buildx;
pub use discover::{Choice, Discovery, Found, discover};
pub use engine::{Daemon, EngineOptions, PrivateEngine};
pub use error::BuildError;
pub use scripted::{Call, Scripted};
