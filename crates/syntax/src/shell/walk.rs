//! Every simple command of a script, with where it stands.

use super::ast::{Command, Compound, CompoundKind, List, Operator, Simple};
use super::word::Word;

/// A simple command and its surroundings.
#[derive(Debug, Clone)]
pub struct Site<'a> {
    /// The command.
    pub simple: &'a Simple,
    /// Its place in a chain, if it is a pipeline of its own.
    pub position: Option<Position<'a>>,
    /// What it stands in.
    pub inside: Inside<'a>,
}

/// A place in a list of chains.
#[derive(Debug, Clone, Copy)]
pub struct Position<'a> {
    /// The list.
    pub list: &'a List,
    /// Which of its items.
    pub item: usize,
    /// Which link of that item's chain.
    pub link: usize,
}

/// What a command stands in, from the outside in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inside<'a> {
    /// A branch of `if` or `case`, or behind `&&`/`||` of a condition: it may not run.
    pub branch: bool,
    /// It may not run although the script succeeds: a branch, a loop, a function, something behind `||`, or behind `&&`
    /// in a chain whose failure goes unnoticed.
    pub maybe: bool,
    /// The condition of `if` or `while`: its status is used.
    pub condition: bool,
    /// The body of a loop.
    pub in_loop: bool,
    /// The body of a function.
    pub function: bool,
    /// `( … )`.
    pub subshell: bool,
    /// `$( … )`: its output is used.
    pub substitution: bool,
    /// A pipeline with other commands.
    pub pipeline: bool,
    /// `! …`.
    pub negated: bool,
    /// `… &`.
    pub background: bool,
    /// Variables of the loops around it, with their words.
    pub loops: Vec<(&'a str, &'a [Word])>,
}

/// All simple commands in the order in which they are written.
#[must_use]
pub fn sites(list: &List) -> Vec<Site<'_>> {
    let mut sites = Vec::new();
    walk_list(list, &Inside::default(), true, &mut sites);
    sites
}

/// `last`: the list's status is the script's.
fn walk_list<'a>(list: &'a List, inside: &Inside<'a>, last: bool, sites: &mut Vec<Site<'a>>) {
    for (item_index, item) in list.items.iter().enumerate() {
        let last_item = last && item_index + 1 == list.items.len();
        let background = matches!(item.separator, Some((super::ast::Separator::Background, _)));
        for (link_index, link) in item.and_or.links.iter().enumerate() {
            let mut inside = inside.clone();
            inside.background |= background;
            inside.negated |= link.pipeline.negated;
            inside.pipeline |= link.pipeline.commands.len() > 1;
            let behind_or = item.and_or.links[..=link_index]
                .iter()
                .any(|link| matches!(link.operator, Some((Operator::Or, _))));
            inside.maybe |= behind_or || background || (link_index > 0 && !last_item);
            let position = (link.pipeline.commands.len() == 1 && !link.pipeline.negated).then_some(Position {
                list,
                item: item_index,
                link: link_index,
            });
            for command in &link.pipeline.commands {
                match command {
                    Command::Simple(simple) => {
                        sites.push(Site {
                            simple,
                            position,
                            inside: inside.clone(),
                        });
                        let assigned = simple
                            .assignments
                            .iter()
                            .flat_map(|a| a.value.iter().chain(&a.elements));
                        let redirected = simple.redirects.iter().map(|redirect| &redirect.target);
                        walk_words(assigned.chain(&simple.words).chain(redirected), &inside, sites);
                    }
                    Command::Compound(compound) => walk_compound(compound, &inside, last_item, sites),
                }
            }
        }
    }
}

fn walk_words<'a>(words: impl Iterator<Item = &'a Word>, inside: &Inside<'a>, sites: &mut Vec<Site<'a>>) {
    for list in words.flat_map(Word::substitutions) {
        let mut inside = inside.clone();
        inside.substitution = true;
        walk_list(list, &inside, false, sites);
    }
}

fn walk_compound<'a>(compound: &'a Compound, inside: &Inside<'a>, last: bool, sites: &mut Vec<Site<'a>>) {
    let redirected = compound.redirects.iter().map(|redirect| &redirect.target);
    walk_words(compound.words.iter().chain(redirected), inside, sites);
    let count = compound.lists.len();
    for (index, list) in compound.lists.iter().enumerate() {
        let mut inside = inside.clone();
        match &compound.kind {
            CompoundKind::If => {
                // Conditions and branches alternate; with an odd number, the last one is `else`.
                let condition = index % 2 == 0 && !(count % 2 == 1 && index + 1 == count);
                inside.condition |= condition;
                inside.branch |= !condition || index > 0;
            }
            CompoundKind::While => {
                inside.condition |= index == 0;
                inside.in_loop = true;
                inside.branch = true;
            }
            CompoundKind::For(name) => {
                inside.in_loop = true;
                inside.loops.push((name.as_str(), &compound.words));
            }
            CompoundKind::Case => inside.branch = true,
            CompoundKind::Function(_) => inside.function = true,
            CompoundKind::Subshell => inside.subshell = true,
            CompoundKind::Group | CompoundKind::Arithmetic | CompoundKind::Test => {}
        }
        let plain = matches!(compound.kind, CompoundKind::Group | CompoundKind::Subshell);
        let first_condition = inside.condition && index == 0;
        inside.maybe |= !plain && !first_condition;
        walk_list(list, &inside, last && plain, sites);
    }
}
