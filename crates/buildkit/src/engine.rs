//! A private engine: a daemon of our own that shares nothing with the user's, and leaves nothing behind.
//!
//! Everything lives in one folder that only root can enter: images, layers, sockets, logs. The daemon gets a container
//! runtime of its own, a bridge of its own (without one of its own it would remove the host's), no say in firewall or
//! kernel settings, and a control group of its own, by which its use is measured and its processes are found. Build
//! steps use the host's network.
//!
//! A supervisor, a shell script in a process group of its own, starts it all, waits for the end of a pipe that we hold,
//! and takes it all down. The pipe ends in whatever way we end, `SIGKILL` included. Should the supervisor be killed as
//! well, [`PrivateEngine::sweep_stale`] finds the folder by its free lock.

mod daemon;
mod network;
mod program;
mod ready;

use std::fs::TryLockError;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use fs_err as fs;

use crate::builder::{BuildEvent, BuildRecord, BuildRequest, Builder, BuilderInfo, MountRecord};
use crate::buildx::Buildx;
use crate::cgroup::{self, Gauge};
use crate::client::{self, Cause, Client, Heed};
use crate::error::BuildError;
use crate::inspect::{Inspected, usable_buildx};

pub use daemon::Daemon;

/// The supervisor. It is run as an argument, not from a file, so that nothing can be put in its place.
const SUPERVISE: &str = include_str!("engine/supervise.sh");
/// Folders of engines begin with this; the rest names bridge and control group.
const PREFIX: &str = "cachemount-engine-";
/// How long taking down may take, before the supervisor is left to itself.
const TEARDOWN: Duration = Duration::from_mins(1);

/// How to start a private engine.
#[derive(Debug, Clone, Default)]
pub struct EngineOptions {
    /// Where the engine's folder is made. It gets large and is better not held in memory: `$TMPDIR` if set, else
    /// `/var/tmp`.
    pub base: Option<PathBuf>,
    /// The client program; `docker` from the search path if `None`.
    pub client: Option<PathBuf>,
    /// Which daemon; the first that is on this machine if `None`.
    pub daemon: Option<Daemon>,
}

impl EngineOptions {
    fn base(&self) -> PathBuf {
        self.base
            .clone()
            .or_else(|| std::env::var_os("TMPDIR").map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("/var/tmp"))
    }
}

/// A running private engine. It is taken down when this is dropped.
#[derive(Debug)]
pub struct PrivateEngine {
    // Before the supervisor, so that nothing uses the engine when it goes.
    buildx: Buildx,
    daemon: Daemon,
    supervisor: Supervisor,
}

