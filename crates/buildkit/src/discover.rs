//! Finds a builder: the one that was asked for, else the user's current one, else a private engine.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use crate::builder::{BuildEvent, BuildRecord, BuildRequest, Builder, BuilderInfo, MountRecord};
use crate::buildx::Buildx;
use crate::client::{Client, ask};
use crate::engine::{EngineOptions, PrivateEngine};
use crate::error::BuildError;
use crate::inspect::{INSTALL, Inspected, usable_buildx};

/// Schemes of addresses that buildx's `remote` driver takes.
const SCHEMES: [&str; 6] = [
    "tcp://",
    "unix://",
    "docker-container://",
    "podman-container://",
    "kube-pod://",
    "ssh://",
];

/// Which builder is wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Choice {
    /// The user's current builder if it answers, else a private engine.
    #[default]
    Any,
    /// The builder with this name among the user's.
    Named(String),
    /// A `buildkitd` at this address: `tcp://`, `unix://`, `docker-container://`, `kube-pod://`, `ssh://`.
    Address(String),
    /// A private engine, whatever else there is.
    Private,
}

impl Choice {
    /// What a user writes after `--builder`: `private`, an address, or a name.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        if text == "private" {
            Self::Private
        } else if SCHEMES.iter().any(|scheme| text.starts_with(scheme)) {
            Self::Address(text.to_owned())
        } else {
            Self::Named(text.to_owned())
        }
    }
}

/// What to look for and how.
#[derive(Debug, Clone, Default)]
pub struct Discovery {
    /// Which builder is wanted.
    pub choice: Choice,
    /// The client program; `docker` from the search path if `None`.
    pub client: Option<PathBuf>,
    /// How a private engine would be started; its `client` is taken from above if it has none.
    pub engine: EngineOptions,
}

/// A builder that was found. A private engine among them ends when this is dropped.
#[derive(Debug)]
pub enum Found {
    /// The user's own.
    Users(Box<Buildx>),
    /// Ours.
    Private(Box<PrivateEngine>),
}

impl Found {
    /// The private engine, if it is one.
    #[must_use]
    pub fn private(&self) -> Option<&PrivateEngine> {
        match self {
            Self::Users(_) => None,
            Self::Private(engine) => Some(engine),
        }
    }

    fn builder(&self) -> &dyn Builder {
        match self {
            Self::Users(buildx) => &**buildx,
            Self::Private(engine) => &**engine,
        }
    }
}

impl Builder for Found {
    fn info(&self) -> BuilderInfo {
        self.builder().info()
    }

    fn build(&self, request: &BuildRequest, on_event: &mut dyn FnMut(BuildEvent)) -> Result<BuildRecord, BuildError> {
        self.builder().build(request, on_event)
    }

    fn mounts(&self, namespace: &str) -> Result<Vec<MountRecord>, BuildError> {
        self.builder().mounts(namespace)
    }

    fn prune_mounts(&self, namespace: &str) -> Result<u64, BuildError> {
        self.builder().prune_mounts(namespace)
    }
}

/// Finds the builder that is wanted.
///
/// # Errors
/// [`BuildError::NoBuilder`] with what was tried, and what to do.
pub fn discover(discovery: &Discovery) -> Result<Found, BuildError> {
    let client = Client {
        program: discovery.client.clone(),
        ..Client::default()
    };
    let version = usable_buildx(&client)?;
    match &discovery.choice {
        Choice::Private => private(discovery),
        Choice::Named(name) => named(client, name, &version),
        Choice::Address(address) => remote(client, address, &version),
        Choice::Any => {
            let reason = match current(&client, &version) {
                Ok(buildx) => return Ok(Found::Users(Box::new(buildx))),
                Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
                Err(error) => error,
            };
            private(discovery).map_err(|error| match error {
                BuildError::Interrupted => BuildError::Interrupted,
                error => BuildError::NoBuilder(format!(
                    "there is nothing to build with; tried the current builder of `docker buildx`: {reason}; \
                     then a private engine: {error}"
                )),
            })
        }
    }
}

fn private(discovery: &Discovery) -> Result<Found, BuildError> {
    let mut options = discovery.engine.clone();
    options.client = options.client.or_else(|| discovery.client.clone());
    Ok(Found::Private(Box::new(PrivateEngine::start(&options)?)))
}

