//! Which path a word names, and how that lies to a directory.

use super::paths::{Relation, relation};
use crate::model::{Fact, Run, WordFact, clean};

/// How a word of a command may lie to a directory. What cannot be resolved is judged by what is known of it; in doubt
/// there is a relation.
#[must_use]
pub fn word_relation(run: &Run, fact: &Fact, word: &WordFact, place: &str) -> Relation {
    match resolve(run, fact, word) {
        Resolved::Paths(paths) => strongest(paths.iter().map(|path| relation(path, place))),
        Resolved::Relative(path) => {
            // Somewhere below a directory that `cd` went to.
            let path = path
                .trim_start_matches("./")
                .trim_end_matches("/*")
                .trim_end_matches('/');
            let named = !path.is_empty()
                && (place.ends_with(&format!("/{path}")) || path.contains(place.rsplit('/').next().unwrap_or("\u{0}")));
            if named { Relation::Above } else { Relation::Apart }
        }
        Resolved::Unknown => unknown(word, place),
    }
}

enum Resolved {
    /// These, absolute and possibly patterns.
    Paths(Vec<String>),
    /// Relative to a place that is not known.
    Relative(String),
    /// Nothing is certain.
    Unknown,
}

fn resolve(run: &Run, fact: &Fact, word: &WordFact) -> Resolved {
    if let Some(value) = &word.value {
        return match absolute(run, fact, value) {
            Some(path) => Resolved::Paths(vec![path]),
            None => Resolved::Relative(value.clone()),
        };
    }
    // `for d in A B; do rm -rf "$d"; done`
    let name = word
        .raw
        .trim_matches('"')
        .trim_start_matches('$')
        .trim_matches(['{', '}']);
    if let Some((_, values)) = fact.loops.iter().rev().find(|(variable, _)| variable == name) {
        let paths: Option<Vec<_>> = values
            .iter()
            .map(|value| absolute(run, fact, value.as_ref()?))
            .collect();
        return paths.map_or(Resolved::Unknown, Resolved::Paths);
    }
    Resolved::Unknown
}

/// The word as an absolute path, if the directory that it starts from is known.
fn absolute(run: &Run, fact: &Fact, value: &str) -> Option<String> {
    if value.starts_with('/') {
        return Some(value.to_owned());
    }
    if let Some(rest) = value.strip_prefix('~') {
        let (user, rest) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let home = if user.is_empty() {
            run.state.home(&run.state.user)?
        } else {
            run.state.accounts.find(user)?.home.clone()?
        };
        return Some(format!("{home}{rest}"));
    }
    let directory = run.state.workdir.as_ref().filter(|_| !fact.moved)?;
    Some(if value.starts_with("..") {
        clean(&format!("{directory}/{value}"))
    } else {
        format!("{directory}/{value}")
    })
}

/// A word with unknown parts: by the text before them, or by what it seems to speak of.
fn unknown(word: &WordFact, place: &str) -> Relation {
    let known = word.literal.split(['\u{0}', '{']).next().unwrap_or_default();
    if known.len() > 1 {
        let touches = place.starts_with(known) || relation(known, place) == Relation::Within;
        return if touches { Relation::Above } else { Relation::Apart };
    }
    // `"$(npm config get cache)"`, `${UV_CACHE_DIR:-…}`, `"$CACHE"/*`; but not `"$GNUPGHOME"`.
    let raw = word.raw.to_lowercase();
    if raw.contains("cache") || raw.contains("npm") || raw.contains("lists") || raw.contains(&place.to_lowercase()) {
        Relation::Above
    } else {
        Relation::Apart
    }
}

fn strongest(relations: impl Iterator<Item = Relation>) -> Relation {
    let mut result = Relation::Apart;
    for relation in relations {
        match relation {
            Relation::Above => return Relation::Above,
            Relation::Within => result = Relation::Within,
            Relation::Apart => {}
        }
    }
    result
}

/// Whether the text of a word names the directory or something in it, wherever it stands (`--x=/dir`, `a:/dir/b`).
#[must_use]
pub fn names(word: &WordFact, place: &str) -> bool {
    if word.is_script {
        return false;
    }
    let text = word.value.as_deref().unwrap_or(&word.literal);
    text.match_indices(place).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let behind = text[at + place.len()..].chars().next();
        !before.is_some_and(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-' | '/'))
            && !behind.is_some_and(|char| char.is_ascii_alphanumeric() || matches!(char, '.' | '_' | '-'))
    })
}

/// Whether a word refers to the directory, something in it, or a directory of the user's that holds it.
#[must_use]
pub fn refers(run: &Run, fact: &Fact, word: &WordFact, place: &str) -> bool {
    if word.is_script || word.literal.starts_with('-') && !word.literal.contains('=') {
        return false;
    }
    if names(word, place) {
        return true;
    }
    match resolve(run, fact, word) {
        Resolved::Paths(paths) => paths.iter().any(|path| match relation(path, place) {
            Relation::Within => true,
            Relation::Above => !is_standing(run, path),
            Relation::Apart => false,
        }),
        // `tar czf c.tgz .cache/pip` after a `cd`.
        Resolved::Relative(path) => {
            let path = path.trim_start_matches("./").trim_end_matches('/');
            path.contains('/') && place.ends_with(&format!("/{path}"))
        }
        Resolved::Unknown => false,
    }
}

/// Directories that are there whether or not a tool has cached anything.
#[must_use]
pub fn is_standing(run: &Run, path: &str) -> bool {
    let path = clean(path);
    let home = run.state.home(&run.state.user);
    matches!(
        path.as_str(),
        "/" | "/var"
            | "/var/lib"
            | "/var/cache"
            | "/var/lib/apt"
            | "/root"
            | "/home"
            | "/opt"
            | "/srv"
            | "/tmp"
            | "/usr"
            | "/usr/local"
            | "/etc"
    ) || home.as_deref() == Some(path.as_str())
        || run.state.workdir.as_deref() == Some(path.as_str())
        || path.contains(['*', '?', '['])
}
