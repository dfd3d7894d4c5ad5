//! Which client and which builder this is, from `docker buildx version` and `docker buildx inspect`.

use crate::client::{Client, ask};
use crate::error::BuildError;

/// The first buildx with a progress stream that can be read by a program.
const OLDEST_BUILDX: (u32, u32) = (0, 13);

/// How to come by a client and an engine.
pub(crate) const INSTALL: &str = "on Debian 13 or newer `apt-get install docker.io docker-cli docker-buildx` brings all \
     that is needed (Debian 12's own packages are too old: take these three from Debian 13, or Docker's own packages)";

/// What `docker buildx inspect` says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inspected {
    pub(crate) name: String,
    pub(crate) driver: String,
    pub(crate) endpoint: String,
    pub(crate) running: bool,
    pub(crate) buildkit: Option<String>,
    pub(crate) error: Option<String>,
}

impl Inspected {
    pub(crate) fn ask(client: &Client, bootstrap: bool) -> Result<Self, BuildError> {
        let mut command = client.docker(&["buildx", "inspect"]);
        if bootstrap {
            command.arg("--bootstrap");
        }
        if let Some(name) = &client.builder {
            command.arg(name);
        }
        Ok(Self::parse(&ask(command)?))
    }

    fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut in_nodes = false;
        for line in text.lines() {
            let Some((key, value)) = line.split_once(':') else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "Nodes" => in_nodes = true,
                "Name" if !in_nodes => value.clone_into(&mut found.name),
                "Driver" => value.clone_into(&mut found.driver),
                "Endpoint" if found.endpoint.is_empty() => value.clone_into(&mut found.endpoint),
                "Status" => found.running |= value == "running",
                "BuildKit version" | "Buildkit" if found.buildkit.is_none() => {
                    found.buildkit = Some(value.to_owned());
                }
                "Error" => found.error = Some(value.to_owned()),
                _ => {}
            }
        }
        found
    }
}

/// The client's buildx version, if it is one that can be used; a text that says what to do if not.
pub(crate) fn usable_buildx(client: &Client) -> Result<String, BuildError> {
    let said = match ask(client.docker(&["buildx", "version"])) {
        Ok(said) => said,
        Err(BuildError::Interrupted) => return Err(BuildError::Interrupted),
        Err(error) => {
            return Err(BuildError::NoBuilder(format!(
                "no `docker` with buildx was found ({error}); {INSTALL}"
            )));
        }
    };
    let Some((version, numbers)) = buildx_version(&said) else {
        return Err(BuildError::NoBuilder(format!(
            "`docker buildx version` answers `{}`, which is no Docker Buildx; {INSTALL}",
            said.trim()
        )));
    };
    if numbers < OLDEST_BUILDX {
        let (major, minor) = OLDEST_BUILDX;
        return Err(BuildError::NoBuilder(format!(
            "buildx {version} is too old: {major}.{minor} is the first that tells programs what a build did; {INSTALL}"
        )));
    }
    Ok(version)
}

/// `github.com/docker/buildx v0.36.1 3b2c…`: the version as written, and its first two numbers.
fn buildx_version(said: &str) -> Option<(String, (u32, u32))> {
    let mut words = said.split_whitespace();
    words.next().filter(|word| word.ends_with("/buildx"))?;
    let version = words.next()?.trim_start_matches('v');
    let mut numbers = version.split('.');
    let major = numbers.next()?.parse().ok()?;
    let minor = numbers
        .next()?
        .chars()
        .take_while(char::is_ascii_digit)
        .collect::<String>()
        .parse()
        .ok()?;
    Some((version.to_owned(), (major, minor)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        let cases = [
            ("github.com/docker/buildx 0.13.1+ds1 0.13.1+ds1-3", Some((0, 13))),
            ("github.com/docker/buildx v0.36.1 abc\n", Some((0, 36))),
            ("github.com/docker/buildx v1.0-rc1 abc", Some((1, 0))),
            ("buildah 1.28.2 (image-spec 1.1.0)", None),
            ("", None),
        ];
        for (said, numbers) in cases {
            assert_eq!(buildx_version(said).map(|found| found.1), numbers, "{said}");
        }
    }

    #[test]
    fn a_builder_that_runs() {
        let found = Inspected::parse(
            "Name:   default\nDriver: docker\n\nNodes:\nName:             default\nEndpoint:         default\n\
             Status:           running\nBuildKit version: v0.13.2\nPlatforms:        linux/amd64\nLabels:\n \
             org.mobyproject.buildkit.worker.moby.host-gateway-ip: 172.17.0.1\n",
        );
        assert_eq!(
            found,
            Inspected {
                name: "default".into(),
                driver: "docker".into(),
                endpoint: "default".into(),
                running: true,
                buildkit: Some("v0.13.2".into()),
                error: None,
            }
        );
    }

    #[test]
    fn a_builder_that_cannot_be_reached() {
        let found = Inspected::parse(
            "Name:          default\nDriver:        \nLast Activity: 2026-11-24 06:00:29 +0000 UTC\n\
             Error:         Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?\n",
        );
        assert!(!found.running);
        assert_eq!(
            found.error.as_deref(),
            Some("Cannot connect to the Docker daemon at unix:///x. Is the docker daemon running?")
        );
    }
}