impl PrivateEngine {
    /// Starts an engine and waits until it answers. What earlier runs left behind is removed first.
    ///
    /// # Errors
    /// [`BuildError::NoBuilder`] if the machine or the user cannot run one, with the way out;
    /// [`BuildError::Interrupted`] after a signal.
    pub fn start(options: &EngineOptions) -> Result<Self, BuildError> {
        if !nix::unistd::geteuid().is_root() {
            return Err(BuildError::NoBuilder(
                "a private engine can only be started by root; start Docker and join its group, name a builder with \
                 `--builder`, or run this with sudo"
                    .to_owned(),
            ));
        }
        let mut client = Client {
            program: options.client.clone(),
            ..Client::default()
        };
        let buildx_version = usable_buildx(&client)?;
        let plan = daemon::Plan::make(options.daemon)?;
        let trees = cgroup::hierarchies()?;
        if trees.is_empty() {
            return Err(BuildError::NoBuilder(
                "no control groups are mounted, which a private engine needs".to_owned(),
            ));
        }
        // Leftovers that cannot be removed are no reason not to build.
        let _ = Self::sweep_stale(options);

        let home = Home::make(&options.base())?;
        let prepared = plan
            .configure(&home)
            .map_err(BuildError::from)
            .and_then(|sockets| Ok((sockets, network::free_address(&home.id)?)));
        let (sockets, address) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                // Nobody looks after it yet.
                let _ = fs::remove_dir_all(&home.folder);
                return Err(error);
            }
        };
        let supervisor = Supervisor::run(home, plan.daemon, &trees, &address)?;
        ready::wait(&supervisor.home, plan.daemon, &sockets)?;

        let home = &supervisor.home;
        client.config = Some(home.folder.join("buildx"));
        let (driver, version) = match plan.daemon {
            Daemon::Dockerd => {
                client.host = Some(sockets.address());
                let engine = client::ask(client.docker(&["version", "--format", "{{.Server.Version}}"]))?;
                ("docker", format!("dockerd {}", engine.trim()))
            }
            Daemon::Buildkitd => {
                client.builder = Some("private".to_owned());
                let mut create = client.docker(&["buildx", "create", "--name", "private"]);
                create.args(["--driver", "remote", &sockets.address()]);
                client::ask(create)?;
                let found = Inspected::ask(&client, false)?;
                let version = found.buildkit.unwrap_or_default();
                ("remote", format!("buildkitd {version}"))
            }
        };
        let info = BuilderInfo {
            name: "private engine".to_owned(),
            driver: driver.to_owned(),
            version: format!("{version}, buildx {buildx_version}"),
            local: true,
            host_address: Some("127.0.0.1".to_owned()),
        };
        let mut buildx = Buildx::new(client, info);
        buildx.host_network = plan.daemon == Daemon::Dockerd;
        buildx.gauge = Some(Gauge::new(&trees, &home.group()));
        Ok(Self {
            buildx,
            daemon: plan.daemon,
            supervisor,
        })
    }

    /// The engine's folder. Nothing outside of it is written, but for bridge and control group.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.supervisor.home.folder
    }

    /// The builder by itself.
    #[must_use]
    pub fn buildx(&self) -> &Buildx {
        &self.buildx
    }

    /// Ends builds that take longer. There is no limit unless this is called.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.buildx = self.buildx.with_time_limit(limit);
        self
    }

    /// Loads images from archives as `docker save` writes them.
    pub fn load_images(&self, archives: &[PathBuf]) -> Result<(), BuildError> {
        if self.daemon != Daemon::Dockerd {
            return Err(BuildError::Client(
                "only dockerd keeps images that can be loaded, and this private engine is a buildkitd".to_owned(),
            ));
        }
        for archive in archives {
            let mut command = self.buildx.client.docker(&["image", "load", "--input"]);
            command.arg(archive);
            let mut complaint = Vec::new();
            let ended = client::run(
                command,
                None,
                Heed::First,
                &mut |bytes| complaint.extend_from_slice(bytes),
                &mut || {},
            )?;
            if ended.cause == Cause::Interrupted {
                return Err(BuildError::Interrupted);
            }
            if !ended.status.success() {
                return Err(BuildError::Client(format!(
                    "{} could not be loaded: {}",
                    archive.display(),
                    String::from_utf8_lossy(&complaint).trim()
                )));
            }
        }
        Ok(())
    }

    /// Takes the engine down and says whether that went well. Dropping it does the same in silence.
    pub fn stop(self) -> Result<(), BuildError> {
        let Self { mut supervisor, .. } = self;
        supervisor.stop()
    }

    /// Removes what killed runs left behind: engines whose supervisor is gone. Returns how many there were.
    pub fn sweep_stale(options: &EngineOptions) -> Result<usize, BuildError> {
        let mut swept = 0;
        for entry in fs::read_dir(options.base())? {
            let entry = entry?;
            let Some(home) = Home::abandoned(&entry.path())? else {
                continue;
            };
            Supervisor::sweep(home)?;
            swept += 1;
        }
        Ok(swept)
    }
}

impl Builder for PrivateEngine {
    fn info(&self) -> BuilderInfo {
        self.buildx.info()
    }

    fn build(&self, request: &BuildRequest, on_event: &mut dyn FnMut(BuildEvent)) -> Result<BuildRecord, BuildError> {
        self.buildx.build(request, on_event)
    }

    fn mounts(&self, namespace: &str) -> Result<Vec<MountRecord>, BuildError> {
        self.buildx.mounts(namespace)
    }

    fn prune_mounts(&self, namespace: &str) -> Result<u64, BuildError> {
        self.buildx.prune_mounts(namespace)
    }
}

/// An engine's folder, with its lock until a supervisor has it.
#[derive(Debug)]
struct Home {
    folder: PathBuf,
    id: String,
    lock: Option<std::fs::File>,
}

impl Home {
    fn make(base: &Path) -> Result<Self, BuildError> {
        let base = fs::canonicalize(base)?;
        // Socket paths are limited to 107 bytes, and the supervisor's lists separate by line.
        if base.as_os_str().len() > 48 || base.to_string_lossy().contains(char::is_whitespace) {
            return Err(BuildError::NoBuilder(format!(
                "a private engine cannot live in {}: the path must be short and without spaces; set TMPDIR to another",
                base.display()
            )));
        }
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .rand_bytes(8)
            .tempdir_in(&base)?
            .keep();
        let lock = std::fs::File::create_new(folder.join("lock"))?;
        lock.try_lock().map_err(std::io::Error::from)?;
        let id = id_of(&folder).unwrap_or_default();
        Ok(Self {
            folder,
            id,
            lock: Some(lock),
        })
    }

