//! Image archives: which layers and which configuration one holds, and where in the file they lie.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use flate2::bufread::MultiGzDecoder;
use fs_err::File;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::VerifyError;
use super::tarstream::{LayerError, truncated_or};
use super::tree::{Hash, HashWriter, escape};

/// Manifests and configurations are small; what is larger is none.
const JSON_LIMIT: u64 = 64 << 20;

/// One layer in the archive.
#[derive(Debug, Clone)]
pub(super) struct Layer {
    /// The entry's name in the archive.
    pub(super) name: String,
    offset: u64,
    /// Bytes in the archive, compressed or not.
    pub(super) stored: u64,
    /// The digest of the uncompressed layer, as the configuration gives it.
    pub(super) diff_id: Option<Hash>,
}

/// An opened image archive.
#[derive(Debug)]
pub(super) struct Image {
    pub(super) path: PathBuf,
    pub(super) layers: Vec<Layer>,
    /// The whole configuration file.
    pub(super) config: Value,
}

#[derive(Deserialize)]
struct DockerManifest {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
    #[serde(default)]
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
    #[serde(default)]
    variant: Option<String>,
}

/// An index (`manifests`) or a manifest (`config`, `layers`): the media type is optional, the fields tell.
#[derive(Deserialize)]
struct OciDocument {
    manifests: Option<Vec<Descriptor>>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
}

impl Image {
    /// Finds the image in the archive. `platform` (`linux/amd64`) chooses where there are several.
    pub(super) fn open(path: &Path, platform: Option<&str>) -> Result<Self, VerifyError> {
        let archive = Archive::index(path)?;
        // `docker save` of new engines writes both manifests; its own is the simpler one.
        let (config, names) = if archive.entries.contains_key("manifest.json") {
            archive.docker_manifest()?
        } else if archive.entries.contains_key("index.json") {
            archive.oci_manifest(platform)?
        } else {
            return Err(VerifyError::NotAnImage {
                archive: path.to_owned(),
                reason: "it holds neither `manifest.json` nor `index.json`",
            });
        };
        let config: Value = archive.json(&config)?;
        let diff_ids: Vec<Option<Hash>> = config["rootfs"]["diff_ids"]
            .as_array()
            .map(|ids| ids.iter().map(|id| id.as_str().and_then(sha256_of)).collect())
            .unwrap_or_default();
        let known = diff_ids.len() == names.len();
        let mut layers = Vec::with_capacity(names.len());
        for (number, name) in names.into_iter().enumerate() {
            let (offset, stored) = archive.find(&name)?;
            let diff_id = if known { diff_ids[number] } else { None };
            layers.push(Layer {
                name,
                offset,
                stored,
                diff_id,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            layers,
            config,
        })
    }

    /// Reads a layer from end to end, checks it against its digest and returns its uncompressed length in bytes.
    pub(super) fn read_layer(
        &self,
        number: usize,
        read: impl FnOnce(&mut dyn Read) -> Result<(), LayerError>,
    ) -> Result<u64, VerifyError> {
        let layer = &self.layers[number];
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(layer.offset))?;
        let mut magic = [0; 6];
        let count = layer.stored.min(6);
        // At most 6, so it fits.
        file.by_ref()
            .take(count)
            .read_exact(&mut magic[..usize::try_from(count).unwrap_or(0)])?;
        file.seek(SeekFrom::Start(layer.offset))?;
        let stored = BufReader::with_capacity(1 << 16, file.take(layer.stored));
        let mut hashing = Hashing {
            inner: match magic {
                [0x1f, 0x8b, ..] => Decoder::Gzip(Box::new(MultiGzDecoder::new(stored))),
                [0x28, 0xb5, 0x2f, 0xfd, ..] => return Err(self.compressed(layer, "zstd")),
                [0xfd, b'7', b'z', b'X', b'Z', 0] => return Err(self.compressed(layer, "xz")),
                [b'B', b'Z', b'h', ..] => return Err(self.compressed(layer, "bzip2")),
                _ => Decoder::Plain(stored),
            },
            hasher: Sha256::new(),
            count: 0,
        };
        let result = read(&mut hashing)
            // Whatever follows the end mark belongs to the digest too.
            .and_then(|()| io::copy(&mut hashing, &mut io::sink()).map_err(truncated_or));
        result.map_err(|source| VerifyError::layer(&self.path, &layer.name, source))?;
        let digest: Hash = hashing.hasher.finalize().into();
        match layer.diff_id {
            Some(want) if want != digest => Err(VerifyError::Digest {
                archive: self.path.clone(),
                layer: layer.name.clone(),
            }),
            _ => Ok(hashing.count),
        }
    }

