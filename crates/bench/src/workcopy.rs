//! A copy of the build context that may be changed, and what is taken back afterwards.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use tempfile::TempDir;

use crate::choose::ContextFile;
use crate::comment::remarked;

/// A copy of a build context in a temporary folder, which goes when this is dropped.
///
/// Contents, modes, modification times and symbolic links are those of the original; owners are not, and builders
/// ignore them. Sockets, pipes and devices cannot be part of a build and are left out, as is the top `.git` unless it
/// is asked for.
#[derive(Debug)]
pub struct WorkCopy {
    folder: TempDir,
    files: Vec<ContextFile>,
}

impl WorkCopy {
    /// Copies a context.
    pub fn of(context: &Path, with_git: bool) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cachemount-bench-").tempdir()?;
        let root = folder.path().join("context");
        let mut copier = Copier {
            files: Vec::new(),
            own: BTreeSet::from([fs::canonicalize(folder.path())?]),
            with_git,
        };
        copier.folder(&fs::canonicalize(context)?, &root, "")?;
        let mut files = copier.files;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { folder, files })
    }

    /// The copy's folder, to be used as the build context.
    #[must_use]
    pub fn context(&self) -> PathBuf {
        self.folder.path().join("context")
    }

    /// The temporary folder around it, where Dockerfiles and results of helper builds go.
    #[must_use]
    pub fn around(&self) -> &Path {
        self.folder.path()
    }

    /// The regular files of the context, sorted by path.
    #[must_use]
    pub fn files(&self) -> &[ContextFile] {
        &self.files
    }

    /// Bytes of all regular files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    /// Gives a file new content of the same meaning, until the result is dropped or restored.
    pub fn change_content(&self, path: &str, nonce: &str) -> io::Result<Changed> {
        let changed = self.remember(path)?;
        let new = remarked(path, &changed.content, nonce).ok_or_else(|| {
            io::Error::other(format!(
                "it is not known how to change the content of `{path}` without changing what it means"
            ))
        })?;
        fs::write(&changed.path, new)?;
        Ok(changed)
    }

    /// Gives a file a new modification time only.
    pub fn touch(&self, path: &str) -> io::Result<Changed> {
        let changed = self.remember(path)?;
        fs::OpenOptions::new()
            .append(true)
            .open(&changed.path)?
            .set_modified(SystemTime::now())?;
        Ok(changed)
    }

    fn remember(&self, path: &str) -> io::Result<Changed> {
        let path = self.context().join(path);
        Ok(Changed {
            content: fs::read(&path)?,
            modified: fs::metadata(&path)?.modified()?,
            path,
            restored: false,
        })
    }
}

/// A file as it was before a change.
#[derive(Debug)]
pub struct Changed {
    path: PathBuf,
    content: Vec<u8>,
    modified: SystemTime,
    restored: bool,
}

impl Changed {
    /// Takes the change back.
    pub fn restore(mut self) -> io::Result<()> {
        self.restored = true;
        self.put_back()
    }

    fn put_back(&self) -> io::Result<()> {
        fs::write(&self.path, &self.content)?;
        fs::OpenOptions::new()
            .append(true)
            .open(&self.path)?
            .set_modified(self.modified)
    }
}

impl Drop for Changed {
    fn drop(&mut self) {
        if !self.restored {
            // The way of an error or an interruption: the copy goes with it.
            let _ = self.put_back();
        }
    }
}

struct Copier {
    files: Vec<ContextFile>,
    /// Folders of ours, should the temporary folder lie inside the context.
    own: BTreeSet<PathBuf>,
    with_git: bool,
}

