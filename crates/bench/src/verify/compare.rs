//! Two trees set against each other, and what to make of each difference.

use serde::Serialize;

use super::CompareOptions;
use super::tree::{Hash, Kind, Node, Tree, escape, split};
use super::volatile;

/// One property in which a file differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "aspect", rename_all = "snake_case")]
pub enum Aspect {
    /// File, directory, link and so on.
    Type {
        /// Before.
        before: &'static str,
        /// After.
        after: &'static str,
    },
    /// Permissions with set-uid, set-gid and sticky bit, in octal.
    Mode {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// `uid:gid`.
    Owner {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// The content of a regular file.
    Content {
        /// Bytes before.
        before_size: u64,
        /// Bytes after.
        after_size: u64,
        /// Checksum before, in hexadecimal.
        before_sha256: String,
        /// Checksum after.
        after_sha256: String,
    },
    /// Where a symbolic link points.
    LinkTarget {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// `major:minor`.
    Device {
        /// Before.
        before: String,
        /// After.
        after: String,
    },
    /// Extended attributes such as file capabilities: the names of those that differ.
    Xattrs {
        /// Names.
        names: Vec<String>,
    },
}

/// What happened to a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Change {
    /// Only the image after has it.
    Added {
        /// File, directory, link and so on.
        file_type: &'static str,
        /// Bytes, for a regular file.
        size: u64,
    },
    /// Only the image before has it.
    Removed {
        /// File, directory, link and so on.
        file_type: &'static str,
        /// Bytes, for a regular file.
        size: u64,
    },
    /// Both have it, not the same.
    Changed {
        /// In what.
        what: Vec<Aspect>,
    },
}

/// What a difference means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum Class {
    /// Differs from build to build, whatever the Dockerfile says; without the varying part it is the same.
    Volatile {
        /// Which part varies.
        reason: &'static str,
    },
    /// A directory or an empty lock file at a cache mount's target that came or went with the mount, and holds nothing.
    MountStub {
        /// The owner of what is left (or was there before).
        uid: u64,
        /// The group.
        gid: u64,
    },
    /// Left in the image before by a tool that now keeps it in a mount. Only with
    /// [`CompareOptions::cache_targets`].
    RemovedCache {
        /// The mount's target.
        target: String,
    },
    /// A difference between the images.
    Real {
        /// What may be behind it.
        hint: Option<String>,
    },
}

/// One path in which the images differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The absolute path; bytes that are not UTF-8 as `\xNN`.
    pub path: String,
    /// What happened.
    pub kind: Change,
    /// What to make of it.
    pub class: Class,
    /// For a small text file whose content really differs: the difference, in unified format.
    pub diff: Option<String>,
    #[serde(skip)]
    pub(super) raw_path: Vec<u8>,
}

impl Difference {
    /// Whether the images are not the same because of this.
    #[must_use]
    pub fn is_real(&self) -> bool {
        matches!(self.class, Class::Real { .. })
    }
}

/// Where a file that came or went suggests a mistake with a mount.
const HINTS: &[(&str, &str)] = &[
    ("var/lib/apt/lists/", "apt's package lists"),
    ("var/cache/apt/archives/", "packages downloaded by apt"),
    ("var/cache/apt/", "apt's own cache"),
    (
        "var/lib/apt/extended_states",
        "apt's note of what it installed automatically",
    ),
];

pub(super) fn compare(before: &Tree, after: &Tree, options: &CompareOptions) -> Vec<Difference> {
    let targets: Vec<Vec<u8>> = options
        .mount_targets
        .iter()
        .map(|t| t.trim_matches('/').as_bytes().to_vec())
        .collect();
    let judge = Judge {
        before,
        after,
        targets: &targets,
        options,
    };
    let mut differences = Vec::new();
    let mut push = |path: &Vec<u8>, kind, class| {
        let raw_path = path.clone();
        differences.push(Difference {
            path: format!("/{}", escape(path)),
            kind,
            class,
            diff: None,
            raw_path,
        });
    };
    for (path, old) in &before.nodes {
        match after.nodes.get(path) {
            None => {
                let (file_type, size) = facts(old);
                push(path, Change::Removed { file_type, size }, judge.removed(path, old));
            }
            Some(new) => {
                let what = aspects(old, new);
                if !what.is_empty() {
                    let class = judge.changed(path, old, new, &what);
                    push(path, Change::Changed { what }, class);
                }
            }
        }
    }
    for (path, new) in after.nodes.iter().filter(|(path, _)| !before.nodes.contains_key(*path)) {
        let (file_type, size) = facts(new);
        push(path, Change::Added { file_type, size }, judge.added(path, new));
    }
    differences.sort_by(|a, b| a.raw_path.cmp(&b.raw_path));
    differences
}

