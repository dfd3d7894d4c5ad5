//! The commands of a step, with variables looked up.

use std::collections::BTreeMap;

use cachemount_syntax::expand::Variable;
use cachemount_syntax::shell::{self, Call, CallUser, Inside, List, Part, Site, Word};
use cachemount_syntax::{Arguments, Instruction, Span};

use super::State;

/// What a step runs.
#[derive(Debug, Clone)]
pub enum Script {
    /// Shell form: the outermost script and those behind `sh -c`, and every command in them.
    Shell {
        /// The scripts, outermost first.
        lists: Vec<List>,
        /// The commands in the order in which they are written.
        facts: Vec<Fact>,
    },
    /// Exec form: one command.
    Exec {
        /// The command and, behind `sh -c`, those of its script.
        facts: Vec<Fact>,
        /// The scripts.
        lists: Vec<List>,
    },
    /// Not understood, for this reason.
    Unknown(String),
}

/// A command: what is called, behind any wrapper.
#[derive(Debug, Clone)]
pub struct Fact {
    /// The command and its arguments.
    pub words: Vec<WordFact>,
    /// Variables set for this command; `None` is an unknown value.
    pub assignments: Vec<(String, Option<String>)>,
    /// Where an assignment before the command stands, in the instruction's text.
    pub assignment_spans: Vec<(String, Span)>,
    /// Variables that the script exports before; `None` is an unknown value.
    pub exports: BTreeMap<String, Option<String>>,
    /// The user that a wrapper switches to.
    pub user: CallUser,
    /// A wrapper discards the environment.
    pub clean_environment: bool,
    /// Wrappers before it.
    pub wrappers: Vec<String>,
    /// It runs a script that cannot be read.
    pub opaque: bool,
    /// More arguments come from standard input.
    pub more_arguments: bool,
    /// The simple command in the instruction's text, wrappers and assignments included.
    pub span: Span,
    /// It stands in a loop.
    pub in_loop: bool,
    /// It may not run although the step succeeds.
    pub maybe: bool,
    /// A `cd` stands before it, so relative paths are not below WORKDIR.
    pub moved: bool,
    /// The words of the loops around it, by variable.
    pub loops: Vec<(String, Vec<Option<String>>)>,
    /// It stands alone in the JSON form.
    pub exec: bool,
}

/// A word of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WordFact {
    /// The text, if it is certain. Patterns are kept as written, `~` too.
    pub value: Option<String>,
    /// What is certain of it when the whole is not: all literal parts.
    pub literal: String,
    /// The word is just this build argument.
    pub arg: Option<String>,
    /// Behind `=`, the word is just this build argument (`--uid=$UID`).
    pub arg_behind_equals: Option<String>,
    /// Its place in the instruction's text.
    pub span: Span,
    /// No part of it is a variable or a substitution.
    pub is_static: bool,
    /// It is the script of `sh -c`, whose commands are seen as such.
    pub is_script: bool,
    /// The word as it stands in the text.
    pub raw: String,
}

impl Fact {
    /// The command's name without its path.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let value = self.values().into_iter().next()??;
        Some(value.rsplit('/').next().unwrap_or_default().to_owned())
    }

    /// The values of its words. Of a command in a folder that is not known (`$VENV/bin/pip`), the name.
    #[must_use]
    pub fn values(&self) -> Vec<Option<String>> {
        let mut values: Vec<_> = self.words.iter().map(|word| word.value.clone()).collect();
        if let (Some(first), Some(word)) = (values.first_mut(), self.words.first())
            && first.is_none()
            && let Some((_, name)) = word.literal.rsplit_once('/')
            && !name.is_empty()
            && !name.contains('\u{0}')
        {
            *first = Some(name.to_owned());
        }
        values
    }
}

impl Script {
    /// The commands.
    #[must_use]
    pub fn facts(&self) -> &[Fact] {
        match self {
            Self::Shell { facts, .. } | Self::Exec { facts, .. } => facts,
            Self::Unknown(_) => &[],
        }
    }

    /// The scripts.
    #[must_use]
    pub fn lists(&self) -> &[List] {
        match self {
            Self::Shell { lists, .. } | Self::Exec { lists, .. } => lists,
            Self::Unknown(_) => &[],
        }
    }

