//! Which steps a build must run, and which must come from the layer cache: a function of the Dockerfile and the change.

use cachemount_lint::outline::{Base, Outline, StepKind};

use crate::graph::{From, StepRef, TargetError, needed_stages, sources};
use crate::pattern::source_takes;

/// What is expected of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// It is executed.
    MustRun,
    /// Its result comes from the layer cache.
    MustBeCached,
    /// Depends on contents that are not known.
    Either,
}

/// What differs from the state that the layers were made in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Nothing.
    Nothing,
    /// There are no layers of `RUN` steps.
    Everything,
    /// The content of a file of the context, by its path.
    File(String),
    /// The text of one `RUN` step.
    Step(StepRef),
}

/// How a stage stands in relation to the layers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// All as it was.
    Clean,
    /// Something that it takes in may have changed.
    Open,
    /// A step before ran with something new.
    Changed,
}

/// What is expected of every `RUN`, `COPY` and `ADD` of the stages that the target needs, in file order.
pub fn expect(
    outline: &Outline,
    target: Option<&str>,
    effect: &Effect,
) -> Result<Vec<(StepRef, Expected)>, TargetError> {
    let needed = needed_stages(outline, target)?;
    let mut standings = vec![Standing::Clean; outline.stages.len()];
    let mut expected = Vec::new();
    // Stages refer to earlier ones only, so that file order is an order of dependence.
    for &stage in &needed {
        let mut standing = match outline.stages[stage].base {
            Base::Stage(parent) => standings[parent],
            Base::Image(_) | Base::Scratch | Base::Unknown(_) => Standing::Clean,
        };
        for (step, found) in outline.stages[stage].steps.iter().enumerate() {
            let place = StepRef { stage, step };
            let from_changed = sources(outline, stage, &found.kind)
                .iter()
                .any(|source| matches!(source, From::Stage(other) if standings[*other] > Standing::Clean));
            let is_run = match &found.kind {
                StepKind::Run(_) => true,
                StepKind::Copy(_) => false,
                StepKind::Other(_) => continue,
            };
            let this = if takes_change(effect, place, &found.kind) {
                standing = Standing::Changed;
                Expected::MustRun
            } else {
                if from_changed {
                    standing = standing.max(Standing::Open);
                }
                match (standing, is_run) {
                    (Standing::Changed, true) => Expected::MustRun,
                    (Standing::Changed, false) | (Standing::Open, _) => Expected::Either,
                    (Standing::Clean, _) => Expected::MustBeCached,
                }
            };
            expected.push((
                place,
                match (effect, is_run) {
                    (Effect::Everything, true) => Expected::MustRun,
                    // A copied file may be in the layer cache from whoever copied the same onto the same image.
                    (Effect::Everything, false) => Expected::Either,
                    _ => this,
                },
            ));
        }
        standings[stage] = standing;
    }
    Ok(expected)
}

fn takes_change(effect: &Effect, place: StepRef, kind: &StepKind) -> bool {
    match (effect, kind) {
        (Effect::Step(step), _) => *step == place,
        (Effect::File(path), kind) => reads(kind, path),
        (Effect::Nothing | Effect::Everything, _) => false,
    }
}

/// Whether a step takes this file from the build context.
#[must_use]
pub fn reads(kind: &StepKind, path: &str) -> bool {
    let sources = match kind {
        StepKind::Copy(copy) if copy.from.is_none() => &copy.sources,
        StepKind::Run(run) => &run.reads,
        StepKind::Copy(_) | StepKind::Other(_) => return false,
    };
    sources.iter().any(|source| source_takes(source, path))
}

#[cfg(test)]
mod tests {
    use super::Expected::{Either, MustBeCached, MustRun};
    use super::*;
    use crate::fixture::{copy, copy_from, install, outline, reading, run, stage};

    fn expected(outline: &Outline, effect: &Effect) -> Vec<Expected> {
        let all = expect(outline, None, effect).unwrap();
        all.into_iter().map(|(_, expected)| expected).collect()
    }

    /// The usual service: system packages, lock file, dependencies, code.
    fn service() -> Outline {
        outline(vec![stage(
            None,
            Base::Image("python".into()),
            vec![
                install("apt-get install git", true),
                copy_from("astral/uv", "/uv"),
                copy(&["pyproject.toml", "uv.lock"]),
                install("uv sync", false),
                copy(&["."]),
                run("echo done"),
            ],
        )])
    }

    #[test]
    fn one_stage() {
        let service = service();
        let cases = [
            (Effect::Everything, [MustRun, Either, Either, MustRun, Either, MustRun]),
            (Effect::Nothing, [MustBeCached; 6]),
            (
                Effect::File("uv.lock".into()),
                [MustBeCached, MustBeCached, MustRun, MustRun, MustRun, MustRun],
            ),
            (
                Effect::File("app/main.py".into()),
                [MustBeCached, MustBeCached, MustBeCached, MustBeCached, MustRun, MustRun],
            ),
            (
                Effect::Step(StepRef { stage: 0, step: 0 }),
                [MustRun, Either, Either, MustRun, Either, MustRun],
            ),
        ];
        for (effect, steps) in cases {
            assert_eq!(expected(&service, &effect), steps, "{effect:?}");
        }
    }

    #[test]
    fn a_bind_mount_reads() {
        let outline = outline(vec![stage(
            None,
            Base::Image("python".into()),
            vec![
                run("before"),
                reading(
                    install("--mount=type=bind,source=uv.lock,target=uv.lock uv sync", false),
                    &["uv.lock"],
                ),
                run("after"),
            ],
        )]);
        assert_eq!(
            expected(&outline, &Effect::File("uv.lock".into())),
            [MustBeCached, MustRun, MustRun]
        );
        assert_eq!(expected(&outline, &Effect::File("other".into())), [MustBeCached; 3]);
    }

    #[test]
    fn stages_that_grow_from_and_copy_from_a_changed_one() {
        let outline = outline(vec![
            stage(
                Some("base"),
                Base::Image("node".into()),
                vec![copy(&["package*.json"]), install("npm ci", false), copy(&["a.txt"])],
            ),
            stage(Some("unused"), Base::Image("node".into()), vec![copy(&["."]), run("x")]),
            stage(Some("build"), Base::Stage(0), vec![run("build"), copy(&["b.txt"])]),
            stage(
                None,
                Base::Image("node".into()),
                vec![run("first"), copy_from("build", "/dist"), run("last")],
            ),
        ]);
        assert_eq!(
            expected(&outline, &Effect::File("package-lock.json".into())),
            [
                MustRun,
                MustRun,
                Either, // base
                MustRun,
                Either, // build
                MustBeCached,
                Either,
                Either
            ]
        );
        assert_eq!(
            expected(&outline, &Effect::File("b.txt".into())),
            [
                MustBeCached,
                MustBeCached,
                MustBeCached,
                MustBeCached,
                MustRun,
                MustBeCached,
                Either,
                Either
            ]
        );
    }
}
