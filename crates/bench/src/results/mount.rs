//! A cache mount, and what it was seen to do.

use serde::{Deserialize, Serialize};

use crate::look::ServedFigures;
use crate::scenario::Scenario;

/// A dead mount below this costs nothing worth a word.
const WORTH_A_WORD: u64 = 1 << 20;

/// A cache mount of one variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MountResult {
    /// Which variant.
    pub variant: usize,
    /// Its id.
    pub id: String,
    /// Where it is mounted.
    pub target: String,
    /// `shared`, `locked` or `private`.
    pub sharing: String,
    /// `uid:gid` and mode, where given; they are part of its identity.
    pub owner: Option<String>,
    /// The package manager that is known to use it.
    pub tool: Option<String>,
    /// The lines of the steps that use it.
    pub lines: Vec<usize>,
    /// What was seen around warm builds.
    pub looks: Vec<MountLook>,
    /// What follows.
    pub state: MountState,
}

/// What was seen around one warm build.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MountLook {
    /// In which scenario.
    pub scenario: Scenario,
    /// A step that uses the mount ran in this build.
    pub exercised: bool,
    /// What it held and served.
    pub figures: Option<ServedFigures>,
    /// Why it could not be looked into.
    pub problem: Option<String>,
}

/// What a mount is good for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum MountState {
    /// It served files to a warm build.
    Serves,
    /// It served nothing in any warm build in which a step that uses it ran.
    Dead {
        /// Why, as far as its content tells.
        reason: String,
    },
    /// No step that uses it ran in a warm build.
    #[default]
    NotExercised,
    /// It was used, but what it served cannot be said.
    Unknown {
        /// Why.
        reason: String,
    },
}

impl MountResult {
    /// Judges the mount by its looks.
    pub(super) fn derive(&mut self) {
        let exercised = || self.looks.iter().filter(|look| look.exercised);
        let figures = || exercised().filter_map(|look| look.figures.as_ref());
        self.state = if exercised().next().is_none() {
            MountState::NotExercised
        } else if figures().any(|figures| figures.served_files > 0) {
            MountState::Serves
        } else if let Some(problem) = exercised().find_map(|look| look.problem.clone()) {
            MountState::Unknown { reason: problem }
        } else if figures().all(|figures| figures.dead.is_some()) {
            let reason = figures().find_map(|figures| figures.dead.clone());
            MountState::Dead {
                reason: reason.unwrap_or_default(),
            }
        } else {
            MountState::Unknown {
                reason: "its file system does not record reads".to_owned(),
            }
        };
    }

    /// It is dead.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        matches!(self.state, MountState::Dead { .. })
    }

    /// It is dead and takes room on the builder's disk.
    #[must_use]
    pub fn costs(&self) -> bool {
        let held = self.looks.iter().filter_map(|look| look.figures.as_ref());
        self.is_dead() && held.map(|figures| figures.bytes_after).max() >= Some(WORTH_A_WORD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(exercised: bool, served_files: u64, dead: Option<&str>) -> MountLook {
        MountLook {
            scenario: Scenario::System,
            exercised,
            figures: Some(ServedFigures {
                bytes_before: 0,
                bytes_after: 2 << 20,
                files_before: 0,
                files_after: 0,
                served_files,
                served_bytes: 0,
                added_files: 0,
                added_bytes: 0,
                share: None,
                reads_visible: true,
                dead: dead.map(str::to_owned),
            }),
            problem: None,
        }
    }

    fn state(looks: Vec<MountLook>) -> MountState {
        let mut mount = MountResult {
            variant: 1,
            id: "m".into(),
            target: "/m".into(),
            sharing: "shared".into(),
            owner: None,
            tool: None,
            lines: vec![],
            looks,
            state: MountState::default(),
        };
        mount.derive();
        mount.state
    }

    #[test]
    fn states() {
        let unused = look(false, 0, Some("held nothing"));
        let dead = look(true, 0, Some("holds no files"));
        let serves = look(true, 3, None);
        let blind = look(true, 0, None);
        assert_eq!(state(vec![]), MountState::NotExercised);
        assert_eq!(state(vec![unused.clone()]), MountState::NotExercised);
        assert_eq!(
            state(vec![unused, dead.clone()]),
            MountState::Dead {
                reason: "holds no files".into()
            }
        );
        assert_eq!(state(vec![dead.clone(), serves]), MountState::Serves);
        assert!(matches!(state(vec![dead.clone(), blind]), MountState::Unknown { .. }));
        let missing = MountLook {
            figures: None,
            problem: Some("no shell".into()),
            ..dead
        };
        assert_eq!(
            state(vec![missing]),
            MountState::Unknown {
                reason: "no shell".into()
            }
        );
    }
}
