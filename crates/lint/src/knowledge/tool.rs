//! One package manager.

use serde::Deserialize;

use super::{Glob, KnowledgeError, SCHEMA, Words};

/// A package manager: what it caches, where, and what moves, switches off and wipes it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Tool {
    /// Version of the format.
    pub schema: u32,
    /// Unique id.
    pub id: String,
    /// The name as its makers write it.
    pub name: String,
    /// Grouping only.
    pub ecosystem: String,
    /// Its packages belong to the operating system, not to the project.
    #[serde(default)]
    pub system: bool,
    /// It works for the superuser only.
    #[serde(default)]
    pub root_only: bool,
    /// The commands that are this tool.
    pub commands: Vec<Words>,
    /// Sub-commands that read or fill the cache; options between are skipped.
    pub uses: Vec<Words>,
    /// Sub-commands that do not fill the cache but want what an earlier step left in it. They get the mount that an earlier
    /// step of the stage has.
    #[serde(default)]
    pub follows: Vec<Words>,
    /// Of these, those that take package names as arguments.
    #[serde(default)]
    pub adds: Vec<Words>,
    /// Options before the sub-command that take a separate value.
    #[serde(default)]
    pub value_flags: Vec<String>,
    /// The directories.
    pub cache: Vec<CacheDir>,
    /// The variable that forces the first directory's place.
    pub pin: Option<String>,
    /// Names of variables count in any case.
    #[serde(default)]
    pub ignore_case_env: bool,
    /// What switches the cache off.
    #[serde(default)]
    pub off: Off,
    /// Variables to set for a step that has the mount.
    #[serde(default)]
    pub env: Vec<SetEnv>,
    /// Settings under which a mount would break the image: no mount then.
    #[serde(default)]
    pub refuse_env: Vec<NameValue>,
    /// Options under which a mount would break the image.
    #[serde(default)]
    pub refuse_flags: Vec<Words>,
    /// Options that make it read from the cache alone.
    #[serde(default)]
    pub offline_flags: Vec<String>,
    /// Variables that do the same.
    #[serde(default)]
    pub offline_env: Vec<String>,
    /// Commands that empty the cache.
    #[serde(default)]
    pub wipe: Vec<Wipe>,
    /// Commands that change where the cache is in a way that cannot be followed.
    #[serde(default)]
    pub config: Vec<ConfigCommand>,
    /// Directories of the tool that the image needs; a mount must never cover them.
    #[serde(default)]
    pub keep: Vec<String>,
    /// Options to add so that downloads are kept.
    #[serde(default)]
    pub keep_flags: Vec<KeepFlags>,
    /// A file of the base image to hide from the step.
    pub hide: Option<Hide>,
    /// What else one should know.
    #[serde(default)]
    pub note: String,
    /// verified (run) | documented (source read) | believed.
    pub evidence: String,
    /// Where the facts come from.
    #[serde(default)]
    pub source: String,
}

/// A directory that a tool caches in.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct CacheDir {
    /// Tells it apart from the tool's other directories in the mount id; empty for the main one.
    #[serde(default)]
    pub part: String,
    /// Ordered candidates, the first usable one wins: `$VAR/x` needs the variable, `~/x` is below `$HOME`.
    pub path: Vec<String>,
    /// Options whose value is this directory; they win over `path`.
    #[serde(default)]
    pub flags: Vec<String>,
    /// What it holds.
    pub holds: Vec<Holds>,
    /// How far one mount id may be shared.
    pub scope: Scope,
    /// The sharing mode it needs.
    pub sharing: Sharing,
    /// Whether the image or later steps need it.
    pub needed: Need,
    /// Why this sharing mode and scope.
    pub why: String,
    /// Sub-commands that fill it; without one of them in the step, the directory of the image is used as it is.
    #[serde(default)]
    pub fetched_by: Vec<Words>,
    /// Sub-commands that need it filled.
    #[serde(default)]
    pub needed_by: Vec<Words>,
    /// Other commands that read it.
    #[serde(default)]
    pub needed_by_commands: Vec<String>,
}

/// What a directory holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Holds {
    /// Packages as downloaded.
    Download,
    /// Lists of packages.
    Index,
    /// Compiled output.
    Build,
    /// Unpacked packages that are used in place.
    Install,
}

/// How far one mount id may be shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// By everyone.
    Any,
    /// By builds for one processor architecture.
    Arch,
    /// By builds on one release of a distribution.
    Distro,
    /// By one project.
    Project,
}

/// `BuildKit`'s sharing modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sharing {
    /// Any number of steps at once.
    Shared,
    /// One step at a time; others wait.
    Locked,
    /// Another copy for each step at the same time.
    Private,
}

impl Sharing {
    /// As written in a Dockerfile.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shared => "shared",
            Self::Locked => "locked",
            Self::Private => "private",
        }
    }
}

/// Who needs the directory after the step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Need {
    /// Nobody.
    No,
    /// Every later step of the tool.
    Build,
    /// The image when it runs.
    Run,
}

/// What switches a cache off.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Off {
    /// Options.
    #[serde(default)]
    pub flags: Vec<String>,
    /// Variables.
    #[serde(default)]
    pub env: Vec<OffEnv>,
}

/// A variable that switches a cache off.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OffEnv {
    /// Its name.
    pub name: String,
    /// Values that leave the cache on.
    pub on: Vec<String>,
    /// The value that leaves the cache on when set for one command.
    pub neutral: String,
}

/// A variable to set.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SetEnv {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Options that say the same.
    #[serde(default)]
    pub flags: Vec<String>,
    /// What for.
    pub why: String,
}

/// A variable with a value.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameValue {
    /// Its name.
    pub name: String,
    /// The value.
    pub value: String,
}

/// A command that empties a cache.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wipe {
    /// Its words.
    pub command: Words,
    /// The directories that it empties, as in `path`; all of them if none is named.
    #[serde(default)]
    pub empties: Vec<String>,
}

/// A command that configures a tool.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigCommand {
    /// Its words.
    pub command: Words,
}

/// Options to add to one of a tool's commands.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeepFlags {
    /// The command.
    pub command: Glob,
    /// The options.
    pub add: String,
    /// The sub-commands that need them.
    pub uses: Vec<Words>,
    /// A text whose presence in the step says that the options are there.
    pub present: String,
}

/// A file of the base image that defeats the cache.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Hide {
    /// The file.
    pub file: String,
    /// A harmless file that is there wherever the tool is.
    pub behind: String,
    /// The fact about an image that says whether it has the file.
    pub image_fact: String,
    /// What it does.
    pub why: String,
}

impl Tool {
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, KnowledgeError> {
        let fail = |message: String| KnowledgeError {
            file: file.to_owned(),
            message,
        };
        check_schema(text).map_err(&fail)?;
        toml::from_str(text).map_err(|error| fail(error.to_string()))
    }

    /// Whether a variable's name is this one.
    #[must_use]
    pub fn is_env(&self, known: &str, name: &str) -> bool {
        if self.ignore_case_env {
            known.eq_ignore_ascii_case(name)
        } else {
            known == name
        }
    }
}

/// Refuses a file of a newer format before its unknown fields are complained about.
pub(super) fn check_schema(text: &str) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Header {
        schema: u32,
    }
    match toml::from_str::<Header>(text) {
        Ok(Header { schema }) if schema > SCHEMA => Err(format!(
            "it is written for schema {schema}, and this version of cachemount reads schema {SCHEMA}"
        )),
        // Anything else is reported with the full structure in view.
        _ => Ok(()),
    }
}
