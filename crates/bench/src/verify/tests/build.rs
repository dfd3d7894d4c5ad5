//! Builds small image archives.

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tar::{Builder, EntryType, Header};
use tempfile::NamedTempFile;

use crate::verify::compare as comparing;
use crate::verify::tree::hash;
use crate::verify::{CompareOptions, Comparison, VerifyError, compare_archives};

/// One entry of a layer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Item {
    pub(super) path: Vec<u8>,
    pub(super) kind: EntryType,
    pub(super) content: Vec<u8>,
    pub(super) link: String,
    pub(super) mode: u32,
    pub(super) uid: u64,
    pub(super) gid: u64,
    pub(super) device: (u32, u32),
    pub(super) xattrs: Vec<(String, Vec<u8>)>,
}

impl Item {
    fn new(path: &str, kind: EntryType, mode: u32) -> Self {
        Self {
            path: path.as_bytes().to_vec(),
            kind,
            content: Vec::new(),
            link: String::new(),
            mode,
            uid: 0,
            gid: 0,
            device: (0, 0),
            xattrs: Vec::new(),
        }
    }

    pub(super) fn owner(mut self, uid: u64, gid: u64) -> Self {
        (self.uid, self.gid) = (uid, gid);
        self
    }

    pub(super) fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    pub(super) fn xattr(mut self, name: &str, value: &[u8]) -> Self {
        self.xattrs.push((format!("SCHILY.xattr.{name}"), value.to_vec()));
        self
    }
}

pub(super) fn file(path: &str, content: impl AsRef<[u8]>) -> Item {
    Item {
        content: content.as_ref().to_vec(),
        ..Item::new(path, EntryType::Regular, 0o644)
    }
}

pub(super) fn dir(path: &str) -> Item {
    Item::new(path, EntryType::Directory, 0o755)
}

pub(super) fn symlink(path: &str, target: &str) -> Item {
    Item {
        link: target.to_owned(),
        ..Item::new(path, EntryType::Symlink, 0o777)
    }
}

pub(super) fn hardlink(path: &str, target: &str) -> Item {
    Item {
        link: target.to_owned(),
        ..Item::new(path, EntryType::Link, 0o644)
    }
}

pub(super) fn device(path: &str, major: u32, minor: u32) -> Item {
    Item {
        device: (major, minor),
        ..Item::new(path, EntryType::Char, 0o600)
    }
}

