//! Checking one file.

use cachemount_syntax::{Dockerfile, SyntaxError};

use crate::finding::{Finding, LeftAlone};
use crate::knowledge::Knowledge;
use crate::model::{Model, Script};
use crate::plan::{DirState, Step};
use crate::rules::{Context, RULES};

/// What was found in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Findings in file order.
    pub findings: Vec<Finding>,
    /// Installs that were recognised and not touched, in file order.
    pub left_alone: Vec<LeftAlone>,
    /// What `BuildKit` would refuse.
    pub syntax_errors: Vec<SyntaxError>,
    /// Steps that were understood and run a known package manager.
    pub install_steps: usize,
    /// Steps that were not understood; nothing is said about them.
    pub unread_steps: usize,
}

/// Checks a file.
#[must_use]
pub fn check(source: &[u8], knowledge: &Knowledge) -> Report {
    let file = Dockerfile::parse(source);
    let model = Model::new(source, &file, knowledge);
    check_model(&model)
}

pub(crate) fn check_model(model: &Model<'_>) -> Report {
    let steps = Step::all(model);
    let context = Context { model, steps: &steps };
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| (rule.check)(&context)).collect();
    findings.sort_by_key(|finding| finding.span);
    Report {
        findings,
        left_alone: left_alone(model, &steps),
        syntax_errors: model.file.errors().into_iter().cloned().collect(),
        install_steps: steps.len(),
        unread_steps: model
            .runs()
            .filter(|(_, run)| matches!(run.script, Script::Unknown(_)))
            .count(),
    }
}

/// One entry per tool, step and reason.
fn left_alone(model: &Model<'_>, steps: &[Step<'_>]) -> Vec<LeftAlone> {
    let mut all = Vec::new();
    for step in steps {
        let instruction = model.instructions[step.run.instruction];
        for plan in &step.tools {
            let span = instruction.source(step.run.script.facts()[plan.uses[0].fact].span);
            let blocked: Vec<_> = plan
                .dirs
                .iter()
                .filter_map(|dir| match &dir.state {
                    DirState::Blocked(obstacle) => Some((dir, obstacle)),
                    _ => None,
                })
                .collect();
            let mut reasons: Vec<String> = Vec::new();
            for (dir, obstacle) in &blocked {
                let mut reason = obstacle.reason();
                if blocked.len() < plan.dirs.len()
                    && let Some(place) = &dir.place
                {
                    reason = format!("`{}` is not mounted: {reason}", place.path);
                }
                if reasons.contains(&reason) {
                    continue;
                }
                reasons.push(reason.clone());
                all.push(LeftAlone {
                    tool: plan.tool.id.clone(),
                    span,
                    reason,
                    help: obstacle.help(plan.tool),
                    instruction: step.run.instruction,
                });
            }
        }
    }
    all.sort_by_key(|left| left.span);
    all
}
