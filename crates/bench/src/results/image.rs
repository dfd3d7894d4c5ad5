//! The comparison of two images, as results keep it.

use serde::{Deserialize, Serialize};

use crate::verify::Comparison;

/// How many differences are kept by name; a broken image may have a hundred thousand.
const MOST_NAMED: usize = 200;

/// Whether the image after is the image before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageResult {
    /// The same but for what varies from build to build, and empty mount points.
    pub same: bool,
    /// Paths compared.
    pub paths: u64,
    /// Those that are regular files.
    pub files: u64,
    /// Bytes of all layers before, as tar archives.
    pub bytes_before: u64,
    /// Bytes of all layers after, as tar archives.
    pub bytes_after: u64,
    /// Paths that really differ.
    pub real: usize,
    /// Paths that differ in a way that means nothing.
    pub harmless: usize,
    /// Fields of the configuration that differ.
    pub config: Vec<String>,
    /// The differences, real ones first, at most 200.
    pub differences: Vec<ImageDifference>,
    /// A summary for people, with diffs.
    pub text: String,
}

/// One path that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageDifference {
    /// The path.
    pub path: String,
    /// It means something.
    pub real: bool,
}

impl From<&Comparison> for ImageResult {
    fn from(comparison: &Comparison) -> Self {
        let real = comparison.real().count();
        let mut differences: Vec<ImageDifference> = comparison
            .differences
            .iter()
            .map(|difference| ImageDifference {
                path: difference.path.clone(),
                real: difference.is_real(),
            })
            .collect();
        differences.sort_by_key(|difference| !difference.real);
        differences.truncate(MOST_NAMED);
        Self {
            same: comparison.same(),
            paths: comparison.paths,
            files: comparison.files,
            bytes_before: comparison.before.layer_bytes,
            bytes_after: comparison.after.layer_bytes,
            real,
            harmless: comparison.differences.len() - real,
            config: comparison
                .config
                .iter()
                .map(|difference| difference.field.to_owned())
                .collect(),
            differences,
            text: comparison.to_text(),
        }
    }
}
