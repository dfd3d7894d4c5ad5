//! The script, run for real by the shells there are, over a real directory.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may panic too")]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cachemount_store::{Atime, FileType, Listing, RESET_MOMENT, listing_script, served};

/// The command lines of the shells to try. Debian's `sh` is dash. A busybox is looked for in PATH and in the variable
/// `CACHEMOUNT_TEST_BUSYBOX`; its applets come first in the PATH of its run.
struct Shell {
    name: &'static str,
    program: PathBuf,
    applets: Option<tempfile::TempDir>,
}

impl Shell {
    fn all() -> Vec<Self> {
        let mut shells = vec![Self {
            name: "sh",
            program: "sh".into(),
            applets: None,
        }];
        if let Some(busybox) = busybox() {
            let applets = tempfile::tempdir().unwrap();
            for applet in ["sh", "find", "stat", "touch", "cat", "date", "sleep", "rm", "cp"] {
                symlink(&busybox, applets.path().join(applet)).unwrap();
            }
            shells.push(Self {
                name: "busybox",
                program: applets.path().join("sh"),
                applets: Some(applets),
            });
        }
        shells
    }

    fn run(&self, script: &str) -> Output {
        let mut command = Command::new(&self.program);
        command.arg("-c").arg(script);
        if let Some(applets) = &self.applets {
            command.env("PATH", applets.path());
        }
        command.output().unwrap()
    }

    fn list(&self, dir: &Path, reset: bool) -> Listing {
        let out = tempfile::NamedTempFile::new().unwrap();
        let script = listing_script(dir.to_str().unwrap(), out.path().to_str().unwrap(), reset);
        let output = self.run(&script);
        assert!(output.status.success(), "{}: {output:?}", self.name);
        assert!(
            output.stderr.is_empty() && output.stdout.is_empty(),
            "{}: {output:?}",
            self.name
        );
        Listing::parse(&fs_err::read(out.path()).unwrap()).unwrap()
    }
}

fn busybox() -> Option<PathBuf> {
    if let Some(path) = std::env::var_os("CACHEMOUNT_TEST_BUSYBOX") {
        return Some(path.into());
    }
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|dir| dir.join("busybox"))
        .find(|path| path.is_file())
}

fn mount() -> tempfile::TempDir {
    let dir = tempfile::Builder::new().prefix("it's a mount ").tempdir().unwrap();
    let at = |name: &[u8]| dir.path().join(OsStr::from_bytes(name));
    fs_err::create_dir_all(at(b"sub dir/deep")).unwrap();
    fs_err::write(at(b"plain"), "12345").unwrap();
    fs_err::write(at(b"empty"), "").unwrap();
    fs_err::write(at(b"sub dir/with space"), "abc").unwrap();
    fs_err::write(at(b"sub dir/deep/new\nline //"), "abcd").unwrap_err();
    fs_err::write(at(b"sub dir/deep/new\nline\nend\n"), "abcd").unwrap();
    fs_err::write(at(b"quote'\"$(x)`%n\\n"), "ab").unwrap();
    fs_err::write(at(b"latin-\xe9"), "a").unwrap();
    fs_err::write(at(b"-n"), "1").unwrap();
    fs_err::set_permissions(at(b"plain"), PermissionsExt::from_mode(0o640)).unwrap();
    symlink("/nowhere", at(b"dangling")).unwrap();
    symlink("sub dir", at(b"link")).unwrap();
    dir
}

#[test]
fn lists_every_file_as_it_is() {
    for shell in Shell::all() {
        let dir = mount();
        let listing = shell.list(dir.path(), false);
        let names: Vec<_> = listing.entries.keys().map(Vec::as_slice).collect();
        assert_eq!(
            names,
            [
                &b""[..],
                b"-n",
                b"dangling",
                b"empty",
                b"latin-\xe9",
                b"link",
                b"plain",
                b"quote'\"$(x)`%n\\n",
                b"sub dir",
                b"sub dir/deep",
                b"sub dir/deep/new\nline\nend\n",
                b"sub dir/with space",
            ],
            "{}",
            shell.name
        );
        assert_eq!((listing.files(), listing.total_bytes()), (7, 16));
        let plain = &listing.entries[&b"plain"[..]];
        let meta = fs_err::metadata(dir.path().join("plain")).unwrap();
        assert_eq!(
            (plain.raw_mode, plain.size, plain.mtime),
            (meta.mode(), 5, meta.mtime())
        );
        assert_eq!(
            (plain.ctime, plain.uid, plain.gid),
            (meta.ctime(), meta.uid(), meta.gid())
        );
        assert_eq!(listing.entries[&b"link"[..]].file_type(), FileType::Symlink);
        assert_eq!(listing.entries[&b"sub dir"[..]].file_type(), FileType::Directory);
        assert_eq!(listing.reset, None);
    }
}

#[test]
fn a_missing_directory_is_an_error() {
    for shell in Shell::all() {
        let out = tempfile::NamedTempFile::new().unwrap();
        let script = listing_script("/nowhere/at all", out.path().to_str().unwrap(), false);
        assert!(!shell.run(&script).status.success(), "{}", shell.name);
        assert!(Listing::parse(&fs_err::read(out.path()).unwrap()).is_err());
    }
}

/// Whether the test directory's file system keeps access times is the machine's business; where it does not, the script
/// must say so and leave everything alone.
#[test]
fn a_read_after_the_reset_shows() {
    for shell in Shell::all() {
        let dir = mount();
        let mtime = |name: &str| fs_err::metadata(dir.path().join(name)).unwrap().mtime();
        let kept = mtime("plain");
        let before = shell.list(dir.path(), true);
        assert_eq!(mtime("plain"), kept, "{}: the content's time stays", shell.name);
        if before.atime == Atime::Frozen {
            assert_eq!(before.reset, None);
            continue;
        }
        assert_eq!(before.reset, Some(RESET_MOMENT));
        assert_eq!(
            fs_err::metadata(dir.path().join("plain")).unwrap().atime(),
            RESET_MOMENT
        );
        assert_eq!(
            fs_err::metadata(dir.path().join("sub dir/deep")).unwrap().atime(),
            RESET_MOMENT
        );

        fs_err::read(dir.path().join("sub dir/with space")).unwrap();
        fs_err::read(dir.path().join("empty")).unwrap();
        fs_err::write(dir.path().join("sub dir/added"), "1234567").unwrap();
        fs_err::remove_file(dir.path().join("-n")).unwrap();
        let after = shell.list(dir.path(), false);
        let served = served(&before, &after);
        assert_eq!((served.served_files, served.served_bytes), (1, 3), "{}", shell.name);
        assert_eq!((served.added_files, served.added_bytes), (1, 7));
        assert_eq!((served.removed_files, served.removed_bytes), (1, 1));
        assert_eq!(served.share, Some(0.3));
    }
}

/// The listing reads directories itself, and must not take that for the build's doing.
#[test]
fn a_directory_read_by_the_build_shows_and_one_read_by_the_listing_does_not() {
    for shell in Shell::all() {
        let dir = mount();
        let before = shell.list(dir.path(), true);
        if before.atime == Atime::Frozen {
            continue;
        }
        assert!(fs_err::read_dir(dir.path().join("sub dir/deep")).unwrap().count() > 0);
        let after = shell.list(dir.path(), false);
        let read = |name: &[u8]| {
            let atime = after.entries[name].atime;
            atime != RESET_MOMENT && atime < after.started
        };
        assert!(read(b"sub dir/deep"), "{}", shell.name);
        assert!(!read(b"sub dir"), "{}", shell.name);
    }
}
