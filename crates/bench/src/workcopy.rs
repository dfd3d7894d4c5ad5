//! A copy of the build context that may be changed, and what is taken back afterwards.

use std::collections::BTreeSet;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use fs_err as fs;
use tempfile::TempDir;

use crate::choose::ContextFile;
use crate::comment::remarked;
use crate::pattern::Ignore;

/// The ignore file of a context.
pub(crate) const IGNORE_FILE: &str = ".dockerignore";

/// A copy of a build context in a temporary folder, which goes when this is dropped.
///
/// Contents, modes, modification times and symbolic links are those of the original; owners are not, and builders
/// ignore them. Sockets, pipes and devices cannot be part of a build and are left out, as is what the ignore file
/// excludes, and the top `.git` unless it is asked for.
#[derive(Debug)]
pub struct WorkCopy {
    folder: TempDir,
    files: Vec<ContextFile>,
}

impl WorkCopy {
    /// Copies a context. What `ignore` excludes is not even read.
    pub fn of(context: &Path, ignore: &Ignore, with_git: bool) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("cachemount-bench-").tempdir()?;
        let root = folder.path().join("context");
        let mut copier = Copier {
            files: Vec::new(),
            own: BTreeSet::from([fs::canonicalize(folder.path())?]),
            ignore,
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

    /// The path as [`files`](Self::files) has it, or why it is none of them.
    ///
    /// The list was made without following a symbolic link, so that what is in it lies inside the copy.
    pub fn file(&self, path: &str) -> Result<&str, &'static str> {
        let mut parts = Vec::new();
        for part in Path::new(path).components() {
            match part {
                Component::Normal(part) => parts.push(part.to_str().unwrap_or_default()),
                Component::CurDir => {}
                Component::ParentDir => return Err("a path with `..` may lead out of the build context"),
                Component::RootDir | Component::Prefix(_) => {
                    return Err("the path has to be relative to the build context");
                }
            }
        }
        let path = parts.join("/");
        self.files
            .binary_search_by(|file| file.path.cmp(&path))
            .map(|at| self.files[at].path.as_str())
            .map_err(|_| "it is no regular file of the build context, or the ignore file excludes it")
    }

    fn remember(&self, path: &str) -> io::Result<Changed> {
        let path = self
            .file(path)
            .map_err(|reason| io::Error::other(format!("`{path}`: {reason}")))?;
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

struct Copier<'a> {
    files: Vec<ContextFile>,
    /// Folders of ours, should the temporary folder lie inside the context.
    own: BTreeSet<PathBuf>,
    ignore: &'a Ignore,
    with_git: bool,
}

impl Copier<'_> {
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
            let name = name.to_string_lossy();
            let below = match path {
                "" => name.into_owned(),
                path => format!("{path}/{name}"),
            };
            // The client reads the ignore file even if it excludes itself.
            let excluded = self.ignore.excludes(&below);
            if kind.is_dir() {
                if !self.ignore.excludes_all_below(&below) {
                    self.folder(&source, &target, &below)?;
                }
            } else if excluded && below != IGNORE_FILE {
            } else if kind.is_symlink() {
                fs::os::unix::fs::symlink(fs::read_link(&source)?, &target)?;
            } else if kind.is_file() {
                fs::copy(&source, &target)?;
                let meta = entry.metadata()?;
                set_modified(&target, meta.modified()?)?;
                if !excluded && !below.contains(char::REPLACEMENT_CHARACTER) {
                    self.files.push(ContextFile {
                        path: below,
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
        let copy = WorkCopy::of(original.path(), &Ignore::default(), false).unwrap();
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
            WorkCopy::of(original.path(), &Ignore::default(), true)
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
        let copy = WorkCopy::of(original.path(), &Ignore::default(), false).unwrap();
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

    #[test]
    fn what_is_ignored_is_not_copied() {
        let original = context();
        let at = |path: &str| original.path().join(path);
        fs::create_dir_all(at("data/a")).unwrap();
        fs::create_dir_all(at("node_modules/b")).unwrap();
        for path in ["data/x", "data/a/keep", "node_modules/b/x", "x.log"] {
            fs::write(at(path), path).unwrap();
        }
        fs::os::unix::fs::symlink("run.sh", at("other.log")).unwrap();
        let text = "*.log\nnode_modules\ndata\n!data/a/keep\n.dockerignore\n";
        fs::write(at(".dockerignore"), text).unwrap();
        let copy = WorkCopy::of(original.path(), &Ignore::parse(text), false).unwrap();
        let paths: Vec<_> = copy.files().iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["data/a/keep", "run.sh", "src/deep/main.py"]);
        let copied = |path: &str| copy.context().join(path).symlink_metadata().is_ok();
        for path in ["node_modules", "data/x", "x.log", "other.log"] {
            assert!(!copied(path), "{path}");
        }
        assert!(copied(".dockerignore"), "the client needs it");
    }

    #[test]
    fn nothing_outside_the_copy_is_written_to() {
        let original = context();
        let elsewhere = tempfile::tempdir().unwrap();
        let victim = elsewhere.path().join("victim.py");
        fs::write(&victim, "mine\n").unwrap();
        fs::os::unix::fs::symlink(&victim, original.path().join("link.py")).unwrap();
        fs::os::unix::fs::symlink(elsewhere.path(), original.path().join("folder")).unwrap();
        let copy = WorkCopy::of(original.path(), &Ignore::default(), false).unwrap();
        let inside = original.path().join("src/deep/main.py");
        for path in [
            victim.to_str().unwrap(),
            inside.to_str().unwrap(),
            "src/../../victim.py",
            "src/deep/../deep/main.py",
            "link.py",
            "folder/victim.py",
            "src",
            "none.py",
            "",
        ] {
            assert!(copy.file(path).is_err(), "{path}");
            assert!(copy.change_content(path, "nonce").is_err(), "{path}");
            assert!(copy.touch(path).is_err(), "{path}");
        }
        assert_eq!(fs::read_to_string(&victim).unwrap(), "mine\n");
        assert_eq!(fs::read_to_string(&inside).unwrap(), "print(1)\n");
        assert_eq!(copy.file("./src//deep/main.py"), Ok("src/deep/main.py"));
        copy.touch("./run.sh").unwrap();
    }
}