impl Copier {
    fn folder(&mut self, from: &Path, to: &Path, path: &str) -> io::Result<()> {
        fs::create_dir(to)?;
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            if cachemount_buildkit::interrupt::requested() {
                return Err(io::Error::from(io::ErrorKind::Interrupted));
            }
            let name = entry.file_name();
            if path.is_empty() && name == ".git" && !self.with_git {
                continue;
            }
            let (source, target) = (entry.path(), to.join(&name));
            let kind = entry.file_type()?;
            if self.own.contains(&source) {
                continue;
            }
            // Names that are not UTF-8 are copied, but are no candidates for a change.
            let below = name.to_str().map(|name| match path {
                "" => name.to_owned(),
                path => format!("{path}/{name}"),
            });
            if kind.is_dir() {
                self.folder(&source, &target, &below.unwrap_or_else(|| "\u{fffd}".to_owned()))?;
            } else if kind.is_symlink() {
                fs::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
            } else if kind.is_file() {
                fs::copy(&source, &target)?;
                let meta = entry.metadata()?;
                set_modified(&target, meta.modified()?)?;
                if let Some(path) = below.filter(|path| !path.contains(char::REPLACEMENT_CHARACTER)) {
                    self.files.push(ContextFile {
                        path,
                        bytes: meta.len(),
                    });
                }
            }
        }
        let meta = fs::metadata(from)?;
        set_modified(to, meta.modified()?)?;
        fs::set_permissions(to, meta.permissions())
    }
}

fn set_modified(path: &Path, modified: SystemTime) -> io::Result<()> {
    // Opening for reading is enough to set times of one's own file, and works for folders and read-only files.
    fs::File::open(path)?.set_modified(modified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn context() -> TempDir {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("src/deep")).unwrap();
        fs::create_dir_all(at(".git")).unwrap();
        fs::write(at(".git/HEAD"), "x").unwrap();
        fs::write(at("src/deep/main.py"), "print(1)\n").unwrap();
        fs::write(at("run.sh"), "#!/bin/sh\n").unwrap();
        fs::set_permissions(at("run.sh"), PermissionsExt::from_mode(0o750)).unwrap();
        fs::os::unix::fs::symlink("run.sh", at("link")).unwrap();
        folder
    }

    #[test]
    fn a_copy_is_the_same_and_apart() {
        let original = context();
        let copy = WorkCopy::of(original.path(), false).unwrap();
        let at = |path: &str| copy.context().join(path);
        let paths: Vec<_> = copy.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["run.sh", "src/deep/main.py"]);
        assert!(!at(".git").exists());
        assert_eq!(fs::read_link(at("link")).unwrap(), Path::new("run.sh"));
        let meta = fs::metadata(at("run.sh")).unwrap();
        let old = fs::metadata(original.path().join("run.sh")).unwrap();
        assert_eq!(meta.permissions().mode() & 0o777, 0o750);
        assert_eq!(meta.modified().unwrap(), old.modified().unwrap());
        assert!(
            WorkCopy::of(original.path(), true)
                .unwrap()
                .context()
                .join(".git/HEAD")
                .exists()
        );

        let changed = copy.change_content("src/deep/main.py", "nonce").unwrap();
        assert_eq!(
            fs::read_to_string(at("src/deep/main.py")).unwrap(),
            "print(1)\n# nonce\n"
        );
        assert_eq!(
            fs::read_to_string(original.path().join("src/deep/main.py")).unwrap(),
            "print(1)\n"
        );
        changed.restore().unwrap();
        assert_eq!(fs::read_to_string(at("src/deep/main.py")).unwrap(), "print(1)\n");
        let folder = copy.around().to_owned();
        drop(copy);
        assert!(!folder.exists());
    }

    #[test]
    fn a_touch_leaves_the_content_and_is_taken_back() {
        let original = context();
        let copy = WorkCopy::of(original.path(), false).unwrap();
        let path = copy.context().join("run.sh");
        let modified = || fs::metadata(&path).unwrap().modified().unwrap();
        let long_ago = SystemTime::UNIX_EPOCH;
        set_modified(&path, long_ago).unwrap();
        let changed = copy.touch("run.sh").unwrap();
        assert_ne!(modified(), long_ago);
        assert_eq!(fs::read(&path).unwrap(), b"#!/bin/sh\n");
        drop(changed);
        assert_eq!(modified(), long_ago);
    }
}