    /// Reads the script of a `RUN`.
    #[must_use]
    pub fn read(instruction: &Instruction, state: &State) -> Self {
        let bytes = instruction.text.bytes();
        let mut reader = Reader {
            bytes,
            state,
            lists: Vec::new(),
            facts: Vec::new(),
        };
        if let Arguments::Exec(words) = &instruction.statement.arguments {
            let words: Vec<_> = words
                .iter()
                .map(|word| Word::literal(word.text.clone(), word.span))
                .collect();
            if let Some(call) = shell::exec_call(bytes, &words) {
                let script = call.script;
                let mut fact = reader.fact(&call, instruction.statement.arguments_span, None, &BTreeMap::new());
                fact.exec = true;
                reader.facts.push(fact);
                if let Some(script) = script
                    && let Err(reason) = reader.script(script, 1, &Context::of(&call))
                {
                    return Self::Unknown(reason);
                }
            }
            return Self::Exec {
                facts: reader.facts,
                lists: reader.lists,
            };
        }
        if let Some(shell) = &state.foreign_shell {
            return Self::Unknown(format!("it is written for {shell}, not for a POSIX shell"));
        }
        let Some(span) = instruction.shell_text() else {
            return Self::Unknown("it is a script for another interpreter".to_owned());
        };
        match reader.script(span, 0, &Context::default()) {
            Ok(()) => Self::Shell {
                lists: reader.lists,
                facts: reader.facts,
            },
            Err(reason) => Self::Unknown(reason),
        }
    }
}

/// Scripts within scripts beyond this are taken as opaque.
const MAX_SCRIPTS: usize = 3;

/// What a script gets from the command that runs it.
#[derive(Debug, Clone, Default)]
struct Context {
    user: Option<CallUser>,
    clean_environment: bool,
    assignments: Vec<(String, Option<String>)>,
    exports: BTreeMap<String, Option<String>>,
    maybe: bool,
}

