//! Waiting for a started engine to answer.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use fs_err as fs;

use super::Home;
use super::daemon::{Daemon, Sockets};
use crate::error::BuildError;
use crate::interrupt;

const PATIENCE: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(30);
/// How many lines of a daemon's log are quoted.
const QUOTED_LINES: usize = 10;

pub(super) fn wait(home: &Home, daemon: Daemon, sockets: &Sockets) -> Result<(), BuildError> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if interrupt::requested() {
            return Err(BuildError::Interrupted);
        }
        if answers(daemon, &sockets.main) {
            return Ok(());
        }
        if let Ok(reason) = fs::read_to_string(home.folder.join("failed")) {
            let reason = reason.trim();
            return Err(BuildError::NoBuilder(format!(
                "the private engine does not start ({reason}){}",
                end_of_log(&home.folder, reason)
            )));
        }
        if Instant::now() > deadline {
            return Err(BuildError::NoBuilder(format!(
                "the private engine did not answer within {} s{}",
                PATIENCE.as_secs(),
                end_of_log(&home.folder, daemon.program())
            )));
        }
        std::thread::sleep(PAUSE);
    }
}

fn answers(daemon: Daemon, socket: &Path) -> bool {
    match daemon {
        Daemon::Dockerd => ping(socket).unwrap_or(false),
        Daemon::Buildkitd => UnixStream::connect(socket).is_ok(),
    }
}

/// The daemon accepts connections before it can serve them, so it must be asked.
fn ping(socket: &Path) -> std::io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.write_all(b"GET /_ping HTTP/1.0\r\nHost: engine\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.split_whitespace().nth(1).is_some_and(|status| status == "200"))
}

fn end_of_log(folder: &Path, program: &str) -> String {
    let Ok(log) = fs::read_to_string(folder.join(format!("{program}.log"))) else {
        return String::new();
    };
    let lines: Vec<&str> = log.lines().collect();
    let from = lines.len().saturating_sub(QUOTED_LINES);
    format!("; {program} says:\n    {}", lines[from..].join("\n    "))
}
