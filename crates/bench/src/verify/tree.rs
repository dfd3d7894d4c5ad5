//! The file tree that a stack of layers makes.

use std::collections::BTreeMap;
use std::io::{self, Read};

use sha2::{Digest as _, Sha256};
use tar::EntryType;

use super::tarstream::{Entry, LayerError, each_entry, truncated_or};
use super::volatile::{self, NORMAL_LIMIT};

const WHITEOUT: &[u8] = b".wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";
/// As many symbolic links in one path as the kernel follows.
const MAX_LINKS: u32 = 40;

pub(super) type Hash = [u8; 32];

/// Where a file's content lies: the layer's number from 0 and the entry's number in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Origin {
    pub(super) layer: u32,
    pub(super) ordinal: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    File {
        size: u64,
        sha256: Hash,
        /// The hash of the content without its volatile parts, for the files of which these are known.
        normal: Option<Hash>,
        origin: Origin,
    },
    Directory,
    Symlink(Vec<u8>),
    Character(u32, u32),
    Block(u32, u32),
    Fifo,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The layer that put this node here.
    layer: u32,
}

impl Node {
    pub(super) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }
}

/// Paths without a leading slash; the root is the empty path. Byte order keeps a directory's content together.
#[derive(Debug, Clone, Default)]
pub(super) struct Tree {
    pub(super) nodes: BTreeMap<Vec<u8>, Node>,
}

impl Tree {
    /// Applies layer number `layer`. Names never reach the file system, so `..` does no harm; it is resolved as a container
    /// engine does, within the root.
    pub(super) fn apply(&mut self, layer: u32, reader: &mut impl Read) -> Result<(), LayerError> {
        each_entry(reader, |ordinal, entry, content| {
            self.add(Origin { layer, ordinal }, entry, content)
        })
    }

    /// Everything below the directory `path`, which is not included.
    pub(super) fn below(&self, path: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Node)> {
        let mut prefix = path.to_vec();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        self.nodes
            .range(prefix.clone()..)
            .take_while(move |(key, _)| key.starts_with(&prefix))
            .filter(|(key, _)| !key.is_empty())
    }

    fn add(&mut self, origin: Origin, entry: Entry, content: &mut dyn Read) -> Result<(), LayerError> {
        let path = self.locate(&entry.path);
        let (parent, name) = split(&path);
        if name == OPAQUE {
            self.remove_lower(parent, origin.layer);
            return Ok(());
        }
        if let Some(hidden) = name.strip_prefix(WHITEOUT) {
            // Other names that begin with a double mark are notes of an old storage driver to itself.
            if !hidden.starts_with(WHITEOUT) {
                let target = join(parent, hidden);
                self.remove_lower(&target, origin.layer);
                let lower = self.nodes.get(&target).is_some_and(|node| node.layer < origin.layer);
                if lower && self.below(&target).next().is_none() {
                    self.nodes.remove(&target);
                }
            }
            return Ok(());
        }
        let kind = match entry.kind {
            EntryType::Directory => Kind::Directory,
            EntryType::Symlink => Kind::Symlink(entry.link),
            EntryType::Char => Kind::Character(entry.device.0, entry.device.1),
            EntryType::Block => Kind::Block(entry.device.0, entry.device.1),
            EntryType::Fifo => Kind::Fifo,
            EntryType::Link => return self.link(origin.layer, path, &entry.link),
            _ => read_file(&path, entry.size, origin, content)?,
        };
        let node = Node {
            kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            xattrs: entry.xattrs,
            layer: origin.layer,
        };
        self.place(path, node);
        Ok(())
    }

    /// A hard link is a further name of the same file: it takes over everything but the layer.
    fn link(&mut self, layer: u32, path: Vec<u8>, target: &[u8]) -> Result<(), LayerError> {
        let located = self.locate(target);
        let node = self.nodes.get(&located).filter(|node| !node.is_directory());
        let Some(node) = node else {
            return Err(LayerError::LinkTarget {
                path: escape(&path),
                target: escape(target),
            });
        };
        let node = Node { layer, ..node.clone() };
        self.place(path, node);
        Ok(())
    }

