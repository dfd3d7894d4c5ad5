//! Which files are Dockerfiles.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ignore::WalkBuilder;

/// A file to work on.
#[derive(Debug, Clone)]
pub struct Input {
    /// Its path as it is shown.
    pub shown: String,
    /// Where it is; `None` for standard input.
    pub path: Option<PathBuf>,
}

/// Paths that could not be searched.
pub type Problems = Vec<String>;

/// Finds the files that the arguments name. Files named directly are taken whatever they are called.
pub fn inputs(paths: &[PathBuf]) -> (Vec<Input>, Problems) {
    let mut inputs = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input {
                shown: "<stdin>".to_owned(),
                path: None,
            });
        } else if path.is_dir() {
            search(path, &mut inputs, &mut problems);
        } else if path.exists() {
            inputs.push(Input {
                shown: path.display().to_string(),
                path: Some(path.clone()),
            });
        } else {
            problems.push(format!(
                "failed to read `{}`: there is no such file or folder",
                path.display()
            ));
        }
    }
    (inputs, problems)
}

fn search(folder: &Path, inputs: &mut Vec<Input>, problems: &mut Problems) {
    let mut found = Vec::new();
    // Hidden folders may hold Dockerfiles (`.devcontainer`); version control does not.
    let walk = WalkBuilder::new(folder)
        .hidden(false)
        .require_git(false)
        .filter_entry(|entry| entry.file_name() != ".git")
        .build();
    for entry in walk {
        match entry {
            Ok(entry) => {
                let is_file = entry
                    .file_type()
                    .is_some_and(|kind| kind.is_file() || (kind.is_symlink() && entry.path().is_file()));
                if is_file && is_dockerfile(entry.path()) {
                    found.push(entry.into_path());
                }
            }
            Err(error) => problems.push(format!("failed to search: {error}")),
        }
    }
    found.sort();
    inputs.extend(found.into_iter().map(|path| {
        let shown = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        Input {
            shown,
            path: Some(path),
        }
    }));
}

/// `Dockerfile`, `Dockerfile.dev`, `api.Dockerfile`, `Containerfile`, in any case.
fn is_dockerfile(path: &Path) -> bool {
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    ["dockerfile", "containerfile"].iter().any(|word| {
        name == *word
            || name
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with(['.', '-', '_']) && !rest.ends_with(".dockerignore"))
            || name.strip_suffix(word).is_some_and(|rest| rest.ends_with('.'))
    })
}

impl Input {
    /// Its bytes.
    pub fn read(&self) -> Result<Vec<u8>> {
        match &self.path {
            Some(path) => Ok(fs_err::read(path)?),
            None => {
                let mut source = Vec::new();
                std::io::stdin()
                    .read_to_end(&mut source)
                    .context("read standard input")?;
                Ok(source)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_dockerfiles() {
        for name in [
            "Dockerfile",
            "dockerfile",
            "Dockerfile.dev",
            "api.Dockerfile",
            "Containerfile",
            "Dockerfile-alpine",
        ] {
            assert!(is_dockerfile(Path::new(name)), "{name}");
        }
        for name in [
            "Dockerfile.dockerignore",
            "dockerfiles",
            "README.md",
            "mydockerfile",
            "Makefile",
        ] {
            assert!(!is_dockerfile(Path::new(name)), "{name}");
        }
    }
}
