//! Which commands of a step use a tool's cache.

use crate::knowledge::{Tool, Words};
use crate::model::{Fact, Run, User};
use cachemount_syntax::shell::CallUser;

/// A command that uses a tool's cache.
#[derive(Debug, Clone)]
pub struct Use {
    /// Which of the step's commands.
    pub fact: usize,
    /// Number of words that name the tool (`python -m pip`: 3).
    pub command_words: usize,
    /// Who runs it.
    pub user: User,
    /// The words that are neither options nor their values, sub-command first, by index.
    pub plain_words: Vec<usize>,
}

/// The commands of a step that use the tool's cache, in order.
#[must_use]
pub fn find_uses(run: &Run, tool: &Tool) -> Vec<Use> {
    run.script
        .facts()
        .iter()
        .enumerate()
        .filter_map(|(index, fact)| read_use(run, tool, index, fact, &tool.uses))
        .collect()
}

/// Whether a command is this tool with one of these sub-commands.
#[must_use]
pub fn is_use(tool: &Tool, fact: &Fact, uses: &[Words]) -> bool {
    command_words(tool, fact).is_some_and(|command| matches_use(tool, fact, command, uses).is_some())
}

/// The commands of a step that want what an earlier step left in the tool's cache, in order.
#[must_use]
pub fn find_followers(run: &Run, tool: &Tool) -> Vec<Use> {
    run.script
        .facts()
        .iter()
        .enumerate()
        .filter_map(|(index, fact)| read_use(run, tool, index, fact, &tool.follows))
        .collect()
}

fn read_use(run: &Run, tool: &Tool, index: usize, fact: &Fact, uses: &[Words]) -> Option<Use> {
    let command_words = command_words(tool, fact)?;
    let plain_words = matches_use(tool, fact, command_words, uses)?;
    let user = match &fact.user {
        CallUser::Same => run.state.user.clone(),
        CallUser::Other(name) => run.state.named(name, None),
        CallUser::Unknown => User {
            name: None,
            uid: None,
            gid: None,
            home: None,
            assumed: false,
        },
    };
    Some(Use {
        fact: index,
        command_words,
        user,
        plain_words,
    })
}

/// The words that name what a command does: the tool and its sub-commands, options between them skipped. All words for
/// a command that is not the tool.
#[must_use]
pub fn named_words(tool: &Tool, fact: &Fact) -> Vec<Option<String>> {
    let values = fact.values();
    match command_words(tool, fact) {
        Some(command) => {
            let plain = plain_words(tool, fact, command);
            values[..command]
                .iter()
                .cloned()
                .chain(plain.into_iter().map(|index| values[index].clone()))
                .collect()
        }
        None => values,
    }
}

fn command_words(tool: &Tool, fact: &Fact) -> Option<usize> {
    let values = fact.values();
    tool.commands
        .iter()
        .filter(|pattern| pattern.matches(&values, true))
        .map(Words::len)
        .max()
}

fn matches_use(tool: &Tool, fact: &Fact, command: usize, uses: &[Words]) -> Option<Vec<usize>> {
    let plain = plain_words(tool, fact, command);
    let words: Vec<_> = plain.iter().map(|index| fact.words[*index].value.clone()).collect();
    // `--help` and `--version` fetch nothing.
    let asks = fact.words.get(command).and_then(|word| word.value.as_deref());
    if matches!(asks, Some("--help" | "-h" | "--version" | "-V")) {
        return None;
    }
    uses.iter()
        .any(|pattern| pattern.matches(&words, false))
        .then_some(plain)
}

/// The words behind the command that are neither options nor values of options known to take one.
fn plain_words(tool: &Tool, fact: &Fact, command: usize) -> Vec<usize> {
    let mut plain = Vec::new();
    let mut at = command;
    while let Some(word) = fact.words.get(at) {
        let text = word.value.as_deref().unwrap_or("\u{0}");
        if text.starts_with('-') || text.starts_with('+') {
            let takes_value = tool.value_flags.iter().any(|flag| flag == text);
            at += if takes_value { 2 } else { 1 };
        } else {
            plain.push(at);
            at += 1;
        }
    }
    plain
}
