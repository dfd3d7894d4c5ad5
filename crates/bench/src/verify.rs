//! Is the image after the change the image before it?
//!
//! [`compare_archives`] reads two image archives, builds the file tree of each and sets them against each other, path by
//! path: type, mode, owner, content, link target, device numbers and extended attributes, and the configuration. Archives
//! are what `docker save` writes (of old and new engines) and the OCI layout as a tar.
//!
//! Not compared: times of files (two builds never have the same), whether two names share one file (a hard link counts as a
//! further file of the same content), the order of layers and their number, the image's history.
//!
//! Some files differ between any two builds. They are listed in `volatile.rs` with the part that varies; the rest of them is
//! compared. Everything else that differs is real.
//!
//! Contents are hashed as they stream by. Memory grows with the number of paths, not with the images' size.

mod archive;
mod compare;
mod config;
mod content;
mod summary;
mod tarstream;
#[cfg(test)]
mod tests;
mod tree;
mod volatile;

use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use thiserror::Error;

pub use compare::{Aspect, Change, Class, Difference};
pub use config::ConfigDifference;

use archive::Image;
use tarstream::LayerError;
use tree::Tree;

/// How to compare.
#[derive(Debug, Clone)]
pub struct CompareOptions {
    /// Which image of an OCI archive with several, as `linux/amd64` or `linux/arm/v7`.
    pub platform: Option<String>,
    /// The absolute paths of the cache mounts of the image after. Empty directories there are notes, not differences.
    pub mount_targets: Vec<String>,
    /// Of these, the directories that a package manager is known to cache in. What the image before carries about there
    /// may be missing after. Below any other target a missing file is a difference: the mount may have swallowed what the
    /// image needs.
    pub cache_targets: Vec<String>,
    /// Up to what size, in bytes, a text file that differs is shown as a diff.
    pub text_limit: u64,
}

impl Default for CompareOptions {
    fn default() -> Self {
        Self {
            platform: None,
            mount_targets: Vec::new(),
            cache_targets: Vec::new(),
            text_limit: 128 << 10,
        }
    }
}

/// Why two archives could not be compared. None of them says anything about the images.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The file system's error; it names the path.
    #[error("read an image archive: {0}")]
    Io(#[from] io::Error),
    /// The archive's own table cannot be read.
    #[error("read the image archive `{}`: {source}", archive.display())]
    Index {
        /// The archive.
        archive: PathBuf,
        /// What is wrong.
        source: io::Error,
    },
    /// The file is no image archive, or not the one wanted.
    #[error("find an image in `{}`: {reason}", archive.display())]
    NotAnImage {
        /// The archive.
        archive: PathBuf,
        /// What is missing.
        reason: &'static str,
    },
    /// The archive ends in the middle of an entry.
    #[error("read `{entry}` of the image archive `{}`: it breaks off", archive.display())]
    Truncated {
        /// The archive.
        archive: PathBuf,
        /// The entry.
        entry: String,
    },
    /// A manifest names an entry that is not there.
    #[error("find `{entry}` in the image archive `{}`", archive.display())]
    Missing {
        /// The archive.
        archive: PathBuf,
        /// The entry.
        entry: String,
    },
    /// A manifest or configuration is not what it should be.
    #[error("read `{entry}` of the image archive `{}`: {source}", archive.display())]
    Json {
        /// The archive.
        archive: PathBuf,
        /// The entry.
        entry: String,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// The archive holds several images and none was chosen.
    #[error("choose an image of `{}`: it holds {}", archive.display(), choices.join(", "))]
    Several {
        /// The archive.
        archive: PathBuf,
        /// Their platforms or tags.
        choices: Vec<String>,
    },
    /// A layer is compressed in a way this program cannot undo.
    #[error("read layer `{layer}` of `{}`: it is compressed with {format}; export it uncompressed or with gzip", archive.display())]
    Compression {
        /// The archive.
        archive: PathBuf,
        /// The layer's entry.
        layer: String,
        /// The format.
        format: &'static str,
    },
    /// A layer is broken.
    #[error("read layer `{layer}` of `{}`: {reason}", archive.display())]
    Layer {
        /// The archive.
        archive: PathBuf,
        /// The layer's entry.
        layer: String,
        /// What is wrong.
        reason: String,
    },
    /// A layer is not the one that the configuration names.
    #[error("read layer `{layer}` of `{}`: its content does not have the digest that the configuration gives", archive.display())]
    Digest {
        /// The archive.
        archive: PathBuf,
        /// The layer's entry.
        layer: String,
    },
}

impl VerifyError {
    fn layer(archive: &Path, layer: &str, source: LayerError) -> Self {
        match source {
            LayerError::Truncated => Self::Truncated {
                archive: archive.to_owned(),
                entry: layer.to_owned(),
            },
            source => Self::Layer {
                archive: archive.to_owned(),
                layer: layer.to_owned(),
                reason: source.to_string(),
            },
        }
    }
}

/// What an image comes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageFacts {
    /// The number of layers.
    pub layers: usize,
    /// All layers together, uncompressed, in bytes.
    pub layer_bytes: u64,
    /// All layers together as they lie in the archive, in bytes.
    pub stored_bytes: u64,
    /// Regular files in the finished tree.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
}