    /// The folder at this path if it is an engine's, of this user, and nobody holds it.
    fn abandoned(folder: &Path) -> Result<Option<Self>, BuildError> {
        let Some(id) = id_of(folder) else {
            return Ok(None);
        };
        let Ok(metadata) = fs::symlink_metadata(folder) else {
            return Ok(None);
        };
        if !metadata.is_dir() || metadata.uid() != nix::unistd::geteuid().as_raw() {
            return Ok(None);
        }
        // One that has no lock yet is being made.
        let Ok(lock) = std::fs::File::options().write(true).open(folder.join("lock")) else {
            return Ok(None);
        };
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                folder: folder.to_owned(),
                id,
                lock: Some(lock),
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error.into()),
        }
    }

    fn group(&self) -> String {
        format!("cachemount-{}", self.id)
    }

    /// At most 15 bytes, as the kernel wants it.
    fn bridge(&self) -> String {
        format!("cm-{}", self.id)
    }
}

fn id_of(folder: &Path) -> Option<String> {
    let id = folder.file_name()?.to_str()?.strip_prefix(PREFIX)?;
    let plain = id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    plain.then(|| id.to_owned())
}

/// The process that owns an engine's parts.
#[derive(Debug)]
struct Supervisor {
    home: Home,
    child: Child,
    pipe: Option<ChildStdin>,
}

impl Supervisor {
    fn run(home: Home, daemon: Daemon, trees: &[cgroup::Hierarchy], address: &str) -> Result<Self, BuildError> {
        let trees: Vec<_> = trees
            .iter()
            .map(|tree| tree.mount.to_string_lossy().into_owned())
            .collect();
        Self::spawn(home, "run", |command, home| {
            command
                .env("CM_TREES", trees.join(" "))
                .env("CM_ADDRESS", address)
                .env("CM_POLITE", daemon.program())
                .env("CM_PREPARE", home.folder.join(daemon::PREPARE));
        })
    }

    /// Takes down what another supervisor left.
    fn sweep(home: Home) -> Result<(), BuildError> {
        Self::spawn(home, "teardown", |_, _| {})?.stop()
    }

    fn spawn(mut home: Home, verb: &str, adjust: impl FnOnce(&mut Command, &Home)) -> Result<Self, BuildError> {
        let mut command = Command::new("/bin/sh");
        command
            .args(["-c", SUPERVISE, "supervise.sh", verb])
            .env_clear()
            .envs(program::environment())
            .env("CM_DIR", &home.folder)
            .env("CM_GROUP", home.group())
            .env("CM_BRIDGE", home.bridge())
            // Ctrl-C is for us; the supervisor goes by the pipe.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(home.lock.take().map_or_else(Stdio::null, Stdio::from))
            .stderr(Stdio::piped());
        adjust(&mut command, &home);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let _ = fs::remove_dir_all(&home.folder);
                return Err(error.into());
            }
        };
        let pipe = child.stdin.take();
        Ok(Self { home, child, pipe })
    }

    /// Gives the order to stop and waits for the end.
    fn stop(&mut self) -> Result<(), BuildError> {
        drop(self.pipe.take());
        let deadline = Instant::now() + TEARDOWN;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            if Instant::now() > deadline {
                return Err(BuildError::Client(format!(
                    "the private engine in {} is still being taken down after {} s",
                    self.home.folder.display(),
                    TEARDOWN.as_secs()
                )));
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let mut complaint = String::new();
        if let Some(mut stderr) = self.child.stderr.take() {
            stderr.read_to_string(&mut complaint)?;
        }
        if status.success() && !self.home.folder.exists() {
            return Ok(());
        }
        Err(BuildError::Client(format!(
            "the private engine in {} could not be taken down: {}",
            self.home.folder.display(),
            complaint.trim()
        )))
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        if self.pipe.is_some() {
            // Nobody is there to be told; the next run sweeps.
            let _ = self.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_engines_have_an_id() {
        let cases = [
            ("/var/tmp/cachemount-engine-aB3dE6gH", Some("aB3dE6gH")),
            ("/var/tmp/cachemount-engine-../../x", None),
            ("/var/tmp/cachemount-engine-aB3dE6g ", None),
            ("/var/tmp/cachemount-engine-", None),
            ("/var/tmp/other", None),
        ];
        for (path, id) in cases {
            assert_eq!(id_of(Path::new(path)).as_deref(), id, "{path}");
        }
    }

    #[test]
    fn a_held_folder_is_not_abandoned() {
        let base = tempfile::tempdir().unwrap();
        let home = Home::make(base.path()).unwrap();
        assert!(Home::abandoned(&home.folder).unwrap().is_none());
        let folder = home.folder.clone();
        drop(home);
        assert!(Home::abandoned(&folder).unwrap().is_some());
    }

    #[test]
    fn the_bridge_name_fits() {
        let base = tempfile::tempdir().unwrap();
        assert!(Home::make(base.path()).unwrap().bridge().len() <= 15);
    }
}