    fn place(&mut self, path: Vec<u8>, node: Node) {
        // Engines create missing parents as root's.
        let mut parent = split(&path).0;
        while !path.is_empty() && !self.nodes.get(parent).is_some_and(Node::is_directory) {
            let directory = Node {
                kind: Kind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
                xattrs: BTreeMap::new(),
                layer: node.layer,
            };
            self.nodes.insert(parent.to_vec(), directory);
            if parent.is_empty() {
                break;
            }
            parent = split(parent).0;
        }
        if !node.is_directory() && self.nodes.get(&path).is_some_and(Node::is_directory) {
            let gone: Vec<_> = self.below(&path).map(|(key, _)| key.clone()).collect();
            for key in gone {
                self.nodes.remove(&key);
            }
        }
        self.nodes.insert(path, node);
    }

    /// Removes what earlier layers put below `path`; directories that hold something newer stay.
    fn remove_lower(&mut self, path: &[u8], layer: u32) {
        let lower: Vec<_> = self
            .below(path)
            .filter(|(_, node)| node.layer < layer)
            .map(|(key, _)| key.clone())
            .collect();
        // Backwards, so that a directory comes after its content.
        for key in lower.into_iter().rev() {
            if self.below(&key).next().is_none() {
                self.nodes.remove(&key);
            }
        }
    }

    /// The path as the kernel would find it in this tree: symbolic links in all parts but the last are followed.
    fn locate(&self, path: &[u8]) -> Vec<u8> {
        let mut todo: Vec<&[u8]> = parts(path).rev().collect();
        let mut at = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == b".." {
                at.truncate(split(&at).0.len());
                continue;
            }
            let next = join(&at, part);
            match self.nodes.get(&next).map(|node| &node.kind) {
                Some(Kind::Symlink(target)) if !todo.is_empty() && links < MAX_LINKS => {
                    links += 1;
                    if target.starts_with(b"/") {
                        at.clear();
                    }
                    todo.extend(parts(target).rev());
                }
                _ => at = next,
            }
        }
        at
    }
}

fn read_file(path: &[u8], size: u64, origin: Origin, content: &mut dyn Read) -> Result<Kind, LayerError> {
    let rule = volatile::rule(path).filter(|_| size <= NORMAL_LIMIT);
    let (read, sha256, normal) = if let Some(rule) = rule {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes).map_err(truncated_or)?;
        let normal = (rule.normalise)(&bytes).map(|normal| hash(&normal));
        (bytes.len() as u64, hash(&bytes), normal)
    } else {
        let mut hasher = Sha256::new();
        let read = io::copy(content, &mut HashWriter(&mut hasher)).map_err(truncated_or)?;
        (read, hasher.finalize().into(), None)
    };
    if read != size {
        return Err(LayerError::Truncated);
    }
    Ok(Kind::File {
        size,
        sha256,
        normal,
        origin,
    })
}

pub(super) fn hash(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}

/// `io::Write` for a hasher.
pub(super) struct HashWriter<'a>(pub(super) &'a mut Sha256);

impl io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&b| b == b'/')
        .filter(|part| !part.is_empty() && *part != b".")
}

/// The directory and the name of a path; the root is its own directory.
pub(super) fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|&b| b == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&[], path),
    }
}

fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() {
        name.to_vec()
    } else {
        [parent, b"/", name].concat()
    }
}

/// A path as text: bytes that are not UTF-8 and control characters as `\xNN`, a backslash doubled, so that two paths
/// never look the same.
pub(super) fn escape(path: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            // Writing into a String cannot fail.
            let _ = match c {
                '\\' => write!(out, "\\\\"),
                c if c.is_control() => write!(out, "{}", c.escape_default()),
                c => write!(out, "{c}"),
            };
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}
