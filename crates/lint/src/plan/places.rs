//! Where a tool caches in a step.

use cachemount_syntax::expand::Variable;

use super::Obstacle;
use super::uses::Use;
use crate::knowledge::{CacheDir, Tool};
use crate::model::{Fact, Run, clean};

/// A directory that a tool caches in, for one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The directory, absolute and clean.
    pub path: String,
    /// The variable or option that moved it, if one did.
    pub moved_by: Option<String>,
}

/// Resolves where `cache` is for one command.
pub fn place(run: &Run, tool: &Tool, cache: &CacheDir, usage: &Use) -> Result<Place, Obstacle> {
    let fact = &run.script.facts()[usage.fact];
    if let Some(place) = place_by_flag(run, cache, fact)? {
        return Ok(place);
    }
    for candidate in &cache.path {
        if let Some(rest) = candidate.strip_prefix('$') {
            let (name, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            match variable(run, tool, fact, name) {
                Variable::Value(value) if !value.is_empty() => {
                    let path = format!("{value}{rest}");
                    let path = absolute(run, fact, &path).ok_or_else(|| Obstacle::MovedTo {
                        by: name.to_owned(),
                        value: value.clone(),
                    })?;
                    return Ok(Place {
                        path,
                        moved_by: Some(name.to_owned()),
                    });
                }
                Variable::Value(_) | Variable::Unset => {}
                Variable::Unknown => return Err(Obstacle::MovedUnknown(name.to_owned())),
            }
        } else if let Some(rest) = candidate.strip_prefix("~") {
            let home = match variable(run, tool, fact, "HOME") {
                Variable::Value(home) => Some(home),
                Variable::Unset => usage.user.home.clone(),
                Variable::Unknown => None,
            };
            let home = home.filter(|home| home.starts_with('/')).ok_or_else(|| {
                let name = usage
                    .user
                    .name
                    .clone()
                    .or_else(|| usage.user.uid.as_ref().map(|id| id.value.to_string()));
                Obstacle::UnknownHome(name)
            })?;
            return Ok(Place {
                path: clean(&format!("{home}{rest}")),
                moved_by: (run.state.env.contains_key("HOME")).then(|| "HOME".to_owned()),
            });
        } else {
            return Ok(Place {
                path: candidate.clone(),
                moved_by: None,
            });
        }
    }
    Err(Obstacle::MovedUnknown(tool.name.clone()))
}

/// The directory that the tool would use if nothing moved it.
#[must_use]
pub fn default_path(run: &Run, cache: &CacheDir) -> Option<String> {
    cache
        .path
        .iter()
        .find_map(|candidate| match candidate.strip_prefix('~') {
            Some(rest) => Some(clean(&format!("{}{rest}", run.state.user.home.as_ref()?))),
            None => (!candidate.starts_with('$')).then(|| candidate.clone()),
        })
}

fn place_by_flag(run: &Run, cache: &CacheDir, fact: &Fact) -> Result<Option<Place>, Obstacle> {
    for flag in &cache.flags {
        for (index, word) in fact.words.iter().enumerate() {
            let text = word.literal.as_str();
            let value = if text == flag {
                fact.words.get(index + 1).map(|next| next.value.clone())
            } else if text
                .strip_prefix(flag.as_str())
                .is_some_and(|rest| rest.starts_with('='))
            {
                Some(word.value.as_ref().map(|value| value[flag.len() + 1..].to_owned()))
            } else {
                None
            };
            let Some(value) = value else { continue };
            let value = value.ok_or_else(|| Obstacle::MovedUnknown(flag.clone()))?;
            let path = absolute(run, fact, &value).ok_or_else(|| Obstacle::MovedTo {
                by: flag.clone(),
                value,
            })?;
            return Ok(Some(Place {
                path,
                moved_by: Some(flag.clone()),
            }));
        }
    }
    Ok(None)
}

/// An absolute path; `~` only where the shell would have expanded it.
fn absolute(run: &Run, fact: &Fact, path: &str) -> Option<String> {
    if let Some(rest) = path.strip_prefix("~/") {
        let home = run
            .state
            .home(&run.state.user)
            .filter(|_| fact.assignments.is_empty())?;
        return Some(clean(&format!("{home}/{rest}")));
    }
    path.starts_with('/').then(|| clean(path))
}

/// A variable as the command sees it: set for it, exported by the script, or from the Dockerfile.
pub fn variable(run: &Run, tool: &Tool, fact: &Fact, name: &str) -> Variable {
    let known = |value: &Option<String>| match value {
        Some(value) => Variable::Value(value.clone()),
        None => Variable::Unknown,
    };
    if let Some((_, value)) = fact.assignments.iter().rev().find(|(set, _)| tool.is_env(name, set)) {
        return known(value);
    }
    if fact.clean_environment {
        return Variable::Unset;
    }
    if let Some((_, value)) = fact.exports.iter().find(|(set, _)| tool.is_env(name, set)) {
        return known(value);
    }
    let set: Vec<_> = run
        .state
        .env
        .iter()
        .chain(&run.state.args)
        .filter(|(set, _)| tool.is_env(name, set))
        .collect();
    match set.first() {
        // Two spellings with two values: which one counts depends on their order.
        Some((_, value)) if set.iter().any(|(_, other)| other != value) && tool.ignore_case_env => Variable::Unknown,
        Some((_, value)) => known(value),
        // An unknown base image may set it; that is assumed not to be the case, and the fix says so by being unsafe.
        None => Variable::Unset,
    }
}
