//! What is known of package managers and base images: data, read from `data/`.
//!
//! The code never names a package manager. A tool is a TOML file under `data/tools/`; the fields are documented on
//! [`Tool`], which is their schema.

mod image;
mod pattern;
mod tool;

use std::sync::LazyLock;

pub use image::{Account, Image, ImageRef, slug};
pub use pattern::{Glob, Words};
pub use tool::{CacheDir, Hide, Holds, KeepFlags, Need, Off, OffEnv, Scope, SetEnv, Sharing, Tool, Wipe};

/// Everything that is known.
#[derive(Debug, Clone)]
pub struct Knowledge {
    /// The package managers.
    pub tools: Vec<Tool>,
    /// The base images.
    pub images: Vec<Image>,
}

/// Why a data file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("read `{file}`: {message}")]
pub struct KnowledgeError {
    /// The file.
    pub file: String,
    /// What is wrong, with line and column.
    pub message: String,
}

const TOOLS: &[(&str, &str)] = &[
    ("apt.toml", include_str!("../../data/tools/apt.toml")),
    ("npm.toml", include_str!("../../data/tools/npm.toml")),
    ("pip.toml", include_str!("../../data/tools/pip.toml")),
    ("uv.toml", include_str!("../../data/tools/uv.toml")),
];

/// The version of the data format that this program reads.
pub const SCHEMA: u32 = 1;

impl Knowledge {
    /// The built-in knowledge.
    ///
    /// # Panics
    ///
    /// If the files that were compiled in do not parse, which a test rules out.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the data is compiled in and a test reads it")]
    pub fn builtin() -> &'static Self {
        static BUILTIN: LazyLock<Knowledge> = LazyLock::new(|| Knowledge::load().expect("the built-in data is valid"));
        &BUILTIN
    }

    fn load() -> Result<Self, KnowledgeError> {
        let tools = TOOLS
            .iter()
            .map(|(file, text)| Tool::parse(file, text))
            .collect::<Result<_, _>>()?;
        let images = image::parse("images.toml", include_str!("../../data/images.toml"))?;
        Ok(Self { tools, images })
    }

    /// The tool of this id.
    #[must_use]
    pub fn tool(&self, id: &str) -> Option<&Tool> {
        self.tools.iter().find(|tool| tool.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_builtin_data_is_valid() {
        let knowledge = Knowledge::load().expect("valid");
        for tool in &knowledge.tools {
            assert!(!tool.cache.is_empty(), "{}", tool.id);
            for cache in &tool.cache {
                assert!(!cache.why.is_empty(), "{}: the sharing mode has a reason", tool.id);
                for path in &cache.path {
                    assert!(!path.ends_with('/'), "{}: {path}", tool.id);
                }
            }
        }
        assert!(knowledge.images.len() > 30);
    }

    #[test]
    fn a_bad_entry_names_its_file_and_line() {
        let error = Tool::parse("mine.toml", "schema = 1\nid = 3\n").expect_err("a number is no id");
        assert_eq!(error.file, "mine.toml");
        assert!(error.message.contains("line 2"), "{}", error.message);
        let error = Tool::parse("mine.toml", "schema = 9\n").expect_err("too new");
        assert!(error.message.contains("schema 9"), "{}", error.message);
    }
}
