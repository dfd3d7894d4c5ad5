//! What a run found: every build, and what follows from them. This is what `results.json` holds.

mod image;
mod mount;

use std::io;
use std::path::Path;

use cachemount_buildkit::{BuilderUsage, ClientUsage};
use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::environment::Environment;
use crate::network::{Network, Traffic};
use crate::scenario::Scenario;
use crate::summary::Summary;

pub use image::{ImageDifference, ImageResult};
pub use mount::{MountLook, MountResult, MountState};

/// The version of this structure as JSON. A newer one is refused.
pub const SCHEMA: u32 = 1;

/// Everything that a run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What was built, by name.
    pub subject: String,
    /// The stage that was built; the last one if `None`.
    pub target: Option<String>,
    /// The run's name: part of its mount namespaces and of the argument that keeps its layers apart.
    pub run: String,
    /// The run was interrupted; what was found until then stands.
    pub interrupted: bool,
    /// Where it ran.
    pub environment: Environment,
    /// How it ran.
    pub settings: Settings,
    /// The names of the variants; the first is the one before, the second the one after.
    pub variants: Vec<String>,
    /// What the variants differ in, for reports; filled in by the caller.
    pub changes: Vec<FileChange>,
    /// The builds, by scenario.
    pub scenarios: Vec<ScenarioResult>,
    /// The cache mounts of all variants.
    pub mounts: Vec<MountResult>,
    /// Predictions that were checked.
    pub checks: Vec<NetworkCheck>,
    /// The comparison of the images, where it was made.
    pub image: Option<ImageResult>,
    /// What else a reader must know.
    pub notes: Vec<String>,
    /// What follows from the rest.
    pub summary: Summary,
}

/// How a run was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Repetitions asked for, but the cold ones.
    pub runs: usize,
    /// Cold repetitions asked for.
    pub cold_runs: usize,
    /// The line that builds had.
    pub network: Network,
    /// Whether traffic could be counted and shaped at all.
    pub counted: bool,
    /// Lines that predictions were checked at.
    pub check_networks: Vec<Network>,
    /// Bandwidths predicted for, in bits per second.
    pub prediction_bits: Vec<u64>,
    /// Regular files of the build context.
    pub context_files: usize,
    /// Their bytes.
    pub context_bytes: u64,
}

/// What a file differs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The file, as the user knows it.
    pub path: String,
    /// A unified diff.
    pub diff: String,
}

/// One scenario of all variants.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioResult {
    /// Which.
    pub scenario: Scenario,
    /// What was changed before each build, in words.
    pub what: String,
    /// What came of it, by variant.
    pub outcomes: Vec<Outcome>,
}

/// What came of one scenario for one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Outcome {
    /// Every build did what the scenario means.
    Measured {
        /// The builds, by repetition. Never empty.
        builds: Vec<Build>,
    },
    /// There is no number, and a reason for that.
    NotMeasured {
        /// The reason, as a sentence without its full stop.
        reason: String,
    },
}

impl Outcome {
    /// The builds, if all is well.
    #[must_use]
    pub fn builds(&self) -> Option<&[Build]> {
        match self {
            Self::Measured { builds } => Some(builds),
            Self::NotMeasured { .. } => None,
        }
    }
}

/// One measured build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Counted from 0.
    pub repetition: usize,
    /// Its place among all measured builds of the run, from 0.
    pub order: usize,
    /// Wall time of the whole build, in seconds.
    pub wall_seconds: f64,
    /// Seconds of the `RUN` steps that install something and ran; `None` if none ran.
    pub install_seconds: Option<f64>,
    /// The steps of the Dockerfile.
    pub steps: Vec<StepFigure>,
    /// What the client process used. It says little about the build.
    pub client: ClientUsage,
    /// What the builder used, where it can be read.
    pub builder: Option<BuilderUsage>,
    /// What came over the line, by host; `None` where it cannot be counted.
    pub traffic: Option<Traffic>,
}

impl Build {
    /// Bytes received by the build's steps, where they are counted.
    #[must_use]
    pub fn downloaded(&self) -> Option<u64> {
        self.traffic.as_ref().map(|traffic| traffic.total().received)
    }
}

/// One step of one build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepFigure {
    /// The line of the Dockerfile.
    pub line: usize,
    /// The step as the builder names it.
    pub name: String,
    /// Its result came from the layer cache.
    pub cached: bool,
    /// It ran.
    pub ran: bool,
    /// Seconds that it ran.
    pub seconds: Option<f64>,
    /// It installs something.
    pub installs: bool,
}

/// One prediction, and what came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NetworkCheck {
    /// The line.
    pub network: Network,
    /// Which variant.
    pub variant: usize,
    /// Seconds predicted from the main runs.
    pub predicted_seconds: Option<f64>,
    /// Seconds of one build at that line.
    pub measured_seconds: Option<f64>,
    /// `100 · (predicted - measured) / measured`.
    pub error_percent: Option<f64>,
    /// Why there is no measurement.
    pub reason: Option<String>,
}

/// Results that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// It is no JSON of this kind.
    #[error("read results: {0}")]
    Json(#[from] serde_json::Error),
    /// It was written by a newer version.
    #[error("read results: their schema is {0}, this program knows up to {SCHEMA}")]
    Newer(u64),
    /// It names no version.
    #[error("read results: they name no schema")]
    NoSchema,
}

impl Results {
    /// The results as JSON, indented, with a final line end.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        Ok(text)
    }

    /// Reads results; those of a newer schema are refused.
    pub fn from_json(text: &str) -> Result<Self, ReadError> {
        let value: serde_json::Value = serde_json::from_str(text)?;
        match value.get("schema").and_then(serde_json::Value::as_u64) {
            None => return Err(ReadError::NoSchema),
            Some(schema) if schema > u64::from(SCHEMA) => return Err(ReadError::Newer(schema)),
            Some(_) => {}
        }
        Ok(serde_json::from_value(value)?)
    }

    /// Reads a file of results.
    pub fn read(path: &Path) -> Result<Self, ReadError> {
        Self::from_json(&fs::read_to_string(path)?)
    }

    /// One scenario, if it was asked for.
    #[must_use]
    pub fn scenario(&self, scenario: Scenario) -> Option<&ScenarioResult> {
        self.scenarios.iter().find(|result| result.scenario == scenario)
    }

    /// The comparison of the images, from which the verdict is made anew.
    pub fn set_image(&mut self, image: ImageResult) {
        self.image = Some(image);
        self.derive();
    }

    /// Makes the summary anew from the rest.
    pub fn derive(&mut self) {
        for mount in &mut self.mounts {
            mount.derive();
        }
        self.summary = Summary::of(self);
    }
}
