//! What a benchmark needs to know of a Dockerfile: its stages and steps, what each step installs, which files it
//! reads, and which cache mounts it has.
//!
//! The benchmark changes inputs and then predicts which steps must run again; both need facts that only the model
//! knows. They are handed over in this plain form, so that the benchmark depends neither on syntax nor on rules.

use std::ops::Range;

use cachemount_syntax::Dockerfile;
use serde::Serialize;

use crate::knowledge::Knowledge;
use crate::model::{self, Model, StageStep, effective_id};
use crate::plan::{Relation, Step as PlanStep, find_uses, is_use, relation};

/// A Dockerfile, seen as a list of build steps.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Outline {
    /// The stages in file order.
    pub stages: Vec<StageOutline>,
    /// Names of the global arguments (before the first `FROM`) with their defaults.
    pub global_args: Vec<(String, Option<String>)>,
}

/// One stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StageOutline {
    /// The name given by `AS`, in lower case as `BuildKit` compares it.
    pub name: Option<String>,
    /// What the stage starts from.
    pub base: Base,
    /// Byte offset just behind the `FROM` instruction and its line end: where a line may be inserted.
    pub body_start: usize,
    /// The steps in file order; `FROM` is not one of them.
    pub steps: Vec<Step>,
}

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// An earlier stage, by its index.
    Stage(usize),
    /// An image reference, with arguments replaced by their defaults.
    Image(String),
    /// The empty image.
    Scratch,
    /// A reference that cannot be known without the build's arguments, as written.
    Unknown(String),
}

/// One instruction of a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Bytes of the instruction in the file, without its final line end.
    pub span: Range<usize>,
    /// 1-based line of its first byte.
    pub line: usize,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// `RUN`.
    Run(RunStep),
    /// `COPY` or `ADD`.
    Copy(CopyStep),
    /// Anything else: the keyword in upper case.
    Other(String),
}

/// A `RUN` step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RunStep {
    /// The command as `BuildKit` names it in its progress events: flags included, continuations joined, without `RUN `.
    pub text: String,
    /// The package managers that it calls to fetch something.
    pub installs: Vec<Install>,
    /// Its cache mounts.
    pub mounts: Vec<CacheMount>,
    /// Paths of the build context that it reads through bind mounts (`.` for all of it), relative, without `./`.
    pub reads: Vec<String>,
}

/// A `COPY` or `ADD` step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct CopyStep {
    /// Source patterns, relative to the build context, without `./` or a leading `/`; `.` for all of it.
    pub sources: Vec<String>,
    /// The stage, image or named context of `--from`, as written.
    pub from: Option<String>,
}

/// A call of a package manager that fetches packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Install {
    /// Knowledge id: `apt`, `uv`, `pip`, `npm`, …
    pub tool: String,
    /// Whether the packages belong to the operating system (`apt`) rather than to the project.
    pub system: bool,
    /// Where another package may be named: the byte offset just behind the last literal package word. `None` where the
    /// packages come from a file, a variable or a loop.
    pub packages_end: Option<usize>,
    /// The literal package words.
    pub packages: Vec<String>,
}

/// A cache mount with everything that makes up its identity.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct CacheMount {
    /// The id, given or derived from the target as `BuildKit` derives it.
    pub id: String,
    /// The mount point inside the step, absolute.
    pub target: String,
    /// `shared`, `locked` or `private`.
    pub sharing: String,
    /// The owner, where given. With `uid`, `gid` or `mode` the same id is another cache.
    pub uid: Option<u32>,
    /// The group, where given.
    pub gid: Option<u32>,
    /// The mode, where given, as written (octal).
    pub mode: Option<String>,
    /// The seed (`from=`), as written.
    pub from: Option<String>,
    /// The package manager known to use this directory.
    pub tool: Option<String>,
}

