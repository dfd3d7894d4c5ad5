//! Which stages a build needs, and which step comes from which.

use std::collections::BTreeSet;

use cachemount_lint::outline::{Base, CopyStep, Outline, RunStep, StageOutline, StepKind};
use serde::{Deserialize, Serialize};

/// A step of an outline by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StepRef {
    /// The stage's index.
    pub stage: usize,
    /// The step's index in the stage.
    pub step: usize,
}

/// There is no such stage.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// The Dockerfile has no `FROM`.
    #[error("find a stage in the Dockerfile")]
    NoStage,
    /// No stage has this name.
    #[error("find the stage `{0}` in the Dockerfile")]
    Unknown(String),
}

/// The stage that a build with this target ends with.
pub fn target_stage(outline: &Outline, target: Option<&str>) -> Result<usize, TargetError> {
    let last = outline.stages.len().checked_sub(1).ok_or(TargetError::NoStage)?;
    match target {
        None => Ok(last),
        Some(name) => {
            stage_named(outline, name, outline.stages.len()).ok_or_else(|| TargetError::Unknown(name.to_owned()))
        }
    }
}

/// The stage before `end` that a name or a number means; the last one of that name.
fn stage_named(outline: &Outline, name: &str, end: usize) -> Option<usize> {
    let lower = name.to_lowercase();
    outline.stages[..end]
        .iter()
        .rposition(|stage| stage.name.as_deref() == Some(lower.as_str()))
        .or_else(|| name.parse().ok().filter(|number| *number < end))
}

/// The stages that the target needs, itself included, in file order.
pub fn needed_stages(outline: &Outline, target: Option<&str>) -> Result<BTreeSet<usize>, TargetError> {
    let mut needed = BTreeSet::new();
    let mut open = vec![target_stage(outline, target)?];
    while let Some(index) = open.pop() {
        if !needed.insert(index) {
            continue;
        }
        let stage = &outline.stages[index];
        if let Base::Stage(parent) = stage.base {
            open.push(parent);
        }
        for step in &stage.steps {
            open.extend(
                sources(outline, index, &step.kind)
                    .into_iter()
                    .filter_map(|source| match source {
                        From::Stage(stage) => Some(stage),
                        From::Elsewhere(_) => None,
                    }),
            );
        }
    }
    Ok(needed)
}

/// Where a `from=` leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum From {
    /// An earlier stage.
    Stage(usize),
    /// An image or a named context, as written.
    Elsewhere(String),
}

/// What a step of `stage` takes from elsewhere than the build context, by `COPY --from` or a mount's `from=`.
#[must_use]
pub fn sources(outline: &Outline, stage: usize, step: &StepKind) -> Vec<From> {
    let names = match step {
        StepKind::Copy(CopyStep { from, .. }) => from.iter().cloned().collect(),
        StepKind::Run(run) => mount_sources(run),
        StepKind::Other(_) => Vec::new(),
    };
    names
        .into_iter()
        .map(|name| match stage_named(outline, &name, stage) {
            Some(stage) => From::Stage(stage),
            None => From::Elsewhere(name),
        })
        .collect()
}

/// The `from=` of a step's mounts. The outline names those of cache mounts only, so they are read from the flags.
fn mount_sources(run: &RunStep) -> Vec<String> {
    let flags = run.text.split_whitespace().take_while(|word| word.starts_with("--"));
    flags
        .filter_map(|word| word.strip_prefix("--mount="))
        .flat_map(|mount| mount.split(','))
        .filter_map(|option| option.trim_matches('"').split_once('='))
        .filter(|(key, _)| key.eq_ignore_ascii_case("from"))
        .map(|(_, value)| value.trim_matches('"').to_owned())
        .collect()
}

/// The image at the bottom of a stage's chain of `FROM`, where it is known.
#[must_use]
pub fn root_image(outline: &Outline, stage: usize) -> Option<&str> {
    let mut at = stage;
    loop {
        match &outline.stages[at].base {
            Base::Stage(parent) if *parent < at => at = *parent,
            Base::Image(image) => return Some(image),
            Base::Stage(_) | Base::Scratch | Base::Unknown(_) => return None,
        }
    }
}

