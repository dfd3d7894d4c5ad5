//! What a mount served to a build.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::kind::{Kind, kind_of_path};
use crate::listing::{Atime, Entry, Listing};

/// Files and bytes of one [`Kind`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct KindTotals {
    /// Non-empty files in the mount before the build.
    pub files_before: u64,
    /// Their bytes.
    pub bytes_before: u64,
    /// Non-empty files in the mount after it.
    pub files_after: u64,
    /// Their bytes.
    pub bytes_after: u64,
    /// Files that the build read and left as they were.
    pub served_files: u64,
    /// Their bytes.
    pub served_bytes: u64,
    /// Files that the build added or wrote anew.
    pub added_files: u64,
    /// Their bytes.
    pub added_bytes: u64,
}

/// What a mount held before and after a build, and what it served to it.
///
/// Regular files only. The totals before and after count all of them; `served`, `added` and `needed` count the kinds that
/// save a download ([`Kind::is_needed`]) and never an empty file. [`Served::by_kind`] has the others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Served {
    /// Bytes before the build.
    pub bytes_before: u64,
    /// Bytes after it.
    pub bytes_after: u64,
    /// Files before the build, empty ones too.
    pub files_before: u64,
    /// Files after it.
    pub files_after: u64,
    /// Files that were there before with the same size and modification time, and were read by the build.
    pub served_files: u64,
    /// Their bytes.
    pub served_bytes: u64,
    /// Those of the served files of which only their directory was seen to be read: see [`Served::copies_seen`].
    pub walked_files: u64,
    /// Their bytes.
    pub walked_bytes: u64,
    /// Files that are new or were written anew.
    pub added_files: u64,
    /// Their bytes.
    pub added_bytes: u64,
    /// Files of any kind that are gone.
    pub removed_files: u64,
    /// Their bytes.
    pub removed_bytes: u64,
    /// What the build needed: served and added bytes.
    pub needed_bytes: u64,
    /// Served bytes in needed bytes, 0 to 1; none if nothing was needed or reads cannot be seen.
    pub share: Option<f64>,
    /// Whether reads can be seen: they can if the listing before the build was followed by a reset and the file system keeps
    /// access times.
    pub atime: Atime,
    /// Whether copies within the kernel show as reads. Where they do not, a file whose directory was read since the reset
    /// counts as served too, for who copies a tree lists its directories.
    pub copies_seen: bool,
    /// The same figures for every kind of file there is.
    pub by_kind: BTreeMap<Kind, KindTotals>,
}

/// Why a mount that was there for a warm build served nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum DeadReason {
    /// No file of use was there before the build nor after it.
    NeverFilled {
        /// Files of no use for an install: locks, markers, tables made from other files.
        other_files: u64,
    },
    /// No file was there before the build, but some after it.
    FilledTooLate {
        /// Files added by the build.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// The files that were there before the build are gone after it.
    Emptied {
        /// Files before the build.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
    /// Files were there, and none was read.
    NoneRead {
        /// Files before the build.
        files: u64,
        /// Their bytes.
        bytes: u64,
    },
}

impl fmt::Display for DeadReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeverFilled { other_files: 0 } => {
                f.write_str("holds no files after the build: its tool deletes or never writes them")
            }
            Self::NeverFilled { other_files } => write!(
                f,
                "holds nothing to install after the build, only {other_files} file(s) of the tool's own bookkeeping: \
                 its tool deletes or never writes the rest"
            ),
            Self::FilledTooLate { files, bytes } => write!(
                f,
                "held no files when the build began and {files} ({bytes} bytes) when it ended: what it holds came too late \
                 for this build"
            ),
            Self::Emptied { files, bytes } => write!(
                f,
                "held {files} file(s) ({bytes} bytes) when the build began and none when it ended: something in the build \
                 empties it"
            ),
            Self::NoneRead { files, bytes } => {
                write!(
                    f,
                    "holds {files} file(s) ({bytes} bytes), but the build read none of them"
                )
            }
        }
    }
}

/// [`served_by`] with the kinds told by [`kind_of_path`].
#[must_use]
pub fn served(before: &Listing, after: &Listing) -> Served {
    served_by(before, after, |path, _| kind_of_path(path))
}