impl Context {
    fn of(call: &Call<'_>) -> Self {
        Self {
            user: (call.user != CallUser::Same).then(|| call.user.clone()),
            clean_environment: call.clean_environment,
            ..Self::default()
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    state: &'a State,
    lists: Vec<List>,
    facts: Vec<Fact>,
}

impl Reader<'_> {
    fn script(&mut self, span: Span, depth: usize, context: &Context) -> Result<(), String> {
        let list =
            shell::parse(self.bytes, span).map_err(|error| format!("its shell script is not understood: {error}"))?;
        let mut variables: BTreeMap<String, Option<String>> = context.exports.clone();
        let mut exports: BTreeMap<String, Option<String>> = context.exports.clone();
        for (name, value) in &context.assignments {
            variables.insert(name.clone(), value.clone());
            exports.insert(name.clone(), value.clone());
        }
        let mut moved = false;
        for site in shell::sites(&list) {
            self.note_assignments(&site, &mut variables, &mut exports);
            for (name, _) in &site.inside.loops {
                variables.insert((*name).to_owned(), None);
            }
            let Some(call) = shell::call_of(self.bytes, site.simple) else {
                continue;
            };
            let script = call.script;
            let mut fact = self.fact(&call, site.simple.span, Some(&site.inside), &variables);
            fact.exports.clone_from(&exports);
            fact.assignment_spans = site
                .simple
                .assignments
                .iter()
                .map(|a| (a.name.clone(), a.span))
                .collect();
            fact.maybe |= context.maybe;
            fact.clean_environment |= context.clean_environment;
            if let Some(user) = context.user.as_ref().filter(|_| fact.user == CallUser::Same) {
                fact.user = user.clone();
            }
            fact.moved = moved;
            moved |= matches!(fact.name().as_deref(), Some("cd" | "pushd"));
            let inner = Context {
                user: (fact.user != CallUser::Same).then(|| fact.user.clone()),
                clean_environment: fact.clean_environment,
                assignments: fact.assignments.clone(),
                exports: exports.clone(),
                maybe: fact.maybe,
            };
            self.facts.push(fact);
            if let Some(script) = script {
                if depth == MAX_SCRIPTS {
                    return Err("its scripts are nested too deeply".to_owned());
                }
                self.script(script, depth + 1, &inner)?;
            }
        }
        self.lists.push(list);
        Ok(())
    }

    fn note_assignments(
        &self,
        site: &Site<'_>,
        variables: &mut BTreeMap<String, Option<String>>,
        exports: &mut BTreeMap<String, Option<String>>,
    ) {
        let words = &site.simple.words;
        let certain = !site.inside.branch && !site.inside.in_loop && !site.inside.function && !site.inside.substitution;
        let command = words.first().and_then(Word::static_value);
        let set = |name: &str,
                   value: Option<String>,
                   export: bool,
                   variables: &mut BTreeMap<String, Option<String>>,
                   exports: &mut BTreeMap<String, Option<String>>| {
            let value = value.filter(|_| certain);
            // What is in the environment already stays in it with its new value.
            let inherited = name == "HOME" || self.state.env.contains_key(name) || self.state.args.contains_key(name);
            if export || inherited || exports.contains_key(name) {
                exports.insert(name.to_owned(), value.clone());
            }
            variables.insert(name.to_owned(), value);
        };
        match command.as_deref() {
            None if words.is_empty() => {
                for assignment in &site.simple.assignments {
                    let value = assignment
                        .value
                        .as_ref()
                        .and_then(|word| word.resolve(&|name| lookup(self.state, &BTreeMap::new(), name)));
                    set(&assignment.name, value, false, variables, exports);
                }
            }
            Some("export" | "declare" | "typeset" | "readonly" | "local") => {
                for word in &words[1..] {
                    let value = word.resolve(&|name| lookup(self.state, &BTreeMap::new(), name));
                    match value.as_deref().and_then(|text| text.split_once('=')) {
                        Some((name, value)) => set(name, Some(value.to_owned()), true, variables, exports),
                        // `export NAME` exports what it is by now.
                        None if value.as_deref().is_some_and(|name| variables.contains_key(name)) => {
                            let name = value.clone().unwrap_or_default();
                            let known = variables.get(&name).cloned().flatten();
                            exports.insert(name, known);
                        }
                        None => {
                            if let Some(Part::Literal { text, .. }) = word.parts.first() {
                                let (name, known) = match text.split_once('=') {
                                    Some((name, _)) => (name, None),
                                    None => (text.as_str(), value.as_ref().and(Some(()))),
                                };
                                // `NAME=$(…)` is unknown.
                                if known.is_none() {
                                    set(name, None, true, variables, exports);
                                }
                            }
                        }
                    }
                }
            }
            Some("read" | "unset" | "getopts" | "mapfile") => {
                for word in &words[1..] {
                    if let Some(name) = word.static_value() {
                        set(&name, None, false, variables, exports);
                    }
                }
            }
            _ => {}
        }
    }

    fn fact(
        &self,
        call: &Call<'_>,
        span: Span,
        inside: Option<&Inside<'_>>,
        variables: &BTreeMap<String, Option<String>>,
    ) -> Fact {
        let look = |name: &str| lookup(self.state, variables, name);
        Fact {
            words: call
                .words
                .iter()
                .map(|word| {
                    let mut fact = self.word(word, &look);
                    fact.is_script = call.script.is_some_and(|script| word.span.contains(script));
                    fact
                })
                .collect(),
            assignments: call
                .assignments
                .iter()
                .map(|(name, word)| (name.clone(), word.as_ref().and_then(|word| word.resolve(&look))))
                .collect(),
            assignment_spans: Vec::new(),
            exports: BTreeMap::new(),
            user: call.user.clone(),
            clean_environment: call.clean_environment,
            wrappers: call.wrappers.clone(),
            opaque: call.opaque,
            more_arguments: call.more_arguments,
            span,
            in_loop: inside.is_some_and(|inside| inside.in_loop),
            maybe: inside.is_some_and(|inside| inside.maybe),
            moved: false,
            loops: inside
                .map(|inside| {
                    inside
                        .loops
                        .iter()
                        .map(|(name, words)| {
                            (
                                (*name).to_owned(),
                                words.iter().map(|word| word.resolve(&look)).collect(),
                            )
                        })
                        .collect()
                })
                .unwrap_or_default(),
            exec: false,
        }
    }

    fn word(&self, word: &Word, look: &dyn Fn(&str) -> Variable) -> WordFact {
        let is_arg = |name: &str| self.state.args.contains_key(name) && !self.state.env.contains_key(name);
        let sole = |parts: &[Part]| match parts {
            [Part::Variable { name, .. }] if is_arg(name) => Some(name.clone()),
            _ => None,
        };
        let behind_equals = match word.parts.as_slice() {
            [Part::Literal { text, .. }, rest @ ..] if text.ends_with('=') => sole(rest),
            _ => None,
        };
        let literal = word
            .parts
            .iter()
            .map(|part| match part {
                Part::Literal { text, .. } => text.as_str(),
                _ => "\u{0}",
            })
            .collect();
        WordFact {
            value: word.resolve(look),
            literal,
            arg: sole(&word.parts),
            arg_behind_equals: behind_equals,
            span: word.span,
            is_static: word.static_value().is_some(),
            is_script: false,
            raw: String::from_utf8_lossy(&self.bytes[word.span.range()]).into_owned(),
        }
    }
}

fn lookup(state: &State, variables: &BTreeMap<String, Option<String>>, name: &str) -> Variable {
    match variables.get(name) {
        Some(Some(value)) => Variable::Value(value.clone()),
        Some(None) => Variable::Unknown,
        None if name == "HOME" => match state.home(&state.user) {
            Some(home) => Variable::Value(home),
            None => Variable::Unknown,
        },
        None => match state.variable(name) {
            // A shell knows more variables than the Dockerfile sets.
            Variable::Unset => Variable::Unknown,
            known => known,
        },
    }
}
