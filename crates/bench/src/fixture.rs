//! Outlines for tests, without a parser.

use cachemount_lint::outline::{Base, CacheMount, CopyStep, Install, Outline, RunStep, StageOutline, Step, StepKind};

pub(crate) fn outline(stages: Vec<StageOutline>) -> Outline {
    Outline {
        stages,
        global_args: Vec::new(),
    }
}

pub(crate) fn stage(name: Option<&str>, base: Base, steps: Vec<Step>) -> StageOutline {
    StageOutline {
        name: name.map(str::to_owned),
        base,
        body_start: 0,
        steps,
    }
}

fn step(kind: StepKind) -> Step {
    Step {
        span: 0..0,
        line: 1,
        kind,
    }
}

pub(crate) fn run(text: &str) -> Step {
    step(StepKind::Run(RunStep {
        text: text.to_owned(),
        ..RunStep::default()
    }))
}

/// A `RUN` with an install of the project's packages, or of system packages.
pub(crate) fn install(text: &str, system: bool) -> Step {
    step(StepKind::Run(RunStep {
        text: text.to_owned(),
        installs: vec![Install {
            tool: if system { "apt" } else { "uv" }.to_owned(),
            system,
            packages_end: None,
            packages: Vec::new(),
        }],
        ..RunStep::default()
    }))
}

pub(crate) fn reading(mut step: Step, paths: &[&str]) -> Step {
    if let StepKind::Run(run) = &mut step.kind {
        run.reads = paths.iter().map(|path| (*path).to_owned()).collect();
    }
    step
}

pub(crate) fn mounted(mut step: Step, mount: CacheMount) -> Step {
    if let StepKind::Run(run) = &mut step.kind {
        run.mounts.push(mount);
    }
    step
}

pub(crate) fn mount(id: &str, target: &str) -> CacheMount {
    CacheMount {
        id: id.to_owned(),
        target: target.to_owned(),
        sharing: "shared".to_owned(),
        uid: None,
        gid: None,
        mode: None,
        from: None,
        tool: None,
    }
}

pub(crate) fn copy(sources: &[&str]) -> Step {
    step(StepKind::Copy(CopyStep {
        sources: sources.iter().map(|path| (*path).to_owned()).collect(),
        from: None,
    }))
}

pub(crate) fn copy_from(from: &str, source: &str) -> Step {
    step(StepKind::Copy(CopyStep {
        sources: vec![source.to_owned()],
        from: Some(from.to_owned()),
    }))
}

/// A file of one stage, `FROM image` and one instruction a line, with offsets as a parser would give them.
///
/// An install is written as `RUN apt-get install PACKAGES` or `RUN uv …`.
pub(crate) fn parse(text: &str) -> Outline {
    let mut stages: Vec<StageOutline> = Vec::new();
    let mut at = 0;
    for (number, full) in text.split_inclusive('\n').enumerate() {
        let line = full.trim_end_matches(['\n', '\r']);
        let span = at..at + line.len();
        at += full.len();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let words = || rest.split(' ').map(str::to_owned);
        let kind = match word {
            "FROM" => {
                let mut parts = rest.split(" AS ");
                let base = parts.next().unwrap_or_default();
                let parent = stages.iter().position(|stage| stage.name.as_deref() == Some(base));
                stages.push(StageOutline {
                    name: parts.next().map(str::to_owned),
                    base: match parent {
                        Some(index) => Base::Stage(index),
                        None if base == "scratch" => Base::Scratch,
                        None => Base::Image(base.to_owned()),
                    },
                    body_start: at,
                    steps: Vec::new(),
                });
                continue;
            }
            "RUN" => {
                let mounts = words()
                    .filter_map(|word| {
                        let options = word.strip_prefix("--mount=type=cache,id=")?.to_owned();
                        let (id, target) = options.split_once(",target=")?;
                        Some(mount(id, target))
                    })
                    .collect();
                let system = rest.contains("apt-get install");
                let installs = if system || rest.contains("uv ") {
                    vec![Install {
                        tool: if system { "apt" } else { "uv" }.to_owned(),
                        system,
                        packages_end: system.then_some(span.end),
                        packages: rest
                            .split("install ")
                            .nth(1)
                            .map(|list| list.split(' ').map(str::to_owned).collect())
                            .unwrap_or_default(),
                    }]
                } else {
                    Vec::new()
                };
                StepKind::Run(RunStep {
                    text: rest.to_owned(),
                    installs,
                    mounts,
                    reads: Vec::new(),
                })
            }
            "COPY" => {
                let from = words().find_map(|word| word.strip_prefix("--from=").map(str::to_owned));
                let mut sources: Vec<String> = words().filter(|word| !word.starts_with("--")).collect();
                sources.pop();
                StepKind::Copy(CopyStep { sources, from })
            }
            other => StepKind::Other(other.to_owned()),
        };
        if let Some(stage) = stages.last_mut() {
            stage.steps.push(Step {
                span,
                line: number + 1,
                kind,
            });
        }
    }
    outline(stages)
}