    fn compressed(&self, layer: &Layer, format: &'static str) -> VerifyError {
        VerifyError::Compression {
            archive: self.path.clone(),
            layer: layer.name.clone(),
            format,
        }
    }
}

/// The archive's table of contents.
struct Archive {
    path: PathBuf,
    entries: BTreeMap<String, Place>,
}

enum Place {
    File {
        offset: u64,
        size: u64,
    },
    /// Engines before 25 store a layer that occurs twice as a link to its first copy.
    Link(String),
}

impl Archive {
    fn index(path: &Path) -> Result<Self, VerifyError> {
        let mut file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut magic = [0; 4];
        let whole = file.read(&mut magic)? == magic.len();
        let reason = match magic {
            [0x1f, 0x8b, ..] => Some("it is compressed with gzip as a whole; unpack it first"),
            [0x28, 0xb5, 0x2f, 0xfd] => Some("it is compressed with zstd as a whole; unpack it first"),
            _ if !whole => Some("it is empty or a few bytes long"),
            _ => None,
        };
        if let Some(reason) = reason {
            return Err(VerifyError::NotAnImage {
                archive: path.to_owned(),
                reason,
            });
        }
        file.seek(SeekFrom::Start(0))?;
        let broken = |source| VerifyError::Index {
            archive: path.to_owned(),
            source,
        };
        let mut tar = tar::Archive::new(file);
        let mut entries = BTreeMap::new();
        for entry in tar.entries_with_seek().map_err(broken)? {
            let entry = entry.map_err(broken)?;
            let name = normal(&escape(&entry.path_bytes()));
            let place = if let Some(link) = entry.link_name_bytes() {
                let link = escape(&link);
                let symbolic = entry.header().entry_type().is_symlink();
                let base = name.rsplit_once('/').map_or("", |(directory, _)| directory);
                Place::Link(normal(&if symbolic && !link.starts_with('/') {
                    format!("{base}/{link}")
                } else {
                    link
                }))
            } else {
                let (offset, size) = (entry.raw_file_position(), entry.size());
                if size
                    .checked_next_multiple_of(512)
                    .and_then(|whole| whole.checked_add(offset))
                    .is_none_or(|end| end > length)
                {
                    return Err(VerifyError::Truncated {
                        archive: path.to_owned(),
                        entry: name,
                    });
                }
                Place::File { offset, size }
            };
            entries.insert(name, place);
        }
        Ok(Self {
            path: path.to_owned(),
            entries,
        })
    }

    fn find(&self, name: &str) -> Result<(u64, u64), VerifyError> {
        let mut at = normal(name);
        // A link leads to a file; more than a few in a row is a circle.
        for _ in 0..8 {
            match self.entries.get(&at) {
                Some(&Place::File { offset, size }) => return Ok((offset, size)),
                Some(Place::Link(target)) => at.clone_from(target),
                None => break,
            }
        }
        Err(VerifyError::Missing {
            archive: self.path.clone(),
            entry: name.to_owned(),
        })
    }

    fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T, VerifyError> {
        let (offset, size) = self.find(name)?;
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(offset))?;
        let mut text = Vec::new();
        file.take(size.min(JSON_LIMIT)).read_to_end(&mut text)?;
        serde_json::from_slice(&text).map_err(|source| VerifyError::Json {
            archive: self.path.clone(),
            entry: name.to_owned(),
            source,
        })
    }

    fn docker_manifest(&self) -> Result<(String, Vec<String>), VerifyError> {
        let mut manifests: Vec<DockerManifest> = self.json("manifest.json")?;
        match (manifests.pop(), manifests.is_empty()) {
            (Some(manifest), true) => Ok((manifest.config, manifest.layers)),
            (None, _) => Err(VerifyError::NotAnImage {
                archive: self.path.clone(),
                reason: "its `manifest.json` lists no image",
            }),
            (Some(last), false) => {
                manifests.push(last);
                let names = manifests.into_iter().map(|m| m.tags.unwrap_or_default().join(", "));
                Err(VerifyError::Several {
                    archive: self.path.clone(),
                    choices: names.collect(),
                })
            }
        }
    }

    /// Follows indexes down to the one manifest that is wanted. Attestations are manifests of platform `unknown`.
    fn oci_manifest(&self, platform: Option<&str>) -> Result<(String, Vec<String>), VerifyError> {
        let mut queue = vec!["index.json".to_owned()];
        let mut found: BTreeMap<String, Option<String>> = BTreeMap::new();
        let mut seen = 0;
        while let Some(name) = queue.pop() {
            seen += 1;
            if seen > 1000 {
                break;
            }
            let index: OciDocument = self.json(&name)?;
            for descriptor in index.manifests.unwrap_or_default() {
                let blob = blob(&descriptor.digest);
                let label = descriptor.platform.as_ref().map(Platform::label);
                if label.as_deref().is_some_and(|label| label.starts_with("unknown/")) {
                    continue;
                }
                let document: OciDocument = self.json(&blob)?;
                if document.manifests.is_some() {
                    queue.push(blob);
                } else {
                    found.insert(blob, label);
                }
            }
        }
        if let Some(wanted) = platform
            && found.len() > 1
        {
            found.retain(|_, label| label.as_deref() == Some(wanted));
        }
        if found.len() > 1 {
            let choices = found
                .into_values()
                .map(|label| label.unwrap_or_else(|| "no platform".to_owned()))
                .collect();
            return Err(VerifyError::Several {
                archive: self.path.clone(),
                choices,
            });
        }
        let Some(name) = found.into_keys().next() else {
            return Err(VerifyError::NotAnImage {
                archive: self.path.clone(),
                reason: "its `index.json` lists no image of the platform asked for",
            });
        };
        let manifest: OciDocument = self.json(&name)?;
        let (Some(config), Some(layers)) = (manifest.config, manifest.layers) else {
            return Err(VerifyError::NotAnImage {
                archive: self.path.clone(),
                reason: "its manifest has no configuration or no layers",
            });
        };
        Ok((
            blob(&config.digest),
            layers.iter().map(|layer| blob(&layer.digest)).collect(),
        ))
    }
}

impl Platform {
    fn label(&self) -> String {
        let variant = self
            .variant
            .as_ref()
            .map(|variant| format!("/{variant}"))
            .unwrap_or_default();
        format!("{}/{}{variant}", self.os, self.architecture)
    }
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replacen(':', "/", 1))
}

fn sha256_of(digest: &str) -> Option<Hash> {
    let hex = digest
        .strip_prefix("sha256:")
        .filter(|hex| hex.len() == 64 && hex.is_ascii())?;
    let mut hash = [0; 32];
    for (byte, at) in hash.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&hex[at..at + 2], 16).ok()?;
    }
    Some(hash)
}

/// An entry's name without `./`, `..` and doubled slashes.
fn normal(name: &str) -> String {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

enum Decoder<R: io::BufRead> {
    Plain(R),
    Gzip(Box<MultiGzDecoder<R>>),
}

/// Counts and hashes what passes.
struct Hashing<R: io::BufRead> {
    inner: Decoder<R>,
    hasher: Sha256,
    count: u64,
}

impl<R: io::BufRead> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Decoder::Plain(inner) => inner.read(buffer)?,
            Decoder::Gzip(inner) => inner.read(buffer)?,
        };
        io::Write::write_all(&mut HashWriter(&mut self.hasher), &buffer[..count])?;
        self.count += count as u64;
        Ok(count)
    }
}
