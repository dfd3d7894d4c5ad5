//! Stages: what each starts from and what its steps find.

use std::collections::BTreeMap;
use std::rc::Rc;

use cachemount_syntax::expand::{Variable, expand};
use cachemount_syntax::{Arguments, Instruction, Keyword, Word, split_assignment};

use super::SharedState;
use super::accounts::{AccountFact, Accounts, Id};
use super::fact::Script;
use super::mount::{MountFlag, clean};
use super::state::{State, User};
use crate::knowledge::{Glob, ImageRef, Knowledge};

/// What a stage starts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Base {
    /// An earlier stage.
    Stage(usize),
    /// An image: the reference with defaults filled in, and whether it was written without variables.
    Image {
        /// The reference.
        name: String,
        /// It is written as it is.
        literal: bool,
    },
    /// The empty image.
    Scratch,
    /// A reference that depends on an argument without a default, as written.
    Unknown(String),
}

/// A stage.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Its name in lower case.
    pub name: Option<String>,
    /// The name as written.
    pub written_name: Option<String>,
    /// What it starts from.
    pub base: Base,
    /// Earlier stages that it may start from instead, because `FROM` holds a variable.
    pub maybe_bases: Vec<usize>,
    /// Its `FROM`, as an index into the instructions.
    pub from: usize,
    /// `--platform` as written.
    pub platform: Option<String>,
    /// Its other instructions in order.
    pub steps: Vec<StageStep>,
}

/// An instruction of a stage.
#[derive(Debug, Clone)]
pub enum StageStep {
    /// `RUN`
    Run(Run),
    /// `COPY` or `ADD`
    Copy(Copy),
    /// Another instruction, by its index.
    Other(usize),
}

/// A `RUN` step.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its index in the instructions.
    pub instruction: usize,
    /// What it finds.
    pub state: SharedState,
    /// Its mounts.
    pub mounts: Vec<MountFlag>,
    /// What it runs.
    pub script: Script,
}

/// A `COPY` or `ADD` step.
#[derive(Debug, Clone)]
pub struct Copy {
    /// Its index in the instructions.
    pub instruction: usize,
    /// `--from` as written.
    pub from: Option<String>,
    /// The sources, variables expanded where they are known.
    pub sources: Vec<String>,
    /// The destination, absolute if it is known.
    pub destination: Option<String>,
}

impl Stage {
    /// Its `RUN` steps.
    pub fn runs(&self) -> impl Iterator<Item = &Run> {
        self.steps.iter().filter_map(|step| match step {
            StageStep::Run(run) => Some(run),
            _ => None,
        })
    }
}

type GlobalArgs = Vec<(String, Option<String>)>;

/// Reads the stages and the global arguments.
pub(super) fn read(instructions: &[&Instruction], escape: u8, knowledge: &Knowledge) -> (Vec<Stage>, GlobalArgs) {
    let mut reader = Reader {
        instructions,
        escape,
        knowledge,
        stages: Vec::new(),
        ends: Vec::new(),
        global_args: Vec::new(),
        state: Rc::new(empty_state()),
    };
    for index in 0..instructions.len() {
        reader.instruction(index);
    }
    (reader.stages, reader.global_args)
}

struct Reader<'a> {
    instructions: &'a [&'a Instruction],
    escape: u8,
    knowledge: &'a Knowledge,
    stages: Vec<Stage>,
    /// The state behind the last step of each finished stage.
    ends: Vec<SharedState>,
    global_args: GlobalArgs,
    state: SharedState,
}

