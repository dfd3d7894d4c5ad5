//! Runs the real binary in a folder of its own.

#![allow(dead_code, reason = "each test program uses a part of it")]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A run to be.
pub struct Run {
    folder: tempfile::TempDir,
    args: Vec<String>,
    stdin: Option<String>,
    environment: Vec<(String, PathBuf)>,
}

/// How it went.
pub struct Outcome {
    /// The exit code.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    folder: tempfile::TempDir,
}

impl Run {
    /// `cachemount ARGS…`
    pub fn new(args: &[&str]) -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder"),
            args: args.iter().map(|arg| (*arg).to_owned()).collect(),
            stdin: None,
            environment: Vec::new(),
        }
    }

    /// With this file in its folder.
    pub fn file(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, content).expect("written");
        self
    }

    /// With this variable.
    pub fn env(mut self, name: &str, value: &Path) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this on standard input.
    pub fn stdin(mut self, text: &str) -> Self {
        self.stdin = Some(text.to_owned());
        self
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Runs it to its end.
    pub fn go(self) -> Outcome {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cachemount"))
            .args(&self.args)
            .current_dir(self.folder.path())
            .env("NO_COLOR", "1")
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut stdin = child.stdin.take().expect("standard input");
        stdin
            .write_all(self.stdin.unwrap_or_default().as_bytes())
            .expect("written");
        drop(stdin);
        let output = child.wait_with_output().expect("ended");
        Outcome {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            folder: self.folder,
        }
    }
}

impl Outcome {
    /// A file of its folder afterwards.
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.path().join(name)).expect("readable")
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The exit code, or all that was printed.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }
}

/// The example fleet.
pub fn fleet() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fleet")
}

/// Its services.
pub const SERVICES: [&str; 8] = [
    "backend",
    "worker-unified",
    "frontend",
    "platform",
    "prompt",
    "runner",
    "x2text",
    "tool-sidecar",
];
