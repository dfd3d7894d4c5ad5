//! Replacing a file: whole or not at all.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Replaces the content of a file. The new file is written beside it and renamed over it, with the same mode; a symbolic
/// link stays, and its target is replaced.
pub fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let path = fs_err::canonicalize(path)?;
    let folder = path.parent().context("find the file's folder")?;
    let permissions = fs_err::metadata(&path)?.permissions();
    if permissions.readonly() {
        anyhow::bail!("write `{}`: it is read-only", path.display());
    }
    let mut file = tempfile::Builder::new()
        .prefix(".cachemount-")
        .tempfile_in(folder)
        .with_context(|| format!("write in `{}`", folder.display()))?;
    file.write_all(content)?;
    file.as_file().set_permissions(permissions)?;
    file.as_file().sync_all()?;
    file.persist(&path)
        .with_context(|| format!("replace `{}`", path.display()))?;
    Ok(())
}

/// Writes a file, new or not, whole or not at all.
pub fn create(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".cachemount-")
        .tempfile_in(folder)
        .with_context(|| format!("write in `{}`", folder.display()))?;
    file.write_all(content)?;
    // What a user would expect of a report; temporary files are private.
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    file.as_file().set_permissions(permissions)?;
    file.persist(path)
        .with_context(|| format!("write `{}`", path.display()))?;
    Ok(())
}
