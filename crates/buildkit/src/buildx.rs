//! Builds by running `docker buildx build`.

mod export;
mod failure;

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;

use crate::builder::{BuildEvent, BuildRecord, BuildRequest, Builder, BuilderInfo, MountRecord, Output};
use crate::cgroup::{Gauge, Measurement};
use crate::client::{self, Cause, Client, Heed};
use crate::error::BuildError;
use crate::progress::Progress;
use crate::usage;

/// The build argument that BuildKit prefixes cache mount ids with.
const NAMESPACE_ARGUMENT: &str = "BUILDKIT_CACHE_MOUNT_NS";

/// A builder behind `docker buildx`.
#[derive(Debug, Clone)]
pub struct Buildx {
    pub(crate) client: Client,
    pub(crate) info: BuilderInfo,
    /// Steps share the host's network.
    pub(crate) host_network: bool,
    pub(crate) gauge: Option<Gauge>,
    pub(crate) time_limit: Option<Duration>,
    /// A folder of ours that the client needs as long as this lives.
    pub(crate) folder: Option<Arc<TempDir>>,
}

impl Buildx {
    pub(crate) fn new(client: Client, info: BuilderInfo) -> Self {
        Self {
            client,
            info,
            host_network: false,
            gauge: None,
            time_limit: None,
            folder: None,
        }
    }

    /// Ends builds that take longer. There is no limit unless this is called.
    #[must_use]
    pub fn with_time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// The daemon behind the builder has an image store of its own, and exports into files are refused.
    fn is_docker_driver(&self) -> bool {
        self.info.driver == "docker"
    }

    fn command(&self, request: &BuildRequest) -> Result<Command, BuildError> {
        let mut command = self.client.buildx("build");
        command.args(["--progress=rawjson", "--provenance=false", "--sbom=false"]);
        if self.host_network {
            command.args(["--network=host", "--allow=network.host"]);
        }
        command.arg("--file").arg(&request.dockerfile);
        if let Some(target) = &request.target {
            command.arg("--target").arg(target);
        }
        for (name, value) in &request.build_args {
            command.arg("--build-arg").arg(format!("{name}={value}"));
        }
        if let Some(namespace) = &request.mount_namespace {
            usage::check_namespace(namespace)?;
            command
                .arg("--build-arg")
                .arg(format!("{NAMESPACE_ARGUMENT}={namespace}"));
        }
        for (name, source) in &request.build_contexts {
            command.arg("--build-context").arg(format!("{name}={source}"));
        }
        Ok(command)
    }

    /// Runs a prepared client command, to which only the output and the context are still to be added.
    fn run(
        &self,
        mut command: Command,
        context: &Path,
        on_event: &mut dyn FnMut(BuildEvent),
    ) -> Result<BuildRecord, BuildError> {
        // After `--`, so that no name of a folder is taken for an option.
        command.arg("--").arg(context);
        let mut progress = Progress::new();
        let mut measurement = Measurement::start(self.gauge.as_ref());
        let ended = client::run(
            command,
            self.time_limit,
            Heed::First,
            &mut |bytes| progress.feed(bytes, on_event),
            &mut || measurement.sample(),
        )?;
        let followed = progress.finish(on_event);
        if ended.cause == Cause::Interrupted {
            return Err(BuildError::Interrupted);
        }
        let record = BuildRecord {
            wall: ended.wall,
            steps: followed.steps.clone(),
            client: ended.usage,
            builder: measurement.finish(),
        };
        if ended.status.success() && ended.cause == Cause::Itself {
            return Ok(record);
        }
        Err(failure::explain(&ended, &followed, self.time_limit, record))
    }
}

impl Builder for Buildx {
    fn info(&self) -> BuilderInfo {
        self.info.clone()
    }

    fn build(&self, request: &BuildRequest, on_event: &mut dyn FnMut(BuildEvent)) -> Result<BuildRecord, BuildError> {
        match &request.output {
            Output::CacheOnly => {
                let mut command = self.command(request)?;
                command.args(["--output", "type=cacheonly"]);
                self.run(command, &request.context, on_event)
            }
            Output::Files(folder) => self.export_files(request, folder, on_event),
            Output::ImageArchive(archive) if self.is_docker_driver() => {
                self.export_through_store(request, archive, on_event)
            }
            Output::ImageArchive(archive) => {
                let mut command = self.command(request)?;
                command.arg("--output").arg(export::destination("docker", archive)?);
                self.run(command, &request.context, on_event)
            }
        }
    }

    fn mounts(&self, namespace: &str) -> Result<Vec<MountRecord>, BuildError> {
        usage::mounts(&self.client, namespace)
    }

    fn prune_mounts(&self, namespace: &str) -> Result<u64, BuildError> {
        usage::prune(&self.client, namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(buildx: &Buildx, request: &BuildRequest) -> Vec<String> {
        buildx
            .command(request)
            .unwrap()
            .get_args()
            .map(|argument| argument.to_string_lossy().into_owned())
            .collect()
    }

    fn request() -> BuildRequest {
        BuildRequest {
            dockerfile: "/d/Dockerfile".into(),
            ..BuildRequest::default()
        }
    }

    #[test]
    fn everything_asked_for_is_passed_and_no_more() {
        let mut buildx = Buildx::new(
            Client {
                builder: Some("b".into()),
                ..Client::default()
            },
            BuilderInfo::default(),
        );
        let request = BuildRequest {
            target: Some("t".into()),
            build_args: vec![("HTTP_PROXY".into(), "http://127.0.0.1:1".into())],
            build_contexts: vec![("c".into(), "/c".into())],
            mount_namespace: Some("ns".into()),
            ..request()
        };
        let plain = [
            "buildx",
            "build",
            "--builder",
            "b",
            "--progress=rawjson",
            "--provenance=false",
            "--sbom=false",
        ];
        let rest = [
            "--file",
            "/d/Dockerfile",
            "--target",
            "t",
            "--build-arg",
            "HTTP_PROXY=http://127.0.0.1:1",
            "--build-arg",
            "BUILDKIT_CACHE_MOUNT_NS=ns",
            "--build-context",
            "c=/c",
        ];
        assert_eq!(arguments(&buildx, &request), [&plain[..], &rest].concat());
        buildx.host_network = true;
        let network = ["--network=host", "--allow=network.host"];
        assert_eq!(arguments(&buildx, &request), [&plain[..], &network, &rest].concat());
    }

    #[test]
    fn a_namespace_that_would_reach_further_is_refused() {
        let buildx = Buildx::new(Client::default(), BuilderInfo::default());
        for namespace in ["", "a/b", "a\"b"] {
            let request = BuildRequest {
                mount_namespace: Some(namespace.into()),
                ..request()
            };
            assert!(buildx.command(&request).is_err(), "{namespace}");
        }
    }
}
