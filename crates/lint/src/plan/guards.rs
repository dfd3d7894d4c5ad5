//! What stands in the way of a mount.

use super::locate::{is_standing, refers};
use super::paths::{Relation, relation};
use super::uses::{find_uses, is_use};
use crate::knowledge::{CacheDir, Tool};
use crate::model::{Fact, Model, Run, Script, StageStep, variable_pattern};

/// Why a tool's directory was not mounted. The texts complete "left alone: …".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// A variable or option moves the cache to where cannot be known.
    MovedUnknown(String),
    /// It is moved to a path that is not absolute.
    MovedTo {
        /// What moves it.
        by: String,
        /// Where to.
        value: String,
    },
    /// The user's home directory is not known.
    UnknownHome(Option<String>),
    /// The user's id is not known.
    UnknownUser(Option<String>),
    /// The base image is known only when it is built.
    UnknownBase(String),
    /// A later step needs what the directory holds.
    NeededLater {
        /// 1-based line.
        line: usize,
        /// What needs it.
        what: String,
    },
    /// The same step reads the directory.
    ReadHere(String),
    /// Its content is copied out.
    CopiedOut {
        /// 1-based line.
        line: usize,
    },
    /// Files were copied into it.
    CopiedIn {
        /// 1-based line.
        line: usize,
    },
    /// A clean-up would fail or hits more than the mount.
    WipedWithMore {
        /// The path.
        path: String,
        /// 1-based line.
        line: usize,
    },
    /// A clean-up cannot be taken out safely.
    CannotRemove {
        /// The command.
        command: String,
        /// 1-based line.
        line: usize,
    },
    /// A switch cannot be taken out safely.
    CannotSwitchOn(String),
    /// A mount here would hide what the image needs.
    Covers(String),
    /// A setting under which a mount breaks the image.
    Refused(String),
    /// Another command configures the cache.
    Configured {
        /// 1-based line.
        line: usize,
    },
    /// A parent directory would belong to root while the step runs.
    RootOwnedParent {
        /// The parent.
        parent: String,
        /// The command that may write to it.
        command: String,
    },
    /// The tool works for root only.
    NeedsRoot(String),
    /// The frontend named by `# syntax` has no mounts.
    OldSyntax(String),
    /// A step reads from the cache alone, so what is in the image counts.
    Offline {
        /// 1-based line.
        line: usize,
    },
    /// A file of the base image empties the cache, and there is no way to name a replacement.
    CannotHide(String),
}

impl Obstacle {
    /// The reason, as a clause.
    #[must_use]
    pub fn reason(&self) -> String {
        match self {
            Self::MovedUnknown(what) => {
                format!("`{what}` moves its cache to a place that is known only during the build")
            }
            Self::MovedTo { by, value } => {
                format!("`{by}` moves its cache to `{value}`, which is not an absolute path")
            }
            Self::UnknownHome(Some(user)) => format!("the home directory of user `{user}` is not known"),
            Self::UnknownHome(None) => "the home directory of its user is not known".to_owned(),
            Self::UnknownUser(Some(user)) => format!(
                "the uid of user `{user}` is not known, and a mount that belongs to another user fails or stays empty"
            ),
            Self::UnknownUser(None) => {
                "the user of this step is not known, and a mount that belongs to another user fails or stays empty"
                    .to_owned()
            }
            Self::UnknownBase(base) => format!("the base image `{base}` is known only during the build"),
            Self::NeededLater { line, what } => {
                format!("{what} on line {line} may need what this step leaves in the directory")
            }
            Self::ReadHere(word) => format!("the step itself refers to the cache (`{word}`)"),
            Self::CopiedOut { line } => format!("line {line} copies the cache out of this stage"),
            Self::CopiedIn { line } => format!("line {line} puts files there, which a mount would hide"),
            Self::WipedWithMore { path, line } => {
                format!("`{path}` on line {line} removes more than the cache; with a mount below it, it would fail")
            }
            Self::CannotRemove { command, line } => {
                format!(
                    "`{command}` on line {line} empties the cache and cannot be taken out without changing what the step does"
                )
            }
            Self::CannotSwitchOn(what) => {
                format!("`{what}` switches its cache off in a way that cannot be undone for this step alone")
            }
            Self::Covers(path) => format!("a mount there would hide `{path}`, which the image needs"),
            Self::Refused(setting) => format!("with `{setting}` the image would point into the mount"),
            Self::Configured { line } => format!("line {line} configures its cache"),
            Self::RootOwnedParent { parent, command } => {
                format!(
                    "while the step runs, the mount's parent `{parent}` would belong to root, and `{command}` may want to write there"
                )
            }
            Self::NeedsRoot(user) => format!("it works for root only, and the step runs as `{user}`"),
            Self::Offline { line } => format!("line {line} works offline, from what the image has in the cache"),
            Self::CannotHide(file) => format!(
                "the base image's `{file}` empties the cache; the image is written with a variable, and stages are referred to by number, so no stage can be added to hide it"
            ),
            Self::OldSyntax(syntax) => format!("`# syntax={syntax}` is too old for cache mounts"),
        }
    }

