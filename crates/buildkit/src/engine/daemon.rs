//! Which programs make up the engine, and how they are told to keep to themselves.

use std::path::{Path, PathBuf};

use fs_err as fs;

use super::{Home, program};
use crate::error::BuildError;
use crate::inspect::INSTALL;

/// The file with the programs to run, for the supervisor.
pub(super) const PREPARE: &str = "prepare";

/// A program that builds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Daemon {
    /// Docker's daemon, with BuildKit inside.
    Dockerd,
    /// BuildKit's own daemon, used over buildx's `remote` driver. The arguments follow its documentation, but no test
    /// has run it: where this was written there was none.
    Buildkitd,
}

impl Daemon {
    /// The name of the program.
    #[must_use]
    pub fn program(self) -> &'static str {
        match self {
            Self::Dockerd => "dockerd",
            Self::Buildkitd => "buildkitd",
        }
    }

    /// Programs that it cannot do without.
    fn needs(self) -> &'static [&'static str] {
        match self {
            Self::Dockerd => &["containerd", "runc"],
            Self::Buildkitd => &["runc"],
        }
    }
}

/// A daemon that is here, with all it needs.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) daemon: Daemon,
    program: PathBuf,
}

/// Where a started daemon listens.
#[derive(Debug)]
pub(super) struct Sockets {
    pub(super) main: PathBuf,
}

impl Sockets {
    pub(super) fn address(&self) -> String {
        format!("unix://{}", self.main.display())
    }
}

impl Plan {
    pub(super) fn make(wanted: Option<Daemon>) -> Result<Self, BuildError> {
        let candidates = match wanted {
            Some(daemon) => vec![daemon],
            None => vec![Daemon::Dockerd, Daemon::Buildkitd],
        };
        let names: Vec<_> = candidates
            .iter()
            .map(|daemon| format!("`{}`", daemon.program()))
            .collect();
        let Some((daemon, program)) = candidates
            .into_iter()
            .find_map(|daemon| Some((daemon, program::find(daemon.program())?)))
        else {
            return Err(BuildError::NoBuilder(format!(
                "this machine has no {} to start a private engine with; {INSTALL}",
                names.join(" and no ")
            )));
        };
        for needed in daemon.needs() {
            if program::find(needed).is_none() {
                return Err(BuildError::NoBuilder(format!(
                    "`{}` is here, but `{needed}`, which it needs, is not; {INSTALL}",
                    daemon.program()
                )));
            }
        }
        Ok(Self { daemon, program })
    }

    /// Writes the configuration into the engine's folder.
    pub(super) fn configure(&self, home: &Home) -> std::io::Result<Sockets> {
        match self.daemon {
            Daemon::Dockerd => self.dockerd(home),
            Daemon::Buildkitd => self.buildkitd(home),
        }
    }

    fn dockerd(&self, home: &Home) -> std::io::Result<Sockets> {
        let folder = home.folder.as_path();
        // Without one named here, dockerd would use the containerd of the system, where there is one.
        let containerd = folder.join("containerd.sock");
        let config = folder.join("containerd.toml");
        fs::write(
            &config,
            format!(
                "version = 2\nroot = {root}\nstate = {state}\n\
                 disabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = {socket}\n\
                 [plugins.\"io.containerd.internal.v1.opt\"]\npath = {opt}\n",
                root = quoted(&folder.join("containerd")),
                state = quoted(&folder.join("containerd-state")),
                socket = quoted(&containerd),
                opt = quoted(&folder.join("opt")),
            ),
        )?;
        // Nothing is thrown out in the middle of a measurement.
        let settings = folder.join("daemon.json");
        fs::write(&settings, "{\"builder\": {\"gc\": {\"enabled\": false}}}\n")?;
        let main = folder.join("docker.sock");

        let runtime = [
            containerd.display().to_string(),
            "containerd".to_owned(),
            "--config".to_owned(),
            config.display().to_string(),
        ];
        let mut engine = vec![main.display().to_string(), self.program.display().to_string()];
        let mut option = |name: &str, value: &dyn std::fmt::Display| {
            engine.push(format!("--{name}={value}"));
        };
        option("config-file", &settings.display());
        option("data-root", &folder.join("data").display());
        option("exec-root", &folder.join("exec").display());
        option("pidfile", &folder.join("dockerd.pid").display());
        option("host", &format_args!("unix://{}", main.display()));
        option("containerd", &containerd.display());
        option("bridge", &home.bridge());
        for touches_the_host in ["iptables", "ip6tables", "ip-forward", "ip-masq", "userland-proxy"] {
            option(touches_the_host, &false);
        }
        // With systemd's driver steps would get groups outside of ours.
        option("exec-opt", &"native.cgroupdriver=cgroupfs");
        option("cgroup-parent", &format_args!("/{}/steps", home.group()));
        write_programs(folder, &[&runtime, &engine])?;
        Ok(Sockets { main })
    }

    fn buildkitd(&self, home: &Home) -> std::io::Result<Sockets> {
        let folder = home.folder.as_path();
        let main = folder.join("buildkitd.sock");
        let config = folder.join("buildkitd.toml");
        fs::write(
            &config,
            format!(
                "root = {root}\n[grpc]\naddress = [{address}]\n\
                 [worker.containerd]\nenabled = false\n\
                 [worker.oci]\nenabled = true\ngc = false\nnetworkMode = \"host\"\n\
                 defaultCgroupParent = \"/{group}/steps\"\n",
                root = quoted(&folder.join("data")),
                address = quoted(Path::new(&format!("unix://{}", main.display()))),
                group = home.group(),
            ),
        )?;
        let engine = [
            main.display().to_string(),
            self.program.display().to_string(),
            format!("--config={}", config.display()),
        ];
        write_programs(folder, &[&engine])?;
        Ok(Sockets { main })
    }
}

/// One argument a line, each program followed by an empty line. No argument contains a line break: all come from here.
fn write_programs(folder: &Path, programs: &[&[String]]) -> std::io::Result<()> {
    let mut text = String::new();
    for program in programs {
        for argument in *program {
            text.push_str(argument);
            text.push('\n');
        }
        text.push('\n');
    }
    fs::write(folder.join(PREPARE), text)
}

/// A TOML string.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
