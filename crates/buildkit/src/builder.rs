//! The seam between cachemount and whatever builds: one trait, its request and its record.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::BuildError;

/// One build to run.
#[derive(Debug, Clone, Default)]
pub struct BuildRequest {
    /// The build context's folder.
    pub context: PathBuf,
    /// The Dockerfile, anywhere on this machine.
    pub dockerfile: PathBuf,
    /// The stage to build; the last one if `None`.
    pub target: Option<String>,
    /// `--build-arg` pairs.
    pub build_args: Vec<(String, String)>,
    /// `--build-context` pairs.
    pub build_contexts: Vec<(String, String)>,
    /// Prefix of every cache mount id (`BUILDKIT_CACHE_MOUNT_NS`), which keeps mounts apart from everyone else's.
    pub mount_namespace: Option<String>,
    /// What becomes of the result.
    pub output: Output,
}

/// What becomes of a build's result.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Output {
    /// Stays in the builder's layer cache; nothing is exported.
    #[default]
    CacheOnly,
    /// The image as an archive in `docker save` or OCI layout form, at this path.
    ImageArchive(PathBuf),
    /// The files of the final stage, in this folder.
    Files(PathBuf),
}

/// What a build did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct BuildRecord {
    /// Wall time from the start of the client to its end.
    pub wall: Duration,
    /// Every step that the builder reported, in order of first appearance.
    pub steps: Vec<StepRecord>,
    /// What the client process used; it says little about the build itself.
    pub client: ClientUsage,
    /// What the builder used, where it can be read; never guessed.
    pub builder: Option<BuilderUsage>,
}

/// One step (BuildKit calls it a vertex).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// The name as reported: `[stage-0 2/5] RUN …`, `[internal] load build context`, …
    pub name: String,
    /// Its result came from the layer cache.
    pub cached: bool,
    /// It was executed: started, completed and not cached.
    pub ran: bool,
    /// Seconds from the start of the build to the first start of the step.
    pub started: Option<f64>,
    /// Seconds that it ran, over all its intervals.
    pub seconds: Option<f64>,
    /// The error that ended it.
    pub error: Option<String>,
    /// The last lines that it printed (at most 64 KiB).
    pub log: String,
}

/// Resources of the client process (`docker buildx`), not of the build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ClientUsage {
    /// CPU seconds in user mode.
    pub user_seconds: f64,
    /// CPU seconds in the kernel.
    pub system_seconds: f64,
    /// Highest resident set, in bytes, where it could be read.
    pub peak_rss_bytes: Option<u64>,
}

/// Resources of the builder: its daemon and the steps it ran.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BuilderUsage {
    /// CPU seconds in all.
    pub cpu_seconds: f64,
    /// Highest memory use during the build in bytes, page cache excluded where the kernel tells it apart.
    pub peak_memory_bytes: Option<u64>,
}

/// A message while a build runs, for progress displays.
#[derive(Debug, Clone, PartialEq)]
pub enum BuildEvent {
    /// A step started.
    StepStarted {
        /// Its name.
        name: String,
    },
    /// A step ended.
    StepEnded {
        /// Its name.
        name: String,
        /// From the layer cache.
        cached: bool,
    },
}

/// What is known of a builder, for reports.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuilderInfo {
    /// Its name: `default`, `private engine`, an address.
    pub name: String,
    /// `docker`, `docker-container`, `remote`, `kubernetes`.
    pub driver: String,
    /// Versions of engine, BuildKit and buildx where known, as one line.
    pub version: String,
    /// The builder runs on this machine.
    pub local: bool,
    /// The host, as a build step must name it to reach a listener on this machine: `127.0.0.1` where steps share the
    /// host's network, a bridge address else. `None` where steps cannot reach this machine.
    pub host_address: Option<String>,
}

/// What a builder holds for one cache mount.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRecord {
    /// The builder's record id (not the mount id).
    pub record: String,
    /// Its description, which names the mount id on newer engines.
    pub description: String,
    /// Bytes, as the builder says; may be stale.
    pub bytes: u64,
}

/// A builder: real, or scripted for tests.
pub trait Builder {
    /// What is known of it.
    fn info(&self) -> BuilderInfo;

    /// Runs one build to its end. A failed step is an error that carries the record of what ran.
    fn build(&self, request: &BuildRequest, on_event: &mut dyn FnMut(BuildEvent)) -> Result<BuildRecord, BuildError>;

    /// The cache mounts whose id begins with this namespace.
    fn mounts(&self, namespace: &str) -> Result<Vec<MountRecord>, BuildError>;

    /// Removes the cache mounts of this namespace and nothing else; returns the bytes freed. It does its work after a
    /// signal as well, and ends with [`BuildError::Interrupted`] after a second one only.
    fn prune_mounts(&self, namespace: &str) -> Result<u64, BuildError>;
}
