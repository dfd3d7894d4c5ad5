//! The states and changes that are measured.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::graph::StepRef;

/// A situation in which people build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// No layers, empty mounts.
    Cold,
    /// Nothing changed since the last build.
    Unchanged,
    /// Application code changed.
    Source,
    /// The content of a manifest or lock file changed.
    Dependencies,
    /// A package was added to the list of system packages.
    System,
}

impl Scenario {
    /// All of them, in the order of reports.
    pub const ALL: [Self; 5] = [
        Self::Cold,
        Self::Unchanged,
        Self::Source,
        Self::Dependencies,
        Self::System,
    ];

    /// One word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Unchanged => "unchanged",
            Self::Source => "source",
            Self::Dependencies => "dependencies",
            Self::System => "system",
        }
    }

    /// The state that its builds start from, in words.
    #[must_use]
    pub fn state(self) -> &'static str {
        match self {
            Self::Cold => "no layers, empty mounts",
            Self::Unchanged | Self::Source | Self::Dependencies | Self::System => {
                "layers and mounts as this variant's own earlier builds left them"
            }
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What is changed before a build, and taken back after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    Nothing,
    /// New content of one file of the context: a comment with a text never used before.
    Content {
        /// The file, relative to the context.
        path: String,
    },
    /// A new modification time of one file of the context. `BuildKit` does not look at it, so that nothing runs again;
    /// what is expected of it is what people expect of it, the same as of new content.
    Touch {
        /// The file, relative to the context.
        path: String,
    },
    /// One more package in the list of system packages.
    Package {
        /// The step to edit, by variant.
        steps: Vec<PackagePlace>,
        /// The packages to add, another one each repetition.
        packages: Vec<String>,
    },
}

/// Where a package can be added in one variant's Dockerfile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackagePlace {
    /// The `RUN` step.
    pub step: StepRef,
    /// Byte offset behind the last package word.
    pub offset: usize,
}

impl Change {
    /// What was changed, in words.
    #[must_use]
    pub fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Content { path } => format!("content of `{path}`"),
            Self::Touch { path } => format!("modification time of `{path}`"),
            Self::Package { packages, .. } => match packages.first() {
                Some(first) => format!("system package `{first}` (or another as small) added"),
                None => "a system package added".to_owned(),
            },
        }
    }
}
