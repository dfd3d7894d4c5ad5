//! The cache mounts that a builder holds: `docker buildx du` and `docker buildx prune`.
//!
//! A builder has no list of mounts by id. The id stands at the end of a record's description, and a record can be
//! removed by its own id. Mounts with `uid`, `gid` or `mode` have a parent record, the empty folder with that owner; it
//! belongs to everyone's layer cache and is left alone.

mod listing;

use crate::builder::MountRecord;
use crate::client::{Client, ask_to_tidy_up};
use crate::error::BuildError;

use listing::{Entry, parse};

/// The record type of cache mounts.
const MOUNT: &str = "exec.cachemount";
/// What stands before the quoted mount id in a description.
const ID_MARK: &str = " with id \"";

/// The mounts whose id begins with `NAMESPACE/`.
///
/// A description without an id means that the id is the mount's target, so that it is in no namespace. Engines as old
/// as Docker 20.10 never name the id; there the list is always empty.
pub(crate) fn mounts(client: &Client, namespace: &str) -> Result<Vec<MountRecord>, BuildError> {
    check_namespace(namespace)?;
    Ok(entries(client)?
        .into_iter()
        .filter(|entry| belongs(&entry.description, namespace))
        .map(|entry| MountRecord {
            record: entry.id,
            description: entry.description,
            bytes: entry.bytes,
        })
        .collect())
}

/// Removes the mounts of a namespace, record by record; the bytes freed, as the builder counts them.
pub(crate) fn prune(client: &Client, namespace: &str) -> Result<u64, BuildError> {
    let mut freed = 0;
    for mount in mounts(client, namespace)? {
        let mut command = client.buildx("prune");
        command.args(["--force", "--filter"]);
        command.arg(format!("id={}", mount.record));
        freed += listing::total(&ask_to_tidy_up(command)?);
    }
    let left = mounts(client, namespace)?;
    match left.first() {
        None => Ok(freed),
        Some(first) => Err(BuildError::Client(format!(
            "{} cache mounts of `{namespace}` could not be removed, perhaps because a build uses them; the first is \
             `{}`",
            left.len(),
            first.description
        ))),
    }
}

/// A namespace is one plain path element: then a prefix is unambiguous, and nobody else's mounts can match.
pub(crate) fn check_namespace(namespace: &str) -> Result<(), BuildError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !namespace.is_empty() && namespace.bytes().all(plain) {
        Ok(())
    } else {
        Err(BuildError::Client(format!(
            "`{namespace}` is no namespace for cache mounts: only letters, digits, `-`, `_` and `.` can be used"
        )))
    }
}

fn entries(client: &Client) -> Result<Vec<Entry>, BuildError> {
    let mut command = client.buildx("du");
    command.args(["--verbose", "--filter"]);
    command.arg(format!("type={MOUNT}"));
    Ok(parse(&ask_to_tidy_up(command)?)
        .into_iter()
        .filter(|entry| entry.kind == MOUNT)
        .collect())
}

/// The id is the last quoted thing; the command before it may contain anything.
fn belongs(description: &str, namespace: &str) -> bool {
    description
        .rsplit_once(ID_MARK)
        .is_some_and(|(_, id)| id.starts_with(&format!("{namespace}/")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_namespace_itself_belongs() {
        let cases = [
            ("cached mount /c from exec /bin/sh -c x with id \"ns//c\"", true),
            ("cached mount /c from exec /bin/sh -c x with id \"ns/apt\"", true),
            ("cached mount /c from exec /bin/sh -c x with id \"ns2/apt\"", false),
            ("cached mount /c from exec /bin/sh -c x with id \"/ns/apt\"", false),
            ("cached mount /c from exec echo with id \"ns/a\" with id \"/b\"", false),
            ("cached mount /c from exec /bin/sh -c x", false),
        ];
        for (description, expected) in cases {
            assert_eq!(belongs(description, "ns"), expected, "{description}");
        }
    }

    #[test]
    fn namespaces() {
        for good in ["a", "cachemount-bench-1f.2_x"] {
            assert!(check_namespace(good).is_ok(), "{good}");
        }
        for bad in ["", "a/b", "a b", "a\"", "ä"] {
            assert!(check_namespace(bad).is_err(), "{bad}");
        }
    }
}