/// A layer as a tar. Names go straight into the header, so that any bytes can be tried.
pub(super) fn layer(items: &[Item]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for item in items {
        builder
            .append_pax_extensions(item.xattrs.iter().map(|(key, value)| (key.as_str(), &value[..])))
            .unwrap();
        let mut header = Header::new_gnu();
        header.set_entry_type(item.kind);
        header.set_mode(item.mode);
        header.set_uid(item.uid);
        header.set_gid(item.gid);
        header.set_mtime(1);
        header.set_size(item.content.len() as u64);
        header.set_device_major(item.device.0).unwrap();
        header.set_device_minor(item.device.1).unwrap();
        if item.path.len() > 100 {
            long(&mut builder, EntryType::GNULongName, &item.path);
        }
        if item.link.len() > 100 {
            long(&mut builder, EntryType::GNULongLink, item.link.as_bytes());
        }
        let name = &mut header.as_gnu_mut().unwrap().name;
        let count = item.path.len().min(100);
        name[..count].copy_from_slice(&item.path[..count]);
        let link = &mut header.as_gnu_mut().unwrap().linkname;
        let count = item.link.len().min(100);
        link[..count].copy_from_slice(&item.link.as_bytes()[..count]);
        header.set_cksum();
        builder.append(&header, &item.content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

fn long(builder: &mut Builder<Vec<u8>>, kind: EntryType, name: &[u8]) {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(name.len() as u64 + 1);
    header.set_cksum();
    builder.append(&header, &[name, b"\0"].concat()[..]).unwrap();
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Layout {
    /// `docker save` before version 25.
    DockerOld,
    /// `docker save` since.
    DockerNew,
    /// An OCI layout, with an attestation beside the image.
    Oci,
}

pub(super) const LAYOUTS: [Layout; 3] = [Layout::DockerOld, Layout::DockerNew, Layout::Oci];

pub(super) struct TestImage {
    pub(super) layers: Vec<Vec<u8>>,
    pub(super) config: Value,
    pub(super) layout: Layout,
    pub(super) gzip: bool,
}

pub(super) fn image(layers: &[&[Item]]) -> TestImage {
    TestImage {
        layers: layers.iter().map(|items| layer(items)).collect(),
        config: json!({"architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": ["sh"]}}),
        layout: Layout::DockerNew,
        gzip: false,
    }
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn hex(bytes: &[u8]) -> String {
    comparing::hex(&hash(bytes))
}

impl TestImage {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut config = self.config.clone();
        let diff_ids: Vec<_> = self
            .layers
            .iter()
            .map(|layer| format!("sha256:{}", hex(layer)))
            .collect();
        config["rootfs"] = json!({"type": "layers", "diff_ids": diff_ids});
        let config = config.to_string().into_bytes();
        let stored: Vec<_> = self
            .layers
            .iter()
            .map(|layer| if self.gzip { gzip(layer) } else { layer.clone() })
            .collect();
        let mut entries: Vec<(String, Vec<u8>)> = Vec::new();
        let blob = |bytes: &[u8]| format!("blobs/sha256/{}", hex(bytes));
        let descriptor = |bytes: &[u8]| json!({"digest": format!("sha256:{}", hex(bytes)), "size": bytes.len()});
        if self.layout == Layout::DockerOld {
            let mut names = Vec::new();
            for (number, layer) in stored.iter().enumerate() {
                let name = format!("{number:064}/layer.tar");
                entries.push((name.clone(), layer.clone()));
                names.push(name);
            }
            let name = format!("{}.json", hex(&config));
            let manifest = json!([{"Config": name, "RepoTags": null, "Layers": names}]);
            entries.push((name, config));
            entries.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
            return outer(&entries);
        }
        entries.extend(stored.iter().map(|layer| (blob(layer), layer.clone())));
        entries.push((blob(&config), config.clone()));
        let layers: Vec<_> = stored.iter().map(|layer| descriptor(layer)).collect();
        let manifest = json!({"schemaVersion": 2, "config": descriptor(&config), "layers": layers}).to_string();
        entries.push((blob(manifest.as_bytes()), manifest.clone().into_bytes()));
        let mut image = descriptor(manifest.as_bytes());
        image["platform"] = json!({"architecture": "amd64", "os": "linux"});
        let mut attestation = image.clone();
        attestation["platform"] = json!({"architecture": "unknown", "os": "unknown"});
        let index = json!({"schemaVersion": 2, "manifests": [image, attestation]}).to_string();
        entries.push((blob(index.as_bytes()), index.clone().into_bytes()));
        let top = json!({"schemaVersion": 2, "manifests": [descriptor(index.as_bytes())]}).to_string();
        entries.push(("index.json".to_owned(), top.into_bytes()));
        entries.push(("oci-layout".to_owned(), b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec()));
        if self.layout == Layout::DockerNew {
            let layers: Vec<_> = stored.iter().map(|layer| blob(layer)).collect();
            let manifest = json!([{"Config": blob(&config), "RepoTags": ["a:1"], "Layers": layers}]);
            entries.push(("manifest.json".to_owned(), manifest.to_string().into_bytes()));
        }
        outer(&entries)
    }

    pub(super) fn save(&self) -> NamedTempFile {
        save(&self.to_bytes())
    }
}

pub(super) fn outer(entries: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for (name, content) in entries {
        let mut header = Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, name, &content[..]).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn save(bytes: &[u8]) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

pub(super) fn try_compare(before: &Path, after: &Path) -> Result<Comparison, VerifyError> {
    compare_archives(before, after, &CompareOptions::default())
}

pub(super) fn compare_with(before: &[&[Item]], after: &[&[Item]], options: &CompareOptions) -> Comparison {
    compare_archives(image(before).save().path(), image(after).save().path(), options).unwrap()
}

/// Images of the given layers, compared without options.
pub(super) fn compare(before: &[&[Item]], after: &[&[Item]]) -> Comparison {
    compare_with(before, after, &CompareOptions::default())
}

/// The paths that really differ.
pub(super) fn real(comparison: &Comparison) -> Vec<&str> {
    comparison.real().map(|difference| difference.path.as_str()).collect()
}
