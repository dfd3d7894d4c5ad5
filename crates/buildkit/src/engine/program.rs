//! Programs on this machine, and the surroundings they are run in.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

/// Where daemons are, also when the search path of a plain user or of sudo does not say so.
const SYSTEM_FOLDERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// What a daemon may need of our environment: proxies and certificates for pulling images. Nothing else is passed.
const PASSED_ON: [&str; 11] = [
    "HOME",
    "LANG",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "TMPDIR",
];

fn search_path() -> Vec<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&own)
        .filter(|folder| folder.is_absolute())
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .collect()
}

/// The program's path, if it is here.
pub(super) fn find(name: impl AsRef<OsStr>) -> Option<PathBuf> {
    search_path()
        .into_iter()
        .map(|folder| folder.join(name.as_ref()))
        .find(|path| path.is_file())
}

pub(super) fn environment() -> Vec<(&'static str, OsString)> {
    let path = std::env::join_paths(search_path()).unwrap_or_else(|_| "/usr/sbin:/usr/bin".into());
    PASSED_ON
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .chain([("PATH", path)])
        .collect()
}
