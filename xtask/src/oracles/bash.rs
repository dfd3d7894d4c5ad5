//! `bash -n`.

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

/// Bash's complaint about a script, `None` if it takes it. Nothing is run.
pub fn refusal(script: &str) -> Result<Option<String>> {
    let mut child = Command::new("bash")
        .args(["--norc", "--noprofile", "-n"])
        .env("LC_ALL", "C")
        .env_remove("BASH_ENV")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("start bash")?;
    if let Some(mut input) = child.stdin.take() {
        // Bash stops reading at the first error, which closes the pipe.
        let _ = input.write_all(script.as_bytes());
    }
    let output = child.wait_with_output().context("wait for bash")?;
    let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() && complaint.is_empty() {
        return Ok(None);
    }
    let first = complaint.lines().next().unwrap_or("no message").to_owned();
    Ok(Some(first))
}