struct Judge<'a> {
    before: &'a Tree,
    after: &'a Tree,
    targets: &'a [Vec<u8>],
    options: &'a CompareOptions,
}

impl Judge<'_> {
    fn added(&self, path: &[u8], node: &Node) -> Class {
        if self.near_mount(path) && holds_nothing(self.after, path, node) {
            return match self.owner_above(path) {
                Some((uid, parent)) if uid != 0 && node.uid == 0 && node.is_directory() => Class::Real {
                    hint: Some(format!(
                        "a mount point left behind as root's below /{}, which belongs to uid {uid}: that user cannot write in it",
                        escape(parent)
                    )),
                },
                _ => Class::MountStub {
                    uid: node.uid,
                    gid: node.gid,
                },
            };
        }
        let below = self.below_mount(path);
        let hint = if let Some(target) = below {
            Some(format!(
                "below the mount target /{}, but written to the image: the mount was not in force in the step that wrote it",
                escape(target)
            ))
        } else if node.is_directory() && self.after.below(path).next().is_none() {
            Some("an empty directory: perhaps left behind by a mount".to_owned())
        } else {
            hint_for(path)
                .map(|what| format!("{what}, now in the image: a step that no longer cleans up runs without the mount"))
        };
        Class::Real { hint }
    }

    fn removed(&self, path: &[u8], node: &Node) -> Class {
        // With its cache gone, an empty file in it is no mount point of its own.
        let holds_cache = self.below_mount(path).is_some_and(|target| {
            self.is_cache(target) && !self.before.below(target).all(|(_, node)| node.is_directory())
        });
        if !holds_cache && self.near_mount(path) && holds_nothing(self.before, path, node) {
            return Class::MountStub {
                uid: node.uid,
                gid: node.gid,
            };
        }
        let target = self
            .below_mount(path)
            .or_else(|| self.above_mount(path).filter(|_| self.only_caches(path)));
        match target {
            Some(target) if self.is_cache(target) => Class::RemovedCache {
                target: format!("/{}", escape(target)),
            },
            Some(target) => Class::Real {
                hint: Some(format!(
                    "below the mount target /{}: it now stays in the mount, and a later step or the container may want it",
                    escape(target)
                )),
            },
            None => Class::Real {
                hint: hint_for(path).map(|what| format!("{what}, no longer in the image: hidden by a mount?")),
            },
        }
    }

    fn changed(&self, path: &[u8], old: &Node, new: &Node, what: &[Aspect]) -> Class {
        if new.is_directory() && old.uid != 0 && new.uid == 0 {
            let hint = format!(
                "the directory belonged to uid {} and became root's: that user can no longer write in it",
                old.uid
            );
            return Class::Real { hint: Some(hint) };
        }
        let stub = |tree, node: &Node| holds_nothing(tree, path, node);
        if self.below_mount(path).is_some() && stub(self.before, old) && stub(self.after, new) {
            return Class::MountStub {
                uid: new.uid,
                gid: new.gid,
            };
        }
        if let (Kind::File { normal: Some(a), .. }, Kind::File { normal: Some(b), .. }) = (&old.kind, &new.kind)
            && a == b
            && matches!(what, [Aspect::Content { .. }])
            && let Some(rule) = volatile::rule(path)
        {
            return Class::Volatile { reason: rule.reason };
        }
        Class::Real { hint: None }
    }

    /// The mount target that `path` is or lies below.
    fn below_mount(&self, path: &[u8]) -> Option<&[u8]> {
        self.targets
            .iter()
            .map(Vec::as_slice)
            .find(|target| is_within(path, target))
    }

    /// Whether a package manager is known to cache in this mount target.
    fn is_cache(&self, target: &[u8]) -> bool {
        self.options
            .cache_targets
            .iter()
            .any(|cache| cache.trim_matches('/').as_bytes() == target)
    }

    /// A mount target below `path`.
    fn above_mount(&self, path: &[u8]) -> Option<&[u8]> {
        self.targets
            .iter()
            .map(Vec::as_slice)
            .find(|target| is_within(target, path))
    }

    fn near_mount(&self, path: &[u8]) -> bool {
        self.below_mount(path).or_else(|| self.above_mount(path)).is_some()
    }

    /// Whether all files below `path` before lie below a mount target.
    fn only_caches(&self, path: &[u8]) -> bool {
        self.before
            .below(path)
            .all(|(inner, node)| node.is_directory() || self.below_mount(inner).is_some())
    }

    /// The nearest directory above `path` that the image before has, and its owner.
    fn owner_above<'p>(&self, path: &'p [u8]) -> Option<(u64, &'p [u8])> {
        let mut at = path;
        while !at.is_empty() {
            at = split(at).0;
            if let Some(node) = self.before.nodes.get(at) {
                return Some((node.uid, at));
            }
        }
        None
    }
}