impl Reader<'_> {
    fn instruction(&mut self, index: usize) {
        let instruction = self.instructions[index];
        let statement = &instruction.statement;
        if statement.keyword == Keyword::From {
            self.from(index);
            return;
        }
        if self.stages.is_empty() {
            if let (Keyword::Arg, Arguments::Words(words)) = (statement.keyword, &statement.arguments) {
                for word in words {
                    let arg = self.global_arg(word);
                    self.global_args.push(arg);
                }
            }
            return;
        }
        let step = match statement.keyword {
            Keyword::Run => StageStep::Run(self.run(index)),
            Keyword::Copy | Keyword::Add => StageStep::Copy(self.copy(index)),
            _ => {
                self.change_state(instruction);
                StageStep::Other(index)
            }
        };
        if let Some(stage) = self.stages.last_mut() {
            stage.steps.push(step);
        }
    }

    fn global_arg(&self, word: &Word) -> (String, Option<String>) {
        match split_assignment(&word.text) {
            Some((name, value)) => (name.to_owned(), expand(value, self.escape, &|name| self.global(name))),
            None => (word.text.clone(), None),
        }
    }

    /// A global argument; one without a default can be anything.
    fn global(&self, name: &str) -> Variable {
        match self.global_args.iter().rev().find(|(known, _)| known == name) {
            Some((_, Some(value))) => Variable::Value(value.clone()),
            // Platform arguments and the like are set by the builder.
            Some((_, None)) | None => Variable::Unknown,
        }
    }

    fn from(&mut self, index: usize) {
        if !self.stages.is_empty() {
            self.ends.push(Rc::clone(&self.state));
        }
        let instruction = self.instructions[index];
        let statement = &instruction.statement;
        let words: &[Word] = match &statement.arguments {
            Arguments::Words(words) => words,
            _ => &[],
        };
        let written = words.first().map(|word| word.text.clone()).unwrap_or_default();
        let written_name = match words {
            [_, keyword, name, ..] if keyword.text.eq_ignore_ascii_case("as") => Some(name.text.clone()),
            _ => None,
        };
        let base = self.base(&written);
        let maybe_bases = self.maybe_bases(&written);
        self.state = match &base {
            Base::Stage(parent) => {
                let mut state = Rc::clone(&self.ends[*parent]);
                // Arguments end with their stage; ENV, USER and WORKDIR go on.
                Rc::make_mut(&mut state).args.clear();
                state
            }
            Base::Scratch => Rc::new(State {
                unknown_base: false,
                ..empty_state()
            }),
            Base::Image { name, .. } => Rc::new(image_state(name, self.knowledge)),
            Base::Unknown(_) => Rc::new(unknown_image_state()),
        };
        if maybe_bases.len() > 1 {
            // Another value of the variable, another stage with users and variables of its own.
            Rc::make_mut(&mut self.state).user.assumed = true;
        }
        self.stages.push(Stage {
            name: written_name.as_ref().map(|name| name.to_lowercase()),
            written_name,
            base,
            maybe_bases,
            from: index,
            platform: statement.flag("platform").map(str::to_owned),
            steps: Vec::new(),
        });
    }

    fn base(&self, written: &str) -> Base {
        let Some(name) = expand(written, self.escape, &|name| self.global(name)) else {
            return Base::Unknown(written.to_owned());
        };
        if name.is_empty() {
            return Base::Unknown(written.to_owned());
        }
        let lower = name.to_lowercase();
        if let Some(stage) = self
            .stages
            .iter()
            .rposition(|stage| stage.name.as_deref() == Some(&lower))
        {
            return Base::Stage(stage);
        }
        if name == "scratch" {
            return Base::Scratch;
        }
        Base::Image {
            literal: name == written,
            name,
        }
    }

    /// The stages whose names a `FROM` with a variable may come to.
    fn maybe_bases(&self, written: &str) -> Vec<usize> {
        if !written.contains('$') {
            return Vec::new();
        }
        let pattern = variable_pattern(written);
        (0..self.stages.len())
            .filter(|index| {
                self.stages[*index]
                    .name
                    .as_deref()
                    .is_some_and(|name| pattern.matches(name))
            })
            .collect()
    }

    fn run(&mut self, index: usize) -> Run {
        let instruction = self.instructions[index];
        let state = Rc::clone(&self.state);
        let mounts = instruction
            .statement
            .flags
            .iter()
            .filter_map(|flag| MountFlag::read(instruction, flag, &state, self.escape))
            .collect();
        let script = Script::read(instruction, &state);
        let changes_accounts = script.facts().iter().any(|fact| {
            matches!(
                fact.name().as_deref(),
                Some("useradd" | "adduser" | "groupadd" | "addgroup" | "usermod" | "groupmod" | "userdel" | "deluser")
            )
        });
        if changes_accounts {
            let next = Rc::make_mut(&mut self.state);
            for fact in script.facts() {
                next.accounts.follow(fact);
            }
        }
        let arguments = &instruction.text.bytes()[instruction.statement.arguments_span.start..];
        if arguments.windows(11).any(|window| window == b"/etc/passwd") {
            Rc::make_mut(&mut self.state).accounts.note_rewritten();
        }
        self.note_superuser(&script);
        Run {
            instruction: index,
            state,
            mounts,
            script,
        }
    }

    /// A step that only the superuser can run tells who an unknown image runs as.
    fn note_superuser(&mut self, script: &Script) {
        if !self.state.user.assumed {
            return;
        }
        let needs_root = script.facts().iter().any(|fact| {
            fact.wrappers.is_empty()
                && (matches!(
                    fact.name().as_deref(),
                    Some(
                        "useradd"
                            | "adduser"
                            | "groupadd"
                            | "addgroup"
                            | "usermod"
                            | "apk"
                            | "yum"
                            | "dnf"
                            | "microdnf"
                            | "zypper"
                    )
                ) || self.knowledge.tools.iter().any(|tool| {
                    tool.root_only
                        && tool
                            .commands
                            .iter()
                            .any(|command| command.matches(&fact.values(), true))
                }))
        });
        if needs_root {
            Rc::make_mut(&mut self.state).user = User::root();
        }
    }

    fn copy(&self, index: usize) -> Copy {
        let statement = &self.instructions[index].statement;
        let mut words: Vec<String> = match &statement.arguments {
            Arguments::Words(words) | Arguments::Exec(words) => words
                .iter()
                .filter(|word| !word.text.starts_with("<<"))
                .map(|word| {
                    self.state
                        .expand(&word.text, self.escape)
                        .unwrap_or_else(|| word.text.clone())
                })
                .collect(),
            _ => Vec::new(),
        };
        let destination = words
            .pop()
            .and_then(|text| absolute(&text, self.state.workdir.as_deref()));
        Copy {
            instruction: index,
            from: statement.flag("from").map(str::to_owned),
            sources: words,
            destination,
        }
    }

    fn change_state(&mut self, instruction: &Instruction) {
        let escape = self.escape;
        let statement = &instruction.statement;
        let text = |span: cachemount_syntax::Span| {
            String::from_utf8_lossy(&instruction.text.bytes()[span.range()]).into_owned()
        };
        match (statement.keyword, &statement.arguments) {
            (Keyword::Env, Arguments::Pairs(pairs)) => {
                // All values are expanded before any of them is set.
                let values: Vec<_> = pairs
                    .iter()
                    .map(|pair| (pair.name.clone(), self.state.expand(&pair.value, escape)))
                    .collect();
                Rc::make_mut(&mut self.state).env.extend(values);
            }
            (Keyword::Arg, Arguments::Words(words)) => {
                for word in words {
                    let (name, value) = match split_assignment(&word.text) {
                        Some((name, value)) => (name.to_owned(), self.state.expand(value, escape)),
                        // Without a default, the global argument of that name counts.
                        None => {
                            let value = match self.global(&word.text) {
                                Variable::Value(value) => Some(value),
                                _ => None,
                            };
                            (word.text.clone(), value)
                        }
                    };
                    Rc::make_mut(&mut self.state).args.insert(name, value);
                }
            }
            (Keyword::User, Arguments::Text(span)) => {
                let user = self.state.resolve_user(&text(*span), escape);
                Rc::make_mut(&mut self.state).user = user;
            }
            (Keyword::Workdir, Arguments::Text(span)) => {
                let directory = self
                    .state
                    .expand(&text(*span), escape)
                    .and_then(|path| absolute(&path, self.state.workdir.as_deref()));
                Rc::make_mut(&mut self.state).workdir = directory;
            }
            (Keyword::Shell, Arguments::Exec(words)) => {
                let program = words.first().map(|word| word.text.clone()).unwrap_or_default();
                let name = program.rsplit(['/', '\\']).next().unwrap_or_default().to_lowercase();
                let name = name.strip_suffix(".exe").unwrap_or(&name);
                let posix = matches!(name, "sh" | "bash" | "dash" | "ash" | "ksh" | "zsh");
                Rc::make_mut(&mut self.state).foreign_shell = (!posix).then(|| program.clone());
            }
            _ => {}
        }
    }
}

