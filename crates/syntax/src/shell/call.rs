//! What a simple command really calls, behind `sudo`, `env`, `time` and the like.

use super::ast::Simple;
use super::word::{Part, Word};
use crate::span::Span;

/// A call: the command and its arguments, wrappers taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    /// The command and its arguments; never empty.
    pub words: &'a [Word],
    /// Variables set for this call only, in order: by assignment or by `env`.
    pub assignments: Vec<(String, Option<Word>)>,
    /// The user it runs as, if a wrapper changes it.
    pub user: CallUser,
    /// A wrapper discards the environment (`sudo` without `-E`, `env -i`, `su`).
    pub clean_environment: bool,
    /// More arguments come from standard input (`xargs`).
    pub more_arguments: bool,
    /// The wrappers, in order.
    pub wrappers: Vec<String>,
    /// For `sh -c '…'` and `su -c '…'`: the script, where it stands as it is in the text.
    pub script: Option<Span>,
    /// It runs a script that cannot be read from here.
    pub opaque: bool,
}

/// The user that a call runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallUser {
    /// The step's user.
    Same,
    /// This user (a name or a number).
    Other(String),
    /// Some other user.
    Unknown,
}

/// Options of a wrapper that take a separate value.
struct Wrapper {
    name: &'static str,
    value_options: &'static [&'static str],
    /// Words of its own before the command (`timeout 10 cmd`).
    operands: usize,
}

const WRAPPERS: &[Wrapper] = &[
    Wrapper {
        name: "sudo",
        value_options: &[
            "-u", "-g", "-h", "-p", "-C", "-r", "-t", "-T", "-U", "-D", "--user", "--group",
        ],
        operands: 0,
    },
    Wrapper {
        name: "env",
        value_options: &["-u", "--unset", "-C", "--chdir"],
        operands: 0,
    },
    Wrapper {
        name: "time",
        value_options: &["-f", "-o", "--format", "--output"],
        operands: 0,
    },
    Wrapper {
        name: "nice",
        value_options: &["-n", "--adjustment"],
        operands: 0,
    },
    Wrapper {
        name: "ionice",
        value_options: &["-c", "-n"],
        operands: 0,
    },
    Wrapper {
        name: "nohup",
        value_options: &[],
        operands: 0,
    },
    Wrapper {
        name: "exec",
        value_options: &["-a"],
        operands: 0,
    },
    Wrapper {
        name: "command",
        value_options: &[],
        operands: 0,
    },
    Wrapper {
        name: "builtin",
        value_options: &[],
        operands: 0,
    },
    Wrapper {
        name: "eatmydata",
        value_options: &[],
        operands: 0,
    },
    Wrapper {
        name: "stdbuf",
        value_options: &["-i", "-o", "-e"],
        operands: 0,
    },
    Wrapper {
        name: "setarch",
        value_options: &[],
        operands: 0,
    },
    Wrapper {
        name: "timeout",
        value_options: &["-k", "-s", "--kill-after", "--signal"],
        operands: 1,
    },
    Wrapper {
        name: "xargs",
        value_options: &["-a", "-d", "-E", "-I", "-L", "-n", "-P", "-s"],
        operands: 0,
    },
    Wrapper {
        name: "gosu",
        value_options: &[],
        operands: 1,
    },
    Wrapper {
        name: "su-exec",
        value_options: &[],
        operands: 1,
    },
    Wrapper {
        name: "runuser",
        value_options: &["-u", "--user", "-g", "-G", "-s", "-c"],
        operands: 0,
    },
    Wrapper {
        name: "su",
        value_options: &["-s", "-g", "-G", "-w", "-c"],
        operands: 0,
    },
];

const SHELLS: &[&str] = &["sh", "bash", "dash", "ash", "ksh", "zsh"];

/// Reads a simple command; `None` if it calls nothing (only assignments or redirections).
#[must_use]
pub fn call_of<'a>(bytes: &[u8], simple: &'a Simple) -> Option<Call<'a>> {
    let assignments = simple
        .assignments
        .iter()
        .map(|assignment| (assignment.name.clone(), assignment.value.clone()))
        .collect();
    unwrap(bytes, &simple.words, assignments)
}

/// Reads the words of an exec form.
#[must_use]
pub fn exec_call<'a>(bytes: &[u8], words: &'a [Word]) -> Option<Call<'a>> {
    unwrap(bytes, words, Vec::new())
}

fn unwrap<'a>(bytes: &[u8], words: &'a [Word], assignments: Vec<(String, Option<Word>)>) -> Option<Call<'a>> {
    let mut call = Call {
        words,
        assignments,
        user: CallUser::Same,
        clean_environment: false,
        more_arguments: false,
        wrappers: Vec::new(),
        script: None,
        opaque: false,
    };
    loop {
        let Some(name) = command_name(call.words.first()?) else {
            return Some(call);
        };
        let Some(wrapper) = WRAPPERS.iter().find(|wrapper| wrapper.name == name) else {
            call.read_shell_script(bytes, &name);
            return Some(call);
        };
        // A wrapper without a command (`time`, `exec > log`) calls nothing that could be named.
        if !call.take_off(bytes, wrapper)? {
            return Some(call);
        }
        call.wrappers.push(name);
    }
}