/// The result of a comparison.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// The version of this structure as JSON.
    pub version: u32,
    /// The image before.
    pub before: ImageFacts,
    /// The image after.
    pub after: ImageFacts,
    /// Paths in either image.
    pub paths: u64,
    /// Those of them that are a regular file in either.
    pub files: u64,
    /// Paths that differ, in the order of their bytes.
    pub differences: Vec<Difference>,
    /// Fields of the configuration that differ; all of them are real.
    pub config: Vec<ConfigDifference>,
}

impl Comparison {
    /// Whether the images are the same but for what varies from build to build and empty mount points.
    #[must_use]
    pub fn same(&self) -> bool {
        self.config.is_empty() && self.real().next().is_none()
    }

    /// The paths that really differ.
    pub fn real(&self) -> impl Iterator<Item = &Difference> {
        self.differences.iter().filter(|difference| difference.is_real())
    }

    /// A summary for people: verdict, counts, and the real differences with diffs of small text files.
    #[must_use]
    pub fn to_text(&self) -> String {
        summary::to_text(self)
    }
}

/// Compares two image archives file by file.
///
/// Layers that both have in common at the bottom are read once. Every layer is checked against the digest that the image's
/// configuration gives for it.
pub fn compare_archives(before: &Path, after: &Path, options: &CompareOptions) -> Result<Comparison, VerifyError> {
    let platform = options.platform.as_deref();
    let (old, new) = (Image::open(before, platform)?, Image::open(after, platform)?);
    let common = old
        .layers
        .iter()
        .zip(&new.layers)
        .take_while(|(a, b)| a.diff_id.is_some() && a.diff_id == b.diff_id)
        .count();
    let mut base = Tree::default();
    let base_bytes = apply(&old, 0..common, &mut base)?;
    let mut old_tree = base.clone();
    let old_bytes = base_bytes + apply(&old, common..old.layers.len(), &mut old_tree)?;
    let mut new_tree = base;
    let new_bytes = base_bytes + apply(&new, common..new.layers.len(), &mut new_tree)?;

    let mut differences = compare::compare(&old_tree, &new_tree, options);
    content::add_diffs(&mut differences, (&old, &old_tree), (&new, &new_tree), options)?;
    let is_file = |tree: &Tree, path: &[u8]| matches!(tree.nodes.get(path), Some(node) if matches!(node.kind, tree::Kind::File { .. }));
    let only_new = || new_tree.nodes.keys().filter(|path| !old_tree.nodes.contains_key(*path));
    let all = || old_tree.nodes.keys().chain(only_new());
    Ok(Comparison {
        version: 1,
        before: facts(&old, &old_tree, old_bytes),
        after: facts(&new, &new_tree, new_bytes),
        paths: all().count() as u64,
        files: all()
            .filter(|path| is_file(&old_tree, path) || is_file(&new_tree, path))
            .count() as u64,
        differences,
        config: config::compare(&old.config, &new.config),
    })
}

/// Applies some layers of an image and returns their uncompressed bytes.
fn apply(image: &Image, layers: std::ops::Range<usize>, tree: &mut Tree) -> Result<u64, VerifyError> {
    let mut bytes = 0;
    for number in layers {
        // An image has at most some hundred layers.
        let layer = u32::try_from(number).unwrap_or(u32::MAX);
        bytes += image.read_layer(number, |mut reader| tree.apply(layer, &mut reader))?;
    }
    Ok(bytes)
}

fn facts(image: &Image, tree: &Tree, layer_bytes: u64) -> ImageFacts {
    let sizes = || {
        tree.nodes.values().filter_map(|node| match node.kind {
            tree::Kind::File { size, .. } => Some(size),
            _ => None,
        })
    };
    ImageFacts {
        layers: image.layers.len(),
        layer_bytes,
        stored_bytes: image.layers.iter().map(|layer| layer.stored).sum(),
        files: sizes().count() as u64,
        file_bytes: sizes().sum(),
    }
}