/// The text with `*` for every variable, in lower case as stage names are compared.
pub(crate) fn variable_pattern(written: &str) -> Glob {
    let mut pattern = String::new();
    let mut rest = written;
    while let Some(at) = rest.find('$') {
        pattern.push_str(&rest[..at]);
        pattern.push('*');
        rest = &rest[at + 1..];
        rest = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').map_or("", |(_, behind)| behind),
            None => rest.trim_start_matches(|char: char| char == '_' || char.is_ascii_alphanumeric()),
        };
    }
    pattern.push_str(rest);
    Glob::new(pattern.to_lowercase())
}

fn absolute(path: &str, workdir: Option<&str>) -> Option<String> {
    if path.starts_with('/') {
        return Some(clean(path));
    }
    Some(clean(&format!("{}/{path}", workdir?)))
}

fn empty_state() -> State {
    State {
        user: User::root(),
        env: BTreeMap::new(),
        args: BTreeMap::new(),
        workdir: Some("/".to_owned()),
        foreign_shell: None,
        accounts: Accounts::default(),
        unknown_base: false,
    }
}

fn unknown_image_state() -> State {
    State {
        user: User {
            assumed: true,
            ..User::root()
        },
        workdir: None,
        accounts: base_accounts(None),
        unknown_base: true,
        ..empty_state()
    }
}