fn current(client: &Client, version: &str) -> Result<Buildx, BuildError> {
    let found = Inspected::ask(client, false)?;
    if !found.running {
        let reason = found
            .error
            .unwrap_or_else(|| format!("`{}` is not running", found.name));
        return Err(BuildError::NoBuilder(reason));
    }
    // Its name is pinned: the user may choose another while we work.
    let client = Client {
        builder: Some(found.name.clone()),
        ..client.clone()
    };
    Ok(users(client, found, version))
}

fn named(client: Client, name: &str, version: &str) -> Result<Found, BuildError> {
    let client = Client {
        builder: Some(name.to_owned()),
        ..client
    };
    // A builder that was named may be started: a build would do the same.
    let found = Inspected::ask(&client, true).map_err(|error| match error {
        BuildError::Interrupted => error,
        error => BuildError::NoBuilder(format!(
            "the builder `{name}` cannot be used ({error}); `docker buildx ls` lists those there are"
        )),
    })?;
    if !found.running {
        return Err(BuildError::NoBuilder(format!(
            "the builder `{name}` does not run: {}; `docker buildx inspect --bootstrap {name}` says more",
            found.error.as_deref().unwrap_or("no reason given")
        )));
    }
    Ok(Found::Users(Box::new(users(client, found, version))))
}

fn remote(client: Client, address: &str, version: &str) -> Result<Found, BuildError> {
    // In a folder of ours, so that the user's list of builders stays as it is.
    let folder = tempfile::Builder::new().prefix("cachemount-builder-").tempdir()?;
    let client = Client {
        config: Some(folder.path().to_owned()),
        builder: Some("cachemount".to_owned()),
        ..client
    };
    let unusable = |reason: &str| {
        BuildError::NoBuilder(format!(
            "nothing that builds answers at {address}: {reason}; a `buildkitd` that needs certificates can be set up \
             with `docker buildx create --driver remote` and then named with `--builder`"
        ))
    };
    let mut create = client.docker(&["buildx", "create", "--name", "cachemount"]);
    create.args(["--driver", "remote", address]);
    let asked = ask(create).and_then(|_| Inspected::ask(&client, false));
    let found = match asked {
        Ok(found) if found.running => found,
        Ok(found) => {
            return Err(unusable(found.error.as_deref().unwrap_or("it does not run")));
        }
        Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
        Err(error) => return Err(unusable(&error.to_string())),
    };
    let mut buildx = users(client, found, version);
    address.clone_into(&mut buildx.info.name);
    // What runs there, and whose network its steps use, cannot be seen from here.
    buildx.info.local = address.starts_with("unix://");
    buildx.info.host_address = None;
    buildx.folder = Some(Arc::new(folder));
    Ok(Found::Users(Box::new(buildx)))
}

fn users(mut client: Client, found: Inspected, buildx_version: &str) -> Buildx {
    let of_a_daemon = matches!(found.driver.as_str(), "docker" | "docker-container");
    // The builder's daemon need not be the current one.
    if of_a_daemon && !found.endpoint.is_empty() && !found.endpoint.contains("://") {
        client.context = Some(found.endpoint.clone());
    }
    let mut version = format!("buildx {buildx_version}");
    if let Some(buildkit) = found.buildkit {
        version = format!("BuildKit {buildkit}, {version}");
    }
    if found.driver == "docker"
        && let Ok(engine) = ask(client.docker(&["version", "--format", "{{.Server.Version}}"]))
    {
        version = format!("dockerd {}, {version}", engine.trim());
    }
    let host_address = if of_a_daemon { bridge_address(&client) } else { None };
    let info = BuilderInfo {
        name: found.name,
        driver: found.driver,
        version,
        local: host_address.is_some(),
        host_address,
    };
    Buildx::new(client, info)
}

/// The address of the default bridge, by which steps reach the daemon's machine, if that is this machine.
///
/// Whether it is shows in that one can listen on the address: a daemon elsewhere, or in a virtual machine, has its
/// bridge there.
fn bridge_address(client: &Client) -> Option<String> {
    let mut command = client.docker(&["network", "inspect", "bridge"]);
    command.args(["--format", "{{range .IPAM.Config}}{{println .Gateway}}{{end}}"]);
    let gateways = ask(command).ok()?;
    gateways
        .lines()
        .map(str::trim)
        .find(|gateway| !gateway.is_empty() && TcpListener::bind((*gateway, 0)).is_ok())
        .map(str::to_owned)
}

