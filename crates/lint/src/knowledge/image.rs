//! Base images.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::tool::check_schema;
use super::{Glob, KnowledgeError};

/// What is known of a base image.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Image {
    /// The repository.
    #[serde(rename = "match")]
    pub repository: Glob,
    /// The distribution.
    #[serde(default)]
    pub distro: Option<String>,
    /// Another distribution for tags that match a glob.
    #[serde(default)]
    pub variants: BTreeMap<String, String>,
    /// The user that steps run as.
    #[serde(default)]
    pub user: Option<Account>,
    /// Other accounts.
    #[serde(default)]
    pub others: Vec<Account>,
    /// Variables.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// The working directory.
    #[serde(default)]
    pub workdir: Option<String>,
    /// Whether docker-clean is there.
    #[serde(default)]
    pub docker_clean: Option<bool>,
    /// What else one should know.
    #[serde(default)]
    pub note: String,
    /// documented | believed.
    pub evidence: String,
    /// Where the facts come from.
    #[serde(default)]
    pub source: String,
}

/// An account of an image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The user id.
    pub uid: u32,
    /// The primary group's id.
    pub gid: u32,
    /// The home directory.
    pub home: String,
    /// The first tag that has it.
    #[serde(default)]
    pub since: Option<String>,
    /// Where this is different.
    #[serde(default)]
    pub note: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Images {
    #[serde(rename = "schema")]
    _schema: u32,
    image: Vec<Image>,
}

pub(super) fn parse(file: &str, text: &str) -> Result<Vec<Image>, KnowledgeError> {
    let fail = |message: String| KnowledgeError {
        file: file.to_owned(),
        message,
    };
    check_schema(text).map_err(&fail)?;
    let images: Images = toml::from_str(text).map_err(|error| fail(error.to_string()))?;
    Ok(images.image)
}

/// An image reference in its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageRef<'a> {
    /// The repository, without `docker.io/` and `library/`.
    pub repository: &'a str,
    /// The tag, if there is one.
    pub tag: Option<&'a str>,
    /// The digest, if there is one.
    pub digest: Option<&'a str>,
}

/// Code names that appear in tags, with their distribution.
const RELEASES: &[(&str, &str)] = &[
    ("sid", "debian"),
    ("forky", "debian"),
    ("trixie", "debian"),
    ("bookworm", "debian"),
    ("bullseye", "debian"),
    ("buster", "debian"),
    ("stretch", "debian"),
    ("jessie", "debian"),
    ("resolute", "ubuntu"),
    ("questing", "ubuntu"),
    ("plucky", "ubuntu"),
    ("oracular", "ubuntu"),
    ("noble", "ubuntu"),
    ("jammy", "ubuntu"),
    ("focal", "ubuntu"),
    ("bionic", "ubuntu"),
    ("xenial", "ubuntu"),
    ("trusty", "ubuntu"),
];

impl<'a> ImageRef<'a> {
    /// Splits a reference.
    #[must_use]
    pub fn parse(text: &'a str) -> Self {
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        let slash = name.rfind('/').map_or(0, |at| at + 1);
        let (repository, tag) = match name[slash..].find(':') {
            Some(at) => (&name[..slash + at], Some(&name[slash + at + 1..])),
            None => (name, None),
        };
        let repository = repository.strip_prefix("docker.io/").unwrap_or(repository);
        let repository = repository.strip_prefix("library/").unwrap_or(repository);
        // Mirrors of the official images keep their `library/` folder.
        let repository = repository
            .split_once("/library/")
            .map_or(repository, |(_, official)| official);
        Self {
            repository,
            tag,
            digest,
        }
    }

    /// What is known of it.
    #[must_use]
    pub fn find<'k>(&self, images: &'k [Image]) -> Option<&'k Image> {
        images.iter().find(|image| image.repository.matches(self.repository))
    }

    /// Distribution and release, as far as the tag tells: `("debian", Some("trixie"))`.
    #[must_use]
    pub fn distro(&self, image: Option<&Image>) -> Option<(String, Option<String>)> {
        let tag = self.tag.unwrap_or("latest");
        let named = RELEASES.iter().find(|(release, _)| {
            tag.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|part| part == *release)
        });
        if let Some((release, distro)) = named {
            return Some(((*distro).to_owned(), Some((*release).to_owned())));
        }
        let image = image?;
        let variant = image.variants.iter().find(|(glob, _)| glob_matches(glob, tag));
        let distro = variant
            .map(|(_, distro)| distro.clone())
            .or_else(|| image.distro.clone())?;
        // For the distribution's own image the tag is the release.
        let own = self.repository == distro && tag.starts_with(|c: char| c.is_ascii_digit());
        let release = own.then(|| tag.split('-').next().unwrap_or(tag).to_owned());
        Some((distro, release))
    }

    /// A short text that is the same for the same reference, fit for a mount id.
    #[must_use]
    pub fn slug(&self) -> String {
        let mut text = self.repository.to_owned();
        if let Some(tag) = self.tag {
            text.push('-');
            text.push_str(tag);
        }
        slug(&text)
    }
}

fn glob_matches(glob: &str, text: &str) -> bool {
    let parts: Vec<_> = glob.split('*').collect();
    match parts.as_slice() {
        [only] => *only == text,
        ["", inner @ .., ""] => inner.iter().all(|part| text.contains(part)),
        [first, .., last] => text.starts_with(first) && text.ends_with(last),
        [] => false,
    }
}

/// Letters, digits, dots and dashes.
#[must_use]
pub fn slug(text: &str) -> String {
    let mut out = String::new();
    for char in text.chars() {
        if char.is_ascii_alphanumeric() || char == '.' {
            out.push(char.to_ascii_lowercase());
        } else if !out.ends_with('-') {
            out.push('-');
        }
    }
    out.trim_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_split() {
        let image = ImageRef::parse("docker.io/library/python:3.13-slim@sha256:00");
        assert_eq!((image.repository, image.tag), ("python", Some("3.13-slim")));
        assert_eq!(image.digest, Some("sha256:00"));
        let image = ImageRef::parse("localhost:5000/team/app");
        assert_eq!((image.repository, image.tag), ("localhost:5000/team/app", None));
        assert_eq!(ImageRef::parse("mirror.example/library/node:22").repository, "node");
    }

    #[test]
    fn releases_come_from_tags() {
        let knowledge = super::super::Knowledge::builtin();
        let distro = |text: &str| {
            let image = ImageRef::parse(text);
            image.distro(image.find(&knowledge.images))
        };
        let some = |distro: &str, release: Option<&str>| Some((distro.to_owned(), release.map(str::to_owned)));
        assert_eq!(distro("debian:trixie-slim"), some("debian", Some("trixie")));
        assert_eq!(distro("python:3.13-slim"), some("debian", None));
        assert_eq!(distro("python:3.13-alpine"), some("alpine", None));
        assert_eq!(distro("ubuntu:24.04"), some("ubuntu", Some("24.04")));
        assert_eq!(distro("debian:12-slim"), some("debian", Some("12")));
        assert_eq!(distro("corp/base:1"), None);
    }
}