/// What the first step of an image finds.
fn image_state(name: &str, knowledge: &Knowledge) -> State {
    let reference = ImageRef::parse(name);
    let windows = ["windows", "nanoserver", "servercore"]
        .iter()
        .any(|word| name.contains(word));
    let Some(image) = reference.find(&knowledge.images) else {
        return State {
            foreign_shell: windows.then(|| "cmd".to_owned()),
            ..unknown_image_state()
        };
    };
    let mut state = State {
        accounts: base_accounts(reference.distro(Some(image)).map(|(distro, _)| distro).as_deref()),
        env: image
            .env
            .iter()
            .map(|(name, value)| (name.clone(), Some(value.clone())))
            .collect(),
        workdir: image.workdir.clone().or_else(|| Some("/".to_owned())),
        foreign_shell: windows.then(|| "cmd".to_owned()),
        ..empty_state()
    };
    for account in &image.others {
        // "since" and notes mean: only on some tags; such an account is not relied on.
        if account.since.is_none() && account.note.is_none() {
            state.accounts.add(account_fact(account));
        } else {
            state.accounts.add_maybe(account.uid);
        }
    }
    if let Some(user) = &image.user {
        state.accounts.add(account_fact(user));
        state.user = User {
            name: Some(user.name.clone()),
            uid: Some(Id::literal(user.uid)),
            gid: Some(Id::literal(user.gid)),
            home: Some(user.home.clone()),
            assumed: image.evidence == "believed",
        };
    }
    state
}

fn account_fact(account: &crate::knowledge::Account) -> AccountFact {
    AccountFact {
        name: account.name.clone(),
        uid: Some(Id::literal(account.uid)),
        gid: Some(Id::literal(account.gid)),
        home: Some(account.home.clone()),
    }
}

/// Accounts that every distribution has, with the same ids on those that are told apart here.
fn base_accounts(distro: Option<&str>) -> Accounts {
    let mut accounts = Accounts::default();
    let mut add = |name: &str, id: u32, home: &str| {
        accounts.add(AccountFact {
            name: name.to_owned(),
            uid: Some(Id::literal(id)),
            gid: Some(Id::literal(id)),
            home: Some(home.to_owned()),
        });
    };
    add("root", 0, "/root");
    if matches!(distro, Some("debian" | "ubuntu")) {
        add("nobody", 65534, "/nonexistent");
        add("www-data", 33, "/var/www");
    }
    accounts
}
