//! What a Dockerfile builds: stages and their bases, and for every step who runs it, where, and with which variables.

mod accounts;
mod fact;
mod mount;
mod stage;
mod state;

use std::rc::Rc;

use cachemount_syntax::{Dockerfile, Instruction, LineIndex};

pub use accounts::{AccountFact, Accounts, Id};
pub use fact::{Fact, Script, WordFact};
pub use mount::{MountFlag, clean, effective_id};
pub(crate) use stage::variable_pattern;
pub use stage::{Base, Copy, Run, Stage, StageStep};
pub use state::{State, User};

use crate::knowledge::Knowledge;

/// A Dockerfile with its meaning.
pub struct Model<'a> {
    /// The file's bytes.
    pub source: &'a [u8],
    /// Its text, parsed.
    pub file: &'a Dockerfile,
    /// Its instructions; other parts of the model name them by their index here.
    pub instructions: Vec<&'a Instruction>,
    /// Lines of the file.
    pub lines: LineIndex,
    /// The stages in file order.
    pub stages: Vec<Stage>,
    /// Global arguments (before the first `FROM`) with their defaults.
    pub global_args: Vec<(String, Option<String>)>,
    /// What is known of tools and images.
    pub knowledge: &'a Knowledge,
}

impl<'a> Model<'a> {
    /// Reads the meaning out of a parsed file.
    #[must_use]
    pub fn new(source: &'a [u8], file: &'a Dockerfile, knowledge: &'a Knowledge) -> Self {
        let instructions: Vec<_> = file.instructions().collect();
        let (stages, global_args) = stage::read(&instructions, file.escape, knowledge);
        Self {
            source,
            file,
            lines: LineIndex::new(source),
            stages,
            instructions,
            global_args,
            knowledge,
        }
    }

    /// The image that a stage goes back to, through earlier stages.
    #[must_use]
    pub fn root_base(&self, stage: usize) -> &Base {
        let mut stage = &self.stages[stage];
        while let Base::Stage(parent) = stage.base {
            stage = &self.stages[parent];
        }
        &stage.base
    }

    /// The stage and those it is built from, nearest first.
    pub fn ancestry(&self, stage: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(stage), |stage| match self.stages[*stage].base {
            Base::Stage(parent) => Some(parent),
            _ => None,
        })
    }

    /// The stages that are or may be built from this one, directly or not, itself included.
    #[must_use]
    pub fn descendants(&self, stage: usize) -> Vec<usize> {
        let mut family = vec![stage];
        for candidate in stage + 1..self.stages.len() {
            let of_family = match self.stages[candidate].base {
                Base::Stage(parent) => family.contains(&parent),
                _ => false,
            };
            if of_family
                || self.stages[candidate]
                    .maybe_bases
                    .iter()
                    .any(|parent| family.contains(parent))
            {
                family.push(candidate);
            }
        }
        family
    }

    /// The instructions of a stage, `FROM` excluded.
    #[must_use]
    pub fn stage_instructions(&self, stage: usize) -> std::ops::Range<usize> {
        let next = self
            .stages
            .get(stage + 1)
            .map_or(self.instructions.len(), |next| next.from);
        self.stages[stage].from + 1..next
    }

    /// The `RUN` that is this instruction.
    #[must_use]
    pub fn run_at(&self, instruction: usize) -> Option<&Run> {
        let stage = self
            .stages
            .partition_point(|stage| stage.from < instruction)
            .checked_sub(1)?;
        self.stages[stage].runs().find(|run| run.instruction == instruction)
    }

    /// Every `RUN` with its stage.
    pub fn runs(&self) -> impl Iterator<Item = (usize, &Run)> {
        self.stages
            .iter()
            .enumerate()
            .flat_map(|(index, stage)| stage.runs().map(move |run| (index, run)))
    }

    /// The line of an instruction.
    #[must_use]
    pub fn line_of(&self, instruction: usize) -> usize {
        self.lines.line(self.instructions[instruction].span.start)
    }
}

/// Shared state of a step.
pub type SharedState = Rc<State>;