    /// What the author can do.
    #[must_use]
    pub fn help(&self, tool: &Tool) -> Option<String> {
        match self {
            Self::MovedUnknown(_) | Self::MovedTo { .. } | Self::Configured { .. } => tool
                .pin
                .as_ref()
                .map(|pin| format!("set `{pin}` to an absolute path in an `ENV` before this step")),
            Self::UnknownUser(Some(name)) if name.parse::<u32>().is_err() => Some(format!(
                "give the user a fixed id where it is made, for instance `useradd --uid 1000 {name}`"
            )),
            Self::UnknownUser(_) => Some("name the user with an explicit `USER` before this step".to_owned()),
            Self::UnknownHome(_) => tool
                .pin
                .as_ref()
                .map(|pin| format!("set `HOME` or `{pin}` in an `ENV` before this step")),
            Self::UnknownBase(_) => Some("give the argument a default value".to_owned()),
            Self::WipedWithMore { path, .. } => Some(format!("remove from `{path}` only what is not a package cache")),
            Self::CannotRemove { .. } => Some("put the clean-up at the end of the step, joined with `&&`".to_owned()),
            Self::RootOwnedParent { parent, .. } => Some(format!("create `{parent}` as the user in an earlier step")),
            Self::CannotHide(_) => Some("refer to stages by name in `--from`".to_owned()),
            Self::OldSyntax(_) => Some("use `# syntax=docker/dockerfile:1`, or no `# syntax` line at all".to_owned()),
            _ => None,
        }
    }
}

/// Whether a directory of the tool may be mounted in this step, as far as the rest of the file goes.
pub fn check_surroundings(model: &Model<'_>, stage: usize, run: &Run, place: &str) -> Result<(), Obstacle> {
    copied_in(model, stage, run, place)?;
    copied_out(model, stage, run, place)?;
    read_later(model, stage, run, place)
}