/// Sets the listing made before a build (with a reset) against the one made after it.
///
/// `classify` gets a path relative to the mount.
#[must_use]
pub fn served_by(before: &Listing, after: &Listing, classify: impl Fn(&[u8], &Entry) -> Kind) -> Served {
    let reset = before.reset.filter(|_| before.atime == Atime::Works);
    let mut by_kind: BTreeMap<Kind, KindTotals> = BTreeMap::new();
    let mut walked = (0, 0);
    let mut removed = (0, 0);
    for (path, old) in before.regular() {
        if old.size > 0 {
            let totals = by_kind.entry(classify(path, old)).or_default();
            totals.files_before += 1;
            totals.bytes_before += old.size;
        }
        if !after.entries.get(path).is_some_and(Entry::is_regular) {
            removed.0 += 1;
            removed.1 += old.size;
        }
    }
    for (path, new) in after.regular().filter(|(_, entry)| entry.size > 0) {
        let kind = classify(path, new);
        let totals = by_kind.entry(kind).or_default();
        totals.files_after += 1;
        totals.bytes_after += new.size;
        let kept = before
            .entries
            .get(path)
            .is_some_and(|old| old.is_regular() && old.size == new.size && old.mtime == new.mtime);
        if !kept {
            totals.added_files += 1;
            totals.added_bytes += new.size;
            continue;
        }
        let read = reset.is_some_and(|reset| new.atime != reset);
        let copied = !read && reset.is_some() && !before.copies_seen && directory_was_read(path, before, after);
        if read || copied {
            totals.served_files += 1;
            totals.served_bytes += new.size;
        }
        if copied && kind.is_needed() {
            walked.0 += 1;
            walked.1 += new.size;
        }
    }
    let sum = |field: fn(&KindTotals) -> u64| -> u64 {
        by_kind
            .iter()
            .filter(|(kind, _)| kind.is_needed())
            .map(|(_, totals)| field(totals))
            .sum()
    };
    let (served_bytes, added_bytes) = (sum(|t| t.served_bytes), sum(|t| t.added_bytes));
    let needed_bytes = served_bytes + added_bytes;
    Served {
        bytes_before: before.total_bytes(),
        bytes_after: after.total_bytes(),
        files_before: before.files(),
        files_after: after.files(),
        served_files: sum(|t| t.served_files),
        served_bytes,
        walked_files: walked.0,
        walked_bytes: walked.1,
        added_files: sum(|t| t.added_files),
        added_bytes,
        removed_files: removed.0,
        removed_bytes: removed.1,
        needed_bytes,
        share: (reset.is_some() && needed_bytes > 0).then(|| served_bytes as f64 / needed_bytes as f64),
        atime: if reset.is_some() { Atime::Works } else { Atime::Frozen },
        copies_seen: before.copies_seen,
        by_kind,
    }
}

/// Whether the build read the directory of `path`; the mount's own directory does not count, for anything may list that.
fn directory_was_read(path: &[u8], before: &Listing, after: &Listing) -> bool {
    let Some(slash) = path.iter().rposition(|&b| b == b'/') else {
        return false;
    };
    after
        .entries
        .get(&path[..slash])
        .is_some_and(|dir| Some(dir.atime) != before.reset && dir.atime < after.started)
}

impl Served {
    /// Why the mount is dead, if this was a warm build whose step ran with the mount: nothing was served.
    ///
    /// None if it served something, and none if reads cannot be seen and the mount does hold files.
    #[must_use]
    pub fn dead_reason(&self) -> Option<DeadReason> {
        if self.served_files > 0 {
            return None;
        }
        let sum = |field: fn(&KindTotals) -> u64, needed: bool| -> u64 {
            self.by_kind
                .iter()
                .filter(|(kind, _)| kind.is_needed() == needed)
                .map(|(_, totals)| field(totals))
                .sum()
        };
        let before = (sum(|t| t.files_before, true), sum(|t| t.bytes_before, true));
        let after = (sum(|t| t.files_after, true), sum(|t| t.bytes_after, true));
        match (before, after) {
            ((0, _), (0, _)) => Some(DeadReason::NeverFilled {
                other_files: sum(|t| t.files_after, false),
            }),
            ((0, _), (files, bytes)) => Some(DeadReason::FilledTooLate { files, bytes }),
            // Without access times we cannot know; a file deleted after it was read looks like one that was not.
            _ if self.atime == Atime::Frozen => None,
            ((files, bytes), (0, _)) => Some(DeadReason::Emptied { files, bytes }),
            ((files, bytes), _) => Some(DeadReason::NoneRead { files, bytes }),
        }
    }
}