/// The last part of the command's path.
fn command_name(word: &Word) -> Option<String> {
    let value = word.static_value()?;
    Some(value.rsplit('/').next().unwrap_or_default().to_owned())
}

impl Call<'_> {
    /// Takes one wrapper off the front. `Some(false)`: the rest is a script or cannot be seen.
    fn take_off(&mut self, bytes: &[u8], wrapper: &Wrapper) -> Option<bool> {
        match wrapper.name {
            "sudo" | "su" | "runuser" => {
                self.user = CallUser::Other("root".to_owned());
                self.clean_environment = true;
            }
            "xargs" => self.more_arguments = true,
            _ => {}
        }
        let all = self.words;
        let mut at = 1;
        let mut operands = wrapper.operands;
        while let Some(word) = all.get(at) {
            let text = word.static_value();
            let text = text.as_deref().unwrap_or_default();
            if text == "--" {
                at += 1;
                break;
            }
            if text.starts_with('-') && text.len() > 1 {
                let value = all.get(at + 1);
                match (wrapper.name, text) {
                    ("sudo", "-E" | "--preserve-env") => self.clean_environment = false,
                    ("sudo" | "runuser", "-u" | "--user") => {
                        self.user = value
                            .and_then(Word::static_value)
                            .map_or(CallUser::Unknown, CallUser::Other);
                    }
                    ("env", "-i" | "--ignore-environment" | "-") => self.clean_environment = true,
                    ("env", "-S" | "--split-string") => {
                        self.opaque = true;
                        return Some(false);
                    }
                    ("su" | "runuser", "-c" | "--command") => {
                        let script = value?;
                        // The user may follow the script: `su -c 'cmd' user`.
                        if let Some(user) = all.get(at + 2).and_then(Word::static_value) {
                            self.user = CallUser::Other(user);
                        }
                        self.set_script(bytes, script);
                        return Some(false);
                    }
                    _ => {}
                }
                // `-Hu app`: the last letter of a bundle takes the value.
                let last = text.chars().next_back().map(|letter| format!("-{letter}"));
                let bundle = !text.starts_with("--") && text.len() > 2;
                let bundled = last
                    .filter(|_| bundle)
                    .filter(|last| wrapper.value_options.contains(&last.as_str()));
                if wrapper.name == "sudo" && bundled.as_deref() == Some("-u") {
                    self.user = value
                        .and_then(Word::static_value)
                        .map_or(CallUser::Unknown, CallUser::Other);
                }
                let takes_value = wrapper.value_options.contains(&text) || bundled.is_some();
                at += if takes_value { 2 } else { 1 };
                continue;
            }
            if matches!(wrapper.name, "env" | "sudo")
                && let Some(assignment) = assignment_word(word)
            {
                self.assignments.push(assignment);
                at += 1;
                continue;
            }
            if wrapper.name == "su" {
                self.user = word
                    .static_value()
                    .filter(|user| user != "-")
                    .map_or(self.user.clone(), CallUser::Other);
                at += 1;
                continue;
            }
            if operands == 0 {
                break;
            }
            operands -= 1;
            if matches!(wrapper.name, "gosu" | "su-exec") {
                self.user = word.static_value().map_or(CallUser::Unknown, CallUser::Other);
            }
            at += 1;
        }
        if at >= all.len() {
            return None;
        }
        self.words = &all[at..];
        Some(true)
    }

    /// `sh -c '…'`: finds the script.
    fn read_shell_script(&mut self, bytes: &[u8], name: &str) {
        if !SHELLS.contains(&name) {
            return;
        }
        let mut at = 1;
        while let Some(word) = self.words.get(at) {
            let text = word.static_value().unwrap_or_default();
            match text.as_str() {
                "-o" | "+o" | "-O" | "+O" => at += 2,
                _ if text.starts_with('-') && !text.starts_with("--") && text.contains('c') => {
                    match self.words.get(at + 1) {
                        Some(script) => self.set_script(bytes, script),
                        None => self.opaque = true,
                    }
                    return;
                }
                _ if text.starts_with('-') => at += 1,
                _ => break,
            }
        }
        // `sh script.sh`, or a script on standard input.
        self.opaque = true;
    }

    fn set_script(&mut self, bytes: &[u8], word: &Word) {
        let span = word.span;
        let raw = &bytes[span.range()];
        let plain = raw.len() >= 2
            && matches!((raw[0], raw[raw.len() - 1]), (b'\'', b'\'') | (b'"', b'"'))
            && !raw[1..raw.len() - 1].contains(&raw[0])
            && !raw.contains(&b'\\');
        if plain {
            self.script = Some(Span::new(span.start + 1, span.end - 1));
        } else {
            self.opaque = true;
        }
    }
}

/// `NAME=value` as an argument of `env`.
fn assignment_word(word: &Word) -> Option<(String, Option<Word>)> {
    let Some(Part::Literal { text, quoted }) = word.parts.first() else {
        return None;
    };
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric()) {
        return None;
    }
    let mut value = word.clone();
    value.parts[0] = Part::Literal {
        text: rest.to_owned(),
        quoted: *quoted,
    };
    Some((name.to_owned(), Some(value)))
}