/// Reads the outline of a file.
#[must_use]
pub fn outline(source: &[u8], knowledge: &Knowledge) -> Outline {
    let file = Dockerfile::parse(source);
    let model = Model::new(source, &file, knowledge);
    let stages = model
        .stages
        .iter()
        .map(|stage| StageOutline {
            name: stage.name.clone(),
            base: match &stage.base {
                model::Base::Stage(parent) => Base::Stage(*parent),
                model::Base::Image { name, .. } => Base::Image(name.clone()),
                model::Base::Scratch => Base::Scratch,
                model::Base::Unknown(written) => Base::Unknown(written.clone()),
            },
            body_start: model.instructions[stage.from].full.end,
            steps: stage.steps.iter().map(|step| read_step(&model, step)).collect(),
        })
        .collect();
    Outline {
        stages,
        global_args: model.global_args.clone(),
    }
}

fn read_step(model: &Model<'_>, step: &StageStep) -> Step {
    let (index, kind) = match step {
        StageStep::Run(run) => (run.instruction, StepKind::Run(read_run(model, run))),
        StageStep::Copy(copy) => (
            copy.instruction,
            StepKind::Copy(CopyStep {
                sources: copy.sources.iter().map(|source| context_path(source)).collect(),
                from: copy.from.clone(),
            }),
        ),
        StageStep::Other(index) => (
            *index,
            StepKind::Other(model.instructions[*index].statement.keyword.as_str().to_owned()),
        ),
    };
    Step {
        span: model.instructions[index].span.range(),
        line: model.line_of(index),
        kind,
    }
}

fn read_run(model: &Model<'_>, run: &model::Run) -> RunStep {
    let instruction = model.instructions[run.instruction];
    let installs = model
        .knowledge
        .tools
        .iter()
        .flat_map(|tool| find_uses(run, tool).into_iter().map(move |usage| (tool, usage)))
        .map(|(tool, usage)| {
            let fact = &run.script.facts()[usage.fact];
            let adds = is_use(tool, fact, &tool.adds);
            let names: Vec<_> = if adds {
                usage.plain_words.iter().skip(1).collect()
            } else {
                Vec::new()
            };
            let literal = !names.is_empty()
                && !fact.more_arguments
                && !fact.in_loop
                && !fact.exec
                && names.iter().all(|index| fact.words[**index].is_static);
            let last = fact.words.last().map(|word| instruction.source(word.span).end);
            Install {
                tool: tool.id.clone(),
                system: tool.system,
                packages_end: last.filter(|_| literal),
                packages: names
                    .iter()
                    .filter_map(|index| fact.words[**index].value.clone())
                    .collect(),
            }
        })
        .collect();
    let plans = PlanStep::all(model);
    let tool_of = |target: &str| {
        plans
            .iter()
            .filter(|step| step.run.instruction == run.instruction)
            .flat_map(|step| &step.tools)
            .find(|plan| {
                plan.dirs.iter().any(|dir| {
                    // A mount further up covers more than the cache.
                    dir.place
                        .as_ref()
                        .is_some_and(|place| relation(target, &place.path) == Relation::Within)
                })
            })
            .map(|plan| plan.tool.id.clone())
    };
    RunStep {
        text: instruction.arguments_with_flags(),
        installs,
        mounts: run
            .mounts
            .iter()
            .filter(|mount| mount.kind == "cache")
            .filter_map(|mount| {
                let target = mount.target.clone()?;
                Some(CacheMount {
                    id: run
                        .state
                        .expand(&effective_id(mount), model.file.escape)
                        .unwrap_or_else(|| effective_id(mount)),
                    tool: tool_of(&target),
                    target,
                    sharing: mount.sharing.clone().unwrap_or_else(|| "shared".to_owned()),
                    uid: mount.uid,
                    gid: mount.gid,
                    mode: mount.mode.clone(),
                    from: mount.from.clone(),
                })
            })
            .collect(),
        reads: run
            .mounts
            .iter()
            .filter(|mount| mount.kind == "bind" && mount.from.is_none())
            .map(|mount| context_path(mount.source.as_deref().unwrap_or(".")))
            .collect(),
    }
}

/// A path of the build context, relative, without `./`; `.` for all of it.
fn context_path(path: &str) -> String {
    let path = path.trim_start_matches('/');
    let path = path.strip_prefix("./").unwrap_or(path);
    if path.is_empty() {
        ".".to_owned()
    } else {
        path.to_owned()
    }
}