/// A sentence on how to come by a builder, for messages elsewhere.
#[must_use]
pub fn how_to_install() -> &'static str {
    INSTALL
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use fs_err as fs;

    use super::*;

    /// A client program that answers like one, in a folder that must be kept.
    fn stand_in(script: &str) -> (tempfile::TempDir, Discovery) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("docker");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        // Another test's thread may be starting a program right now, which holds our file open for a moment.
        while let Err(error) = std::process::Command::new(&path).output() {
            assert_eq!(error.kind(), std::io::ErrorKind::ExecutableFileBusy, "{error}");
        }
        let discovery = Discovery {
            client: Some(path),
            ..Discovery::default()
        };
        (folder, discovery)
    }

    fn failure(discovery: &Discovery) -> String {
        match discover(discovery) {
            Err(error) => error.to_string(),
            Ok(found) => panic!("found {:?}", found.info()),
        }
    }

    #[test]
    fn what_users_write() {
        let cases = [
            ("private", Choice::Private),
            ("mine", Choice::Named("mine".into())),
            ("tcp://host:1234", Choice::Address("tcp://host:1234".into())),
            ("kube-pod://bk", Choice::Address("kube-pod://bk".into())),
        ];
        for (text, choice) in cases {
            assert_eq!(Choice::parse(text), choice);
        }
    }

    #[test]
    fn no_client() {
        let discovery = Discovery {
            client: Some("/nonexistent/docker".into()),
            ..Discovery::default()
        };
        let text = failure(&discovery);
        assert!(text.contains("no program `/nonexistent/docker`"), "{text}");
        assert!(
            text.contains("apt-get install docker.io docker-cli docker-buildx"),
            "{text}"
        );
    }

    #[test]
    fn a_client_without_buildx() {
        let (_folder, discovery) = stand_in("echo \"docker: 'buildx' is not a docker command.\" >&2; exit 1");
        let text = failure(&discovery);
        assert!(text.contains("'buildx' is not a docker command"), "{text}");
    }

    #[test]
    fn a_client_that_is_too_old() {
        let (_folder, discovery) = stand_in("echo github.com/docker/buildx v0.10.5 abc");
        let text = failure(&discovery);
        assert!(text.contains("buildx 0.10.5 is too old: 0.13 is the first"), "{text}");
    }

    #[test]
    fn a_client_that_is_another_program() {
        let (_folder, discovery) = stand_in("echo buildah 1.28.2");
        let text = failure(&discovery);
        assert!(text.contains("`buildah 1.28.2`, which is no Docker Buildx"), "{text}");
    }

    #[test]
    fn a_builder_that_is_not_there() {
        let (_folder, mut discovery) = stand_in(
            "case $2 in version) echo github.com/docker/buildx v0.20.0 abc;; \
             *) echo 'ERROR: no builder \"mine\" found' >&2; exit 1;; esac",
        );
        discovery.choice = Choice::Named("mine".into());
        let text = failure(&discovery);
        assert!(text.contains("ERROR: no builder \"mine\" found"), "{text}");
        assert!(text.contains("`docker buildx ls`"), "{text}");
    }

    #[test]
    fn the_current_builder_is_pinned_by_name() {
        let (_folder, discovery) = stand_in(
            "case $2 in version) echo github.com/docker/buildx v0.20.0 abc;; \
             inspect) printf 'Name: kube\\nDriver: kubernetes\\nNodes:\\nName: kube0\\nStatus: running\\n\
             BuildKit version: v0.20.1\\n';; esac",
        );
        let found = discover(&discovery).unwrap();
        assert_eq!(
            found.info(),
            BuilderInfo {
                name: "kube".into(),
                driver: "kubernetes".into(),
                version: "BuildKit v0.20.1, buildx 0.20.0".into(),
                local: false,
                host_address: None,
            }
        );
        let Found::Users(buildx) = found else {
            panic!("a private engine")
        };
        assert_eq!(buildx.client.builder.as_deref(), Some("kube"));
    }
}
