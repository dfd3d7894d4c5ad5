//! The plan of a step: for each tool that it runs, what becomes of each of the tool's directories.

use super::places::{Place, place};
use super::switches::{self, Companion, From, Hidden};
use super::uses::{Use, find_followers, find_uses};
use super::{Obstacle, Relation, guards, relation, wipes};
use crate::edit::Safety;
use crate::knowledge::{CacheDir, Holds, Knowledge, Scope, Tool};
use crate::model::{Base, Fact, Id, Model, Run, User};

/// A `RUN` step with its plan.
pub struct Step<'m> {
    /// The stage, by index.
    pub stage: usize,
    /// The step.
    pub run: &'m Run,
    /// The tools that it runs.
    pub tools: Vec<ToolPlan<'m>>,
}

/// A tool in a step.
pub struct ToolPlan<'m> {
    /// The tool.
    pub tool: &'m Tool,
    /// The commands that use its cache.
    pub uses: Vec<Use>,
    /// Its directories.
    pub dirs: Vec<DirPlan<'m>>,
    /// The step fetches nothing; it wants what an earlier step left in the cache.
    pub follows: bool,
}

/// A directory of a tool in a step.
pub struct DirPlan<'m> {
    /// What is known of it.
    pub cache: &'m CacheDir,
    /// Where it is, if that is known.
    pub place: Option<Place>,
    /// What becomes of it.
    pub state: DirState,
}

/// What becomes of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirState {
    /// A mount is there: the step's mount of this index.
    Mounted(usize),
    /// A mount is missing and can be added.
    Missing(Safety),
    /// The step does not fill it, so a mount would be of no use here.
    NotFilled,
    /// A mount is missing and cannot be added.
    Blocked(Obstacle),
}

impl<'m> Step<'m> {
    /// Plans every `RUN` of a file.
    #[must_use]
    pub fn all(model: &'m Model<'m>) -> Vec<Self> {
        let knowledge: &'m Knowledge = model.knowledge;
        model
            .runs()
            .filter_map(|(stage, run)| {
                let tools: Vec<_> = knowledge
                    .tools
                    .iter()
                    .filter_map(|tool| ToolPlan::new(model, stage, run, tool))
                    .collect();
                (!tools.is_empty()).then_some(Self { stage, run, tools })
            })
            .collect()
    }
}

impl<'m> ToolPlan<'m> {
    fn new(model: &Model<'m>, stage: usize, run: &'m Run, tool: &'m Tool) -> Option<Self> {
        let mut uses = find_uses(run, tool);
        let follows = uses.is_empty();
        if follows {
            uses = find_followers(run, tool);
        }
        if uses.is_empty() || (follows && !mounted_earlier(model, stage, run, tool, &uses)) {
            return None;
        }
        let mut dirs: Vec<_> = tool
            .cache
            .iter()
            .map(|cache| match shared_place(run, tool, cache, &uses) {
                Ok(place) => DirPlan {
                    cache,
                    state: state(model, stage, run, tool, cache, &uses, &place),
                    place: Some(place),
                },
                Err(obstacle) => DirPlan {
                    cache,
                    place: None,
                    state: DirState::Blocked(obstacle),
                },
            })
            .collect();
        settle(model, stage, run, tool, &uses, &mut dirs);
        Some(Self {
            tool,
            uses,
            dirs,
            follows,
        })
    }

    /// The directories that are mounted or can be. Of a mount that lies deeper than the tool's directory, the mount.
    #[must_use]
    pub fn mounted_places(&self, run: &Run, with_missing: bool) -> Vec<String> {
        mounted_places(run, &self.dirs, with_missing)
    }

    /// The user that runs the tool; the same for all its commands, or the plan is blocked.
    #[must_use]
    pub fn user(&self) -> &User {
        &self.uses[0].user
    }