/// A directory with nothing but directories and empty lock files below it, or such a lock file.
fn holds_nothing(tree: &Tree, path: &[u8], node: &Node) -> bool {
    let is_lock = |path: &[u8], node: &Node| {
        let name = split(path).1;
        matches!(node.kind, Kind::File { size: 0, .. }) && (name == b"lock" || name.ends_with(b".lock"))
    };
    if node.is_directory() {
        tree.below(path)
            .all(|(inner, node)| node.is_directory() || is_lock(inner, node))
    } else {
        is_lock(path, node)
    }
}

fn is_within(path: &[u8], directory: &[u8]) -> bool {
    path.strip_prefix(directory)
        .is_some_and(|rest| rest.is_empty() || rest[0] == b'/' || directory.is_empty())
}

fn hint_for(path: &[u8]) -> Option<&'static str> {
    HINTS
        .iter()
        .find(|(prefix, _)| path.starts_with(prefix.as_bytes()))
        .map(|&(_, what)| what)
}

fn aspects(old: &Node, new: &Node) -> Vec<Aspect> {
    let mut what = Vec::new();
    match (&old.kind, &new.kind) {
        (
            Kind::File {
                size: before_size,
                sha256: a,
                ..
            },
            Kind::File {
                size: after_size,
                sha256: b,
                ..
            },
        ) => {
            if a != b {
                what.push(Aspect::Content {
                    before_size: *before_size,
                    after_size: *after_size,
                    before_sha256: hex(a),
                    after_sha256: hex(b),
                });
            }
        }
        (Kind::Symlink(a), Kind::Symlink(b)) => {
            if a != b {
                what.push(Aspect::LinkTarget {
                    before: escape(a),
                    after: escape(b),
                });
            }
        }
        (Kind::Character(a, b), Kind::Character(c, d)) | (Kind::Block(a, b), Kind::Block(c, d)) => {
            if (a, b) != (c, d) {
                what.push(Aspect::Device {
                    before: format!("{a}:{b}"),
                    after: format!("{c}:{d}"),
                });
            }
        }
        (Kind::Directory, Kind::Directory) | (Kind::Fifo, Kind::Fifo) => {}
        _ => what.push(Aspect::Type {
            before: facts(old).0,
            after: facts(new).0,
        }),
    }
    // The mode of a symbolic link means nothing, and tools write different ones.
    if old.mode != new.mode && !matches!((&old.kind, &new.kind), (Kind::Symlink(_), Kind::Symlink(_))) {
        what.push(Aspect::Mode {
            before: format!("{:04o}", old.mode),
            after: format!("{:04o}", new.mode),
        });
    }
    if (old.uid, old.gid) != (new.uid, new.gid) {
        what.push(Aspect::Owner {
            before: format!("{}:{}", old.uid, old.gid),
            after: format!("{}:{}", new.uid, new.gid),
        });
    }
    if old.xattrs != new.xattrs {
        let all: std::collections::BTreeSet<_> = old.xattrs.keys().chain(new.xattrs.keys()).collect();
        let names = all
            .into_iter()
            .filter(|name| old.xattrs.get(*name) != new.xattrs.get(*name));
        what.push(Aspect::Xattrs {
            names: names.map(|name| escape(name)).collect(),
        });
    }
    what
}

fn facts(node: &Node) -> (&'static str, u64) {
    match node.kind {
        Kind::File { size, .. } => ("file", size),
        Kind::Directory => ("directory", 0),
        Kind::Symlink(_) => ("symbolic link", 0),
        Kind::Character(..) => ("character device", 0),
        Kind::Block(..) => ("block device", 0),
        Kind::Fifo => ("pipe", 0),
    }
}

pub(super) fn hex(hash: &Hash) -> String {
    use std::fmt::Write as _;
    hash.iter().fold(String::with_capacity(64), |mut out, byte| {
        // Writing into a String cannot fail.
        let _ = write!(out, "{byte:02x}");
        out
    })
}
