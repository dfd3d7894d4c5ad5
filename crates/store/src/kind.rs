//! What a file in a mount is for, told by its path.

use serde::Serialize;

/// What a file in a mount is for. Only [`Kind::Payload`] and [`Kind::Index`] save a download.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// What gets installed: packages, wheels, tarballs, build results.
    Payload,
    /// Lists and metadata that say what can be installed.
    Index,
    /// Made on the spot from other files; saves a little computing, never a download.
    Derived,
    /// Locks, markers and the tool's own logs.
    Bookkeeping,
}

impl Kind {
    /// Whether such a file would have to be fetched if the mount did not hold it.
    #[must_use]
    pub fn is_needed(self) -> bool {
        matches!(self, Self::Payload | Self::Index)
    }
}

enum Pattern {
    Name(&'static str),
    NameEnd(&'static str),
    /// A directory of exactly this name anywhere above the file.
    Inside(&'static str),
    /// A directory whose name begins so anywhere above the file (`simple-v16`: the number is the format's version).
    InsideBegin(&'static str),
}

/// The first match wins. These are file names in cache formats, not knowledge of how a tool is called; a caller who knows
/// better passes its own function to [`served_by`](crate::served_by).
const TABLE: &[(Pattern, Kind)] = &[
    (Pattern::Name("lock"), Kind::Bookkeeping),
    (Pattern::Name(".lock"), Kind::Bookkeeping),
    (Pattern::NameEnd(".lock"), Kind::Bookkeeping),
    (Pattern::Name("CACHEDIR.TAG"), Kind::Bookkeeping),
    (Pattern::Inside("_logs"), Kind::Bookkeeping),
    (Pattern::Name("_update-notifier-last-checked"), Kind::Bookkeeping),
    // apt's two memory-mapped package tables: tens of megabytes, made anew from the lists whenever those changed.
    (Pattern::Name("pkgcache.bin"), Kind::Derived),
    (Pattern::Name("srcpkgcache.bin"), Kind::Derived),
    (Pattern::NameEnd("_InRelease"), Kind::Index),
    (Pattern::NameEnd("_Release"), Kind::Index),
    (Pattern::NameEnd("_Release.gpg"), Kind::Index),
    (Pattern::NameEnd("_Packages"), Kind::Index),
    (Pattern::NameEnd("_Packages.lz4"), Kind::Index),
    (Pattern::NameEnd("_Packages.xz"), Kind::Index),
    (Pattern::NameEnd("_Packages.gz"), Kind::Index),
    (Pattern::NameEnd("_Sources"), Kind::Index),
    (Pattern::NameEnd("_Translation-en"), Kind::Index),
    (Pattern::InsideBegin("simple-v"), Kind::Index),
    (Pattern::InsideBegin("index-v"), Kind::Index),
    (Pattern::Inside("selfcheck"), Kind::Bookkeeping),
];

/// Sorts a path relative to the mount into a [`Kind`] by its names alone.
///
/// ```
/// use cachemount_store::{Kind, kind_of_path};
/// assert_eq!(kind_of_path(b"archives/lock"), Kind::Bookkeeping);
/// assert_eq!(kind_of_path(b"archives/jq_1.6_amd64.deb"), Kind::Payload);
/// assert_eq!(kind_of_path(b"_cacache/index-v5/0a/1b/cafe"), Kind::Index);
/// assert_eq!(kind_of_path(b"pkgcache.bin"), Kind::Derived);
/// ```
#[must_use]
pub fn kind_of_path(path: &[u8]) -> Kind {
    let mut parts: Vec<&[u8]> = path.split(|&b| b == b'/').collect();
    let name = parts.pop().unwrap_or_default();
    // Tools put a `.gitignore` of one line at the top of their cache; deeper down it may belong to a package.
    if name == b".gitignore" && parts.is_empty() {
        return Kind::Bookkeeping;
    }
    TABLE
        .iter()
        .find(|(pattern, _)| match pattern {
            Pattern::Name(want) => name == want.as_bytes(),
            Pattern::NameEnd(want) => name.ends_with(want.as_bytes()),
            Pattern::Inside(want) => parts.iter().any(|part| part == &want.as_bytes()),
            Pattern::InsideBegin(want) => parts.iter().any(|part| part.starts_with(want.as_bytes())),
        })
        .map_or(Kind::Payload, |&(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        for (path, kind) in [
            (".lock", Kind::Bookkeeping),
            ("CACHEDIR.TAG", Kind::Bookkeeping),
            (".gitignore", Kind::Bookkeeping),
            ("archive-v0/abc/pkg/.gitignore", Kind::Payload),
            ("archive-v0/abc/pkg/data.bin", Kind::Payload),
            ("simple-v16/pypi/numpy.rkyv", Kind::Index),
            ("wheels-v5/pypi/numpy/x.msgpack", Kind::Payload),
            ("host_debian_dists_trixie_InRelease", Kind::Index),
            ("host_debian_dists_trixie_main_binary-amd64_Packages.lz4", Kind::Index),
            ("_logs/2026-debug-0.log", Kind::Bookkeeping),
            ("srcpkgcache.bin", Kind::Derived),
            ("block.rs", Kind::Payload),
        ] {
            assert_eq!(kind_of_path(path.as_bytes()), kind, "{path}");
        }
    }
}