    /// What a set of mounts needs beside it in this step.
    pub fn companions(
        &self,
        model: &Model<'_>,
        stage: usize,
        run: &Run,
        places: &[String],
    ) -> Result<Vec<Companion>, Obstacle> {
        let mut companions = switches::switch_on(model, run, self.tool, &self.uses)?;
        companions.extend(wipes::take_out(model, run, self.tool, places)?);
        companions.extend(switches::set_env(model, run, self.tool, &self.uses));
        let downloads = self.dirs.iter().any(|dir| {
            dir.cache.holds.contains(&Holds::Download)
                && matches!(dir.state, DirState::Mounted(_) | DirState::Missing(_))
        });
        if downloads {
            companions.extend(switches::keep_downloads(model, stage, run, self.tool, &self.uses));
        }
        Ok(companions)
    }

    /// The file of the base image to hide from the step: only where the whole of a directory that it empties is mounted, or
    /// what it no longer deletes would end up in the image.
    #[must_use]
    pub fn hidden(&self, model: &Model<'_>, stage: usize, run: &Run) -> Option<Hidden> {
        let whole = self.dirs.iter().any(|dir| {
            dir.cache.holds.contains(&Holds::Download)
                && match (&dir.state, &dir.place) {
                    (DirState::Missing(_), _) => true,
                    (DirState::Mounted(index), Some(place)) => run.mounts[*index]
                        .target
                        .as_deref()
                        .is_some_and(|target| target == place.path || relation(target, &place.path) == Relation::Above),
                    _ => false,
                }
        });
        whole.then(|| switches::hide(model, stage, run, self.tool)).flatten()
    }
}