/// `COPY … DIR` in this stage or those before it.
fn copied_in(model: &Model<'_>, stage: usize, run: &Run, place: &str) -> Result<(), Obstacle> {
    for ancestor in model.ancestry(stage) {
        for step in &model.stages[ancestor].steps {
            match step {
                StageStep::Run(other) if other.instruction == run.instruction => break,
                StageStep::Copy(copy) => {
                    let within = copy
                        .destination
                        .as_deref()
                        .is_some_and(|destination| relation(destination, place) == Relation::Within);
                    if within {
                        return Err(Obstacle::CopiedIn {
                            line: model.line_of(copy.instruction),
                        });
                    }
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// `COPY --from=STAGE DIR` anywhere.
fn copied_out(model: &Model<'_>, stage: usize, run: &Run, place: &str) -> Result<(), Obstacle> {
    let family = model.descendants(stage);
    let in_family = |from: &str| {
        let lower = from.to_lowercase();
        family.iter().any(|member| {
            let name = model.stages[*member].name.as_deref();
            name == Some(&lower)
                || from.parse() == Ok(*member)
                || (from.contains('$') && name.is_some_and(|name| variable_pattern(from).matches(name)))
        })
    };
    // The directory, something in it, or a directory that would not be there without it.
    let copies = |source: &str| {
        let known = source.split('$').next().unwrap_or_default();
        if known.len() < source.len() {
            return known.len() > 1 && (place.starts_with(known) || relation(known, place) == Relation::Within);
        }
        let absolute = format!("/{}", source.trim_start_matches('/'));
        match relation(&absolute, place) {
            Relation::Within => true,
            Relation::Above => !is_standing(run, &absolute),
            Relation::Apart => false,
        }
    };
    for other in &model.stages {
        for step in &other.steps {
            let (instruction, copied) = match step {
                StageStep::Copy(copy) => (
                    copy.instruction,
                    copy.from.as_deref().is_some_and(in_family) && copy.sources.iter().any(|source| copies(source)),
                ),
                StageStep::Run(run) => (
                    run.instruction,
                    run.mounts.iter().any(|mount| {
                        mount.kind == "bind"
                            && mount.from.as_deref().is_some_and(in_family)
                            && mount.source.as_deref().is_some_and(copies)
                    }),
                ),
                StageStep::Other(_) => continue,
            };
            if copied {
                return Err(Obstacle::CopiedOut {
                    line: model.line_of(instruction),
                });
            }
        }
    }
    Ok(())
}

/// A later step of this stage, or of one built on it, refers to the directory.
fn read_later(model: &Model<'_>, stage: usize, run: &Run, place: &str) -> Result<(), Obstacle> {
    for (_, later) in later_runs(model, stage, run) {
        if later.mounts.iter().any(|mount| {
            mount
                .target
                .as_deref()
                .is_some_and(|target| relation(target, place) == Relation::Within)
        }) {
            continue;
        }
        for fact in later.script.facts() {
            // `rm -f` bears that there is nothing; without `-f`, and for `find`, the directory must be there.
            let forced = fact.name().as_deref() == Some("rm")
                && fact.words.iter().any(|word| {
                    word.literal.starts_with('-') && !word.literal.starts_with("--") && word.literal.contains('f')
                        || word.literal == "--force"
                });
            if forced {
                continue;
            }
            if let Some(word) = fact.words.iter().skip(1).find(|word| refers(later, fact, word, place)) {
                return Err(Obstacle::NeededLater {
                    line: model.line_of(later.instruction),
                    what: format!("`{}`", word.literal.replace('\u{0}', "…")),
                });
            }
        }
    }
    Ok(())
}

/// A step before or after this one that works offline counts on what the image has.
pub fn check_offline(model: &Model<'_>, stage: usize, tool: &Tool) -> Result<(), Obstacle> {
    if tool.offline_flags.is_empty() && tool.offline_env.is_empty() {
        return Ok(());
    }
    let family: Vec<usize> = model.ancestry(stage).chain(model.descendants(stage)).collect();
    for (member, other) in model.runs() {
        if !family.contains(&member) {
            continue;
        }
        for usage in find_uses(other, tool) {
            let fact = &other.script.facts()[usage.fact];
            let by_flag = fact.words.iter().any(|word| tool.offline_flags.contains(&word.literal));
            let by_env = tool.offline_env.iter().any(|name| {
                use cachemount_syntax::expand::Variable;
                match super::places::variable(other, tool, fact, name) {
                    Variable::Value(value) => !matches!(value.as_str(), "" | "0" | "false"),
                    Variable::Unknown => true,
                    Variable::Unset => false,
                }
            });
            if by_flag || by_env {
                return Err(Obstacle::Offline {
                    line: model.line_of(other.instruction),
                });
            }
        }
    }
    Ok(())
}

/// The steps that run after this one on top of what it leaves.
pub fn later_runs<'m>(model: &'m Model<'_>, stage: usize, run: &Run) -> Vec<(usize, &'m Run)> {
    model
        .descendants(stage)
        .into_iter()
        .flat_map(|member| model.stages[member].runs().map(move |later| (member, later)))
        .filter(|(_, later)| later.instruction > run.instruction)
        .collect()
}

/// Whether the step itself refers to the directory other than to clean it.
pub fn check_step(run: &Run, tool: &Tool, cache: &CacheDir, place: &str) -> Result<(), Obstacle> {
    for fact in run.script.facts() {
        let own = tool
            .commands
            .iter()
            .any(|command| command.matches(&fact.values(), true));
        if is_removal(fact) || (own && !cache.flags.is_empty()) {
            continue;
        }
        // `mkdir` of the place prepares it, and works on a mount; the others only say or set its name.
        if matches!(
            fact.name().as_deref(),
            Some("mkdir" | "echo" | "printf" | "export" | "declare" | "readonly")
        ) {
            continue;
        }
        if let Some(word) = fact.words.iter().skip(1).find(|word| refers(run, fact, word, place)) {
            return Err(Obstacle::ReadHere(word.literal.replace('\u{0}', "…")));
        }
    }
    Ok(())
}

/// Whether a later step relies on an index that this step leaves in the image.
pub fn check_index(model: &Model<'_>, stage: usize, run: &Run, tool: &Tool, cache: &CacheDir) -> Result<(), Obstacle> {
    for (_, later) in later_runs(model, stage, run) {
        let line = model.line_of(later.instruction);
        let mut fetched = false;
        let needs = later.script.facts().iter().find_map(|fact| {
            fetched |= !fact.maybe && is_use(tool, fact, &cache.fetched_by);
            if fetched {
                return None;
            }
            let Some(name) = fact.name() else {
                return Some(format!("`{}`", fact.words.first().map_or("", |word| &word.raw)));
            };
            if is_use(tool, fact, &cache.needed_by) || cache.needed_by_commands.contains(&name) || name == "eval" {
                return Some(format!("`{name}`"));
            }
            runs_a_script(fact).then(|| format!("the script `{}`", fact.words[0].literal.replace('\u{0}', "…")))
        });
        let what =
            needs.or_else(|| (!fetched && speaks_of(model, later, tool)).then(|| "a text that names it".to_owned()));
        if let Some(what) = what {
            return Err(Obstacle::NeededLater { line, what });
        }
        if matches!(later.script, Script::Unknown(_)) {
            return Err(Obstacle::NeededLater {
                line,
                what: "a script that cannot be read".to_owned(),
            });
        }
    }
    // `ONBUILD` runs in images that are built on this one.
    for member in model.descendants(stage) {
        for index in model.stage_instructions(member) {
            let instruction = model.instructions[index];
            let onbuild = instruction.statement.keyword == cachemount_syntax::Keyword::Onbuild;
            if onbuild && names_command(instruction.text.bytes(), tool) {
                return Err(Obstacle::NeededLater {
                    line: model.line_of(index),
                    what: "`ONBUILD`".to_owned(),
                });
            }
        }
    }
    Ok(())
}

/// Whether a step's text names the tool although no command of the step is the tool: `eval "apt-get …"`, another
/// interpreter's script.
fn speaks_of(model: &Model<'_>, run: &Run, tool: &Tool) -> bool {
    let known = run.script.facts().iter().any(|fact| {
        tool.commands
            .iter()
            .any(|command| command.matches(&fact.values(), true))
    });
    !known
        && names_command(
            &model.instructions[run.instruction].text.bytes()
                [model.instructions[run.instruction].statement.arguments_span.start..],
            tool,
        )
}

/// Whether one of the tool's commands stands in a text as a word of its own.
fn names_command(text: &[u8], tool: &Tool) -> bool {
    let text = String::from_utf8_lossy(text);
    text.split(|char: char| !(char.is_ascii_alphanumeric() || char == '-'))
        .any(|word| {
            tool.commands
                .iter()
                .any(|command| command.len() == 1 && command.matches(&[Some(word.to_owned())], true))
        })
}

/// Whether the command runs a script whose commands cannot be seen: by path, or handed to a shell.
fn runs_a_script(fact: &Fact) -> bool {
    let command = fact.words.first().map_or("", |word| word.literal.as_str());
    let system = [
        "/bin/",
        "/sbin/",
        "/usr/bin/",
        "/usr/sbin/",
        "/usr/local/bin/",
        "/usr/local/sbin/",
    ];
    fact.opaque
        || matches!(command, "." | "source")
        || std::path::Path::new(command)
            .extension()
            .is_some_and(|extension| extension == "sh")
        || (command.contains('/') && !system.iter().any(|folder| command.starts_with(folder)))
}

/// Whether the command only takes files away.
pub fn is_removal(fact: &Fact) -> bool {
    match fact.name().as_deref() {
        Some("rm" | "rmdir" | "unlink" | "shred") => true,
        Some("find") => fact
            .words
            .iter()
            .any(|word| matches!(word.value.as_deref(), Some("-delete" | "rm"))),
        _ => false,
    }
}

/// While a step runs, directories between the home and the mount that the image lacks belong to root.
pub fn check_parents(run: &Run, tool: &Tool, home: Option<&str>, place: &str, uid: u32) -> Result<(), Obstacle> {
    let Some(home) = home.filter(|_| uid != 0) else {
        return Ok(());
    };
    let Some(rest) = place
        .strip_prefix(home.trim_end_matches('/'))
        .and_then(|rest| rest.strip_prefix('/'))
    else {
        return Ok(());
    };
    let Some((parent, _)) = rest.rsplit_once('/') else {
        return Ok(());
    };
    let parent = format!("{}/{parent}", home.trim_end_matches('/'));
    let harmless = [
        "cd",
        "echo",
        "printf",
        "set",
        "test",
        "[",
        "true",
        ":",
        "export",
        "chmod",
        "chown",
        "mkdir",
        "rm",
        "rmdir",
        "cp",
        "mv",
        "ln",
        "cat",
        "sed",
        "grep",
        "ls",
        "touch",
        "apt-get",
        "apt",
        "apt-cache",
        "groupadd",
        "useradd",
        "adduser",
        "addgroup",
        "which",
        "command",
        "exit",
    ];
    for fact in run.script.facts() {
        let name = fact.name().unwrap_or_default();
        let own = tool
            .commands
            .iter()
            .any(|command| command.matches(&fact.values(), true));
        let names_parent = fact.words.iter().any(|word| super::locate::names(word, &parent));
        if (!own && !harmless.contains(&name.as_str())) || (names_parent && name != "rm") {
            return Err(Obstacle::RootOwnedParent {
                parent,
                command: if name.is_empty() { "a command".to_owned() } else { name },
            });
        }
    }
    Ok(())
}

impl Obstacle {
    /// Whether it is about this kind of companion.
    #[must_use]
    pub fn concerns(&self, kind: super::CompanionKind) -> bool {
        match self {
            Self::WipedWithMore { .. } | Self::CannotRemove { .. } => kind == super::CompanionKind::Wiped,
            Self::CannotSwitchOn(_) => kind == super::CompanionKind::SwitchedOff,
            _ => false,
        }
    }
}