/// The images that the target's stages start from or copy from, each once, in order; those not known as written.
#[must_use]
pub fn images(outline: &Outline, needed: &BTreeSet<usize>) -> (Vec<String>, Vec<String>) {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let add = |list: &mut Vec<String>, name: &str| {
        if !list.iter().any(|other| other == name) {
            list.push(name.to_owned());
        }
    };
    for &index in needed {
        let stage = &outline.stages[index];
        match &stage.base {
            Base::Image(image) => add(&mut known, image),
            Base::Unknown(written) => add(&mut unknown, written),
            Base::Stage(_) | Base::Scratch => {}
        }
        for step in &stage.steps {
            for source in sources(outline, index, &step.kind) {
                match source {
                    From::Elsewhere(name) if name.contains('$') => add(&mut unknown, &name),
                    From::Elsewhere(name) => add(&mut known, &name),
                    From::Stage(_) => {}
                }
            }
        }
    }
    (known, unknown)
}

/// The label that `BuildKit` gives to a stage's steps.
#[must_use]
pub fn label(stage: &StageOutline, index: usize) -> String {
    stage.name.clone().unwrap_or_else(|| format!("stage-{index}"))
}

/// The `RUN` steps of some stages in file order.
pub fn runs<'a, 'b>(
    outline: &'a Outline,
    needed: &'b BTreeSet<usize>,
) -> impl Iterator<Item = (StepRef, &'a RunStep)> + use<'a, 'b> {
    needed.iter().flat_map(|&stage| {
        let steps = outline.stages[stage].steps.iter().enumerate();
        steps.filter_map(move |(step, found)| match &found.kind {
            StepKind::Run(run) => Some((StepRef { stage, step }, run)),
            StepKind::Copy(_) | StepKind::Other(_) => None,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{copy, copy_from, outline, run, stage};

    #[test]
    fn only_what_the_target_needs() {
        let outline = outline(vec![
            stage(Some("base"), Base::Image("i".into()), vec![run("a")]),
            stage(Some("dev"), Base::Stage(0), vec![run("b")]),
            stage(Some("tools"), Base::Image("j".into()), vec![run("c")]),
            stage(
                None,
                Base::Stage(0),
                vec![
                    copy_from("TOOLS", "/x"),
                    copy(&["."]),
                    run("--mount=type=bind,from=1,target=/x d"),
                ],
            ),
        ]);
        assert_eq!(needed_stages(&outline, None).unwrap(), BTreeSet::from([0, 1, 2, 3]));
        assert_eq!(needed_stages(&outline, Some("Dev")).unwrap(), BTreeSet::from([0, 1]));
        assert_eq!(needed_stages(&outline, Some("2")).unwrap(), BTreeSet::from([2]));
        assert!(needed_stages(&outline, Some("nothing")).is_err());
        assert_eq!(root_image(&outline, 3), Some("i"));
        let (known, unknown) = images(&outline, &BTreeSet::from([0, 2, 3]));
        assert_eq!((known, unknown), (vec!["i".into(), "j".into()], vec![]));
    }

    #[test]
    fn a_name_is_a_stage_only_if_it_comes_before() {
        let outline = outline(vec![
            stage(
                None,
                Base::Image("i".into()),
                vec![copy_from("later", "/x"), copy_from("$IMAGE", "/x")],
            ),
            stage(Some("later"), Base::Scratch, vec![]),
        ]);
        let found = sources(&outline, 0, &outline.stages[0].steps[0].kind);
        assert_eq!(found, [From::Elsewhere("later".into())]);
        let (known, unknown) = images(&outline, &BTreeSet::from([0]));
        assert_eq!(
            (known, unknown),
            (vec!["i".into(), "later".into()], vec!["$IMAGE".into()])
        );
    }
}