fn mounted_places(run: &Run, dirs: &[DirPlan<'_>], with_missing: bool) -> Vec<String> {
    dirs.iter()
        .filter_map(|dir| {
            let place = &dir.place.as_ref()?.path;
            match dir.state {
                DirState::Mounted(index) => {
                    let target = run.mounts[index].target.as_ref()?;
                    Some(if relation(target, place) == Relation::Within {
                        target.clone()
                    } else {
                        place.clone()
                    })
                }
                DirState::Missing(_) if with_missing => Some(place.clone()),
                _ => None,
            }
        })
        .collect()
}

/// Whether an earlier step of the stage has a cache mount where these commands look.
fn mounted_earlier(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool, uses: &[Use]) -> bool {
    let places: Vec<String> = tool
        .cache
        .iter()
        .filter_map(|cache| shared_place(run, tool, cache, uses).ok())
        .map(|place| place.path)
        .collect();
    model
        .ancestry(stage)
        .flat_map(|ancestor| model.stages[ancestor].runs())
        .any(|other| {
            other.instruction < run.instruction
                && other.mounts.iter().any(|mount| {
                    mount.kind == "cache" && mount.target.as_ref().is_some_and(|target| places.contains(target))
                })
        })
}

/// The one place of all commands of a step.
fn shared_place(run: &Run, tool: &Tool, cache: &CacheDir, uses: &[Use]) -> Result<Place, Obstacle> {
    let first = place(run, tool, cache, &uses[0])?;
    for usage in &uses[1..] {
        let other = place(run, tool, cache, usage)?;
        if other.path != first.path || usage.user.uid != uses[0].user.uid {
            return Err(Obstacle::MovedUnknown(format!("{} in two ways in one step", tool.name)));
        }
    }
    Ok(first)
}

fn state(
    model: &Model<'_>,
    stage: usize,
    run: &Run,
    tool: &Tool,
    cache: &CacheDir,
    uses: &[Use],
    place: &Place,
) -> DirState {
    let mounted = run.mounts.iter().position(|mount| {
        mount
            .target
            .as_deref()
            .is_some_and(|target| relation(target, &place.path) != Relation::Apart)
    });
    if let Some(index) = mounted {
        return DirState::Mounted(index);
    }
    let facts = run.script.facts();
    // What others need must certainly be there: an update that may not happen leaves an empty mount.
    let must = !cache.needed_by.is_empty();
    let filled = |fact: &&Fact| super::uses::is_use(tool, fact, &cache.fetched_by) && !(must && fact.maybe);
    if !cache.fetched_by.is_empty() && facts.iter().find(filled).is_none() {
        return DirState::NotFilled;
    }
    match obstacles(model, stage, run, tool, cache, uses, place) {
        Ok(safety) => DirState::Missing(safety),
        Err(obstacle) => DirState::Blocked(obstacle),
    }
}

fn obstacles(
    model: &Model<'_>,
    stage: usize,
    run: &Run,
    tool: &Tool,
    cache: &CacheDir,
    uses: &[Use],
    place: &Place,
) -> Result<Safety, Obstacle> {
    let user = &uses[0].user;
    let mut safety = Safety::Safe;
    let named = || {
        user.name
            .clone()
            .or_else(|| user.uid.as_ref().map(|id| id.value.to_string()))
    };
    let uid = user.uid.as_ref().ok_or_else(|| Obstacle::UnknownUser(named()))?;
    if tool.root_only && uid.value != 0 {
        return Err(Obstacle::NeedsRoot(named().unwrap_or_default()));
    }
    // A step that only root can do tells who runs it.
    if user.assumed && !tool.root_only {
        safety = Safety::Unsafe;
    }
    if let Some(syntax) = old_syntax(model) {
        return Err(Obstacle::OldSyntax(syntax.to_owned()));
    }
    match model.root_base(stage) {
        Base::Unknown(written) if cache.scope != Scope::Any => return Err(Obstacle::UnknownBase(written.clone())),
        // Whatever was unpacked into it.
        Base::Scratch => return Err(Obstacle::UnknownBase("scratch".to_owned())),
        _ => {}
    }
    if model.stages[stage].maybe_bases.len() > 1 {
        safety = Safety::Unsafe;
    }
    for usage in uses {
        let fact = &run.script.facts()[usage.fact];
        for refused in &tool.refuse_env {
            use cachemount_syntax::expand::Variable;
            if super::places::variable(run, tool, fact, &refused.name) == Variable::Value(refused.value.clone()) {
                return Err(Obstacle::Refused(format!("{}={}", refused.name, refused.value)));
            }
        }
        for refused in &tool.refuse_flags {
            let values = fact.values();
            if (0..values.len()).any(|at| refused.matches(&values[at..], false)) {
                return Err(Obstacle::Refused(refused_text(&values)));
            }
        }
    }
    for keep in &tool.keep {
        let path = match keep.strip_prefix('~') {
            Some(rest) => format!("{}{rest}", user.home.as_deref().unwrap_or("/")),
            None => keep.clone(),
        };
        if path.starts_with('/')
            && relation(&place.path, &path) != Relation::Apart
            && relation(&path, &place.path) == Relation::Within
        {
            return Err(Obstacle::Covers(path));
        }
    }
    if place.path == "/" || user.home.as_deref() == Some(place.path.as_str()) {
        return Err(Obstacle::Covers(place.path.clone()));
    }
    configured(model, stage, run, tool)?;
    guards::check_surroundings(model, stage, run, &place.path)?;
    guards::check_step(run, tool, cache, &place.path)?;
    guards::check_offline(model, stage, tool)?;
    if !cache.needed_by.is_empty() && !wipes::ends_empty(run, tool, cache, &place.path) {
        guards::check_index(model, stage, run, tool, cache)?;
    }
    guards::check_parents(run, tool, user.home.as_deref(), &place.path, uid.value)?;
    Ok(safety)
}

fn refused_text(values: &[Option<String>]) -> String {
    values
        .iter()
        .flatten()
        .skip_while(|word| !word.starts_with('-'))
        .take(2)
        .cloned()
        .collect::<Vec<_>>()
        .join(" ")
}

/// `npm config set cache …` and the like, in this step or before it.
fn configured(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool) -> Result<(), Obstacle> {
    for ancestor in model.ancestry(stage) {
        for other in model.stages[ancestor]
            .runs()
            .filter(|other| other.instruction <= run.instruction)
        {
            for fact in other.script.facts() {
                let values = fact.values();
                let named = super::uses::named_words(tool, fact);
                let sets_cache = tool
                    .config
                    .iter()
                    .any(|config| config.command.matches(&values, true) || config.command.matches(&named, true))
                    && fact.words.iter().any(|word| word.literal.contains("cache"));
                if sets_cache {
                    return Err(Obstacle::Configured {
                        line: model.line_of(other.instruction),
                    });
                }
            }
        }
    }
    Ok(())
}

/// Directories of one tool depend on each other: a clean-up that hits both needs both mounts, and what cannot be taken
/// out blocks those that it would empty.
fn settle(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool, uses: &[Use], dirs: &mut [DirPlan<'_>]) {
    let any_missing = dirs.iter().any(|dir| matches!(dir.state, DirState::Missing(_)));
    if !any_missing {
        return;
    }
    if let Err(obstacle) = switches::switch_on(model, run, tool, uses) {
        block(dirs, &obstacle);
        return;
    }
    if let Some(hidden) = switches::hide(model, stage, run, tool).filter(Hidden::needs_stage)
        && lending_stage(model, root_stage(model, stage)).is_none()
    {
        block(dirs, &Obstacle::CannotHide(hidden.target));
        return;
    }
    let places = |dirs: &[DirPlan<'_>]| mounted_places(run, dirs, true);
    if wipes::take_out(model, run, tool, &places(dirs)).is_ok() {
        return;
    }
    // Find the directories that are to blame, one by one.
    for dir in dirs.iter_mut() {
        let (DirState::Missing(_), Some(place)) = (&dir.state, &dir.place) else {
            continue;
        };
        if let Err(obstacle) = wipes::take_out(model, run, tool, std::slice::from_ref(&place.path)) {
            dir.state = DirState::Blocked(obstacle);
        }
    }
    if let Err(obstacle) = wipes::take_out(model, run, tool, &places(dirs)) {
        block(dirs, &obstacle);
    }
}

fn block(dirs: &mut [DirPlan<'_>], obstacle: &Obstacle) {
    for dir in dirs {
        if matches!(dir.state, DirState::Missing(_)) {
            dir.state = DirState::Blocked(obstacle.clone());
        }
    }
}

/// The `# syntax` line's value, if that frontend has no cache mounts.
#[must_use]
pub fn old_syntax<'m>(model: &'m Model<'_>) -> Option<&'m str> {
    let value = model.file.directive("syntax")?.value.as_str();
    let name = value.split('@').next().unwrap_or(value);
    let (repository, tag) = name.rsplit_once(':')?;
    let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
    if repository != "docker/dockerfile" {
        return None;
    }
    let version = tag.split('-').next().unwrap_or(tag);
    let mut numbers = version.split('.').map(str::parse::<u32>);
    let (Some(Ok(major)), Some(Ok(minor))) = (numbers.next(), numbers.next()) else {
        return None;
    };
    // Mounts came in the experimental channel of 1.0 and 1.1, and in the stable one with 1.2.
    (major == 0 || (major == 1 && minor < 2 && !tag.contains("experimental"))).then_some(value)
}

/// The id of a mount that is the tool's own: nobody else's Dockerfile uses it by chance.
#[must_use]
pub fn mount_id(model: &Model<'_>, stage: usize, tool: &Tool, cache: &CacheDir, user: &User) -> String {
    let mut id = tool.id.clone();
    if !cache.part.is_empty() {
        id.push('-');
        id.push_str(&cache.part);
    }
    if cache.scope != Scope::Any {
        id.push('-');
        id.push_str(&base_slug(model, stage));
    }
    if let Some(uid) = user.uid.as_ref().filter(|uid| uid.value != 0) {
        id.push_str("-uid");
        id.push_str(&uid.value.to_string());
    }
    id
}

/// Names the distribution and release if they are known, else the base image itself.
fn base_slug(model: &Model<'_>, stage: usize) -> String {
    match model.root_base(stage) {
        Base::Image { name, .. } => {
            let reference = crate::knowledge::ImageRef::parse(name);
            match reference.distro(reference.find(&model.knowledge.images)) {
                Some((distro, Some(release))) => format!("{distro}-{release}"),
                _ => reference.slug(),
            }
        }
        Base::Unknown(written) => crate::knowledge::slug(written),
        Base::Scratch | Base::Stage(_) => "scratch".to_owned(),
    }
}

/// `uid=` and `gid=` of a mount for a user; empty for root. Unsafe if an argument that is out of reach may change them.
#[must_use]
pub fn owner(run: &Run, user: &User) -> (Vec<(&'static str, String)>, Safety) {
    let mut owner = Vec::new();
    let mut safety = Safety::Safe;
    let Some(uid) = user.uid.as_ref().filter(|uid| uid.value != 0) else {
        return (owner, safety);
    };
    let mut write = |key: &'static str, id: &Id| match &id.arg {
        Some(arg) if run.state.args.contains_key(arg) => owner.push((key, format!("${{{arg}}}"))),
        Some(_) => {
            safety = Safety::Unsafe;
            owner.push((key, id.value.to_string()));
        }
        None => owner.push((key, id.value.to_string())),
    };
    write("uid", uid);
    if let Some(gid) = &user.gid {
        write("gid", gid);
    }
    (owner, safety)
}

/// A stage that only lends a file: its name, and its `FROM` line without line end if there is none yet.
#[must_use]
pub fn lending_stage(model: &Model<'_>, stage: usize) -> Option<(String, Option<String>)> {
    // Stages may be named by number, which a new one would shift.
    let numbered =
        model.instructions.iter().any(|instruction| {
            instruction.statement.flags.iter().any(|flag| {
                flag.name == "from" && flag.value.as_deref().is_some_and(|from| from.parse::<usize>().is_ok())
            })
        });
    if numbered {
        return None;
    }
    let from = model.instructions[model.stages[stage].from];
    let cachemount_syntax::Arguments::Words(words) = &from.statement.arguments else {
        return None;
    };
    let flags: Vec<String> = from
        .statement
        .flags
        .iter()
        .map(cachemount_syntax::flags::Flag::to_text)
        .collect();
    let image = words.first()?.text.clone();
    // One that lends the same file already.
    let existing = model.stages.iter().find(|other| {
        let instruction = model.instructions[other.from];
        let same_image = match &instruction.statement.arguments {
            cachemount_syntax::Arguments::Words(words) => words.first().is_some_and(|word| word.text == image),
            _ => false,
        };
        same_image
            && other.steps.is_empty()
            && other.from < model.stages[stage].from
            && instruction
                .statement
                .flags
                .iter()
                .map(cachemount_syntax::flags::Flag::to_text)
                .eq(flags.iter().cloned())
    });
    if let Some(name) = existing.and_then(|other| other.written_name.clone()) {
        return Some((name, None));
    }
    let mut name = "apt-config".to_owned();
    let taken = |name: &str| model.stages.iter().any(|stage| stage.name.as_deref() == Some(name));
    let mut number = 2;
    while taken(&name) {
        name = format!("apt-config-{number}");
        number += 1;
    }
    let flags: String = flags.iter().flat_map(|flag| [flag.as_str(), " "]).collect();
    Some((name.clone(), Some(format!("FROM {flags}{image} AS {name}"))))
}

/// The stage whose base a lending stage must repeat: the one at the root of this stage's ancestry.
#[must_use]
pub fn root_stage(model: &Model<'_>, stage: usize) -> usize {
    model.ancestry(stage).last().unwrap_or(stage)
}

impl Hidden {
    /// Whether it needs a stage of its own.
    #[must_use]
    pub fn needs_stage(&self) -> bool {
        self.from == From::NewStage
    }
}
