//! Layouts, compression, and what is wrong with an archive.

use serde_json::json;

use super::build::*;
use crate::verify::{CompareOptions, VerifyError, compare_archives};

fn sample() -> TestImage {
    image(&[
        &[dir("etc/"), file("etc/hostname", "a\n")],
        &[dir("app/"), file("app/run", "run"), symlink("sh", "app/run")],
    ])
}

#[test]
fn every_layout_gives_the_same_tree() {
    let reference = sample().save();
    for layout in LAYOUTS {
        for gzip in [false, true] {
            let other = TestImage {
                layout,
                gzip,
                ..sample()
            }
            .save();
            let comparison = try_compare(reference.path(), other.path()).unwrap();
            assert!(comparison.same(), "{layout:?} {gzip}: {}", comparison.to_text());
            assert_eq!((comparison.paths, comparison.files), (6, 2));
            assert_eq!(comparison.before.layer_bytes, comparison.after.layer_bytes);
            assert_eq!(
                (
                    comparison.after.layers,
                    comparison.after.files,
                    comparison.after.file_bytes
                ),
                (2, 2, 5)
            );
            assert_eq!(gzip, comparison.after.stored_bytes < comparison.before.stored_bytes);
        }
    }
}

#[test]
fn gzip_of_several_members() {
    let plain = sample();
    let mut bytes = sample();
    let layer = bytes.layers[1].clone();
    let (a, b) = layer.split_at(700);
    bytes.layers[1] = [gzip(a), gzip(b)].concat();
    // The digest that `to_bytes` computes is that of the compressed layer: take the archive apart where it is checked.
    let error = try_compare(plain.save().path(), bytes.save().path()).unwrap_err();
    assert!(matches!(error, VerifyError::Digest { .. }), "{error}");
    // Without digests the archive is taken as it is.
    let config = json!({"architecture": "amd64", "os": "linux", "config": plain.config["config"]}).to_string();
    let manifest = json!([{"Config": "c.json", "Layers": ["0", "1"]}]).to_string();
    let archive = outer(&[
        ("0".to_owned(), plain.layers[0].clone()),
        ("1".to_owned(), bytes.layers[1].clone()),
        ("c.json".to_owned(), config.into_bytes()),
        ("manifest.json".to_owned(), manifest.into_bytes()),
    ]);
    let comparison = try_compare(plain.save().path(), save(&archive).path()).unwrap();
    assert!(comparison.same(), "{}", comparison.to_text());
}

/// Engines before 25 store a layer that occurs twice as a symbolic link.
#[test]
fn a_layer_stored_as_a_link() {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    let content = layer(&[file("a", "1")]);
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, "one/layer.tar", &content[..]).unwrap();
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    builder
        .append_link(&mut header, "two/layer.tar", "../one/layer.tar")
        .unwrap();
    for (name, text) in [
        ("c.json", "{}".to_owned()),
        (
            "manifest.json",
            json!([{"Config": "c.json", "Layers": ["one/layer.tar", "two/layer.tar"]}]).to_string(),
        ),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        builder.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    let archive = save(&builder.into_inner().unwrap());
    let comparison = try_compare(archive.path(), archive.path()).unwrap();
    assert_eq!((comparison.before.layers, comparison.files), (2, 1));
}

#[test]
fn archives_that_are_none() {
    let good = sample().save();
    let cases: [(Vec<u8>, &str); 5] = [
        (Vec::new(), "empty"),
        (
            outer(&[("hello".to_owned(), b"x".to_vec())]),
            "neither `manifest.json` nor `index.json`",
        ),
        (gzip(&sample().to_bytes()), "compressed with gzip as a whole"),
        (outer(&[("manifest.json".to_owned(), b"[]".to_vec())]), "lists no image"),
        (
            outer(&[("manifest.json".to_owned(), b"[{".to_vec())]),
            "read `manifest.json`",
        ),
    ];
    for (bytes, want) in cases {
        let bad = save(&bytes);
        let error = try_compare(good.path(), bad.path()).unwrap_err().to_string();
        assert!(error.contains(want), "{error}");
        assert!(error.contains(bad.path().to_str().unwrap()), "{error}");
    }
    let error = try_compare(good.path(), std::path::Path::new("/nowhere.tar"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("/nowhere.tar"), "{error}");
}

#[test]
fn a_layer_that_is_missing() {
    let manifest = json!([{"Config": "c.json", "Layers": ["gone/layer.tar"]}])
        .to_string()
        .into_bytes();
    let archive = save(&outer(&[
        ("c.json".to_owned(), b"{}".to_vec()),
        ("manifest.json".to_owned(), manifest),
    ]));
    let error = try_compare(archive.path(), archive.path()).unwrap_err();
    assert!(
        matches!(&error, VerifyError::Missing { entry, .. } if entry == "gone/layer.tar"),
        "{error}"
    );
}

/// Whereever an archive breaks off, it is an error, and the error names the archive.
#[test]
fn truncated_archives() {
    let good = sample().save();
    for layout in LAYOUTS {
        for gzip in [false, true] {
            let bytes = TestImage {
                layout,
                gzip,
                ..sample()
            }
            .to_bytes();
            // The last two blocks are the end mark, and may be missing: nothing is lost with them.
            for cut in (0..bytes.len() - 1024).step_by(97) {
                let bad = save(&bytes[..cut]);
                let error = try_compare(good.path(), bad.path())
                    .expect_err(&format!("{layout:?} {gzip} {cut}"))
                    .to_string();
                assert!(error.contains(bad.path().to_str().unwrap()), "{error}");
            }
        }
    }
}

#[test]
fn a_layer_that_breaks_off_inside() {
    for gzipped in [false, true] {
        let mut broken = layer(&[file("a", "x".repeat(5000))]);
        broken.truncate(2000);
        let stored = if gzipped { gzip(&broken) } else { broken };
        let manifest = json!([{"Config": "c.json", "Layers": ["l.tar"]}])
            .to_string()
            .into_bytes();
        let archive = save(&outer(&[
            ("c.json".to_owned(), b"{}".to_vec()),
            ("l.tar".to_owned(), stored),
            ("manifest.json".to_owned(), manifest),
        ]));
        let error = try_compare(archive.path(), archive.path()).unwrap_err();
        assert!(
            matches!(&error, VerifyError::Truncated { entry, .. } if entry == "l.tar"),
            "{error}"
        );
    }
}

#[test]
fn compressions_we_cannot_undo_are_named() {
    for (magic, name) in [
        (&b"\x28\xb5\x2f\xfd"[..], "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"BZh9", "bzip2"),
    ] {
        let mut broken = sample();
        broken.layers[1] = [magic, &[0; 100]].concat();
        let error = try_compare(sample().save().path(), broken.save().path())
            .unwrap_err()
            .to_string();
        assert!(error.contains(&format!("compressed with {name}")), "{error}");
    }
}

#[test]
fn a_layer_that_is_no_tar() {
    let mut broken = sample();
    broken.layers[1] = vec![b'x'; 2000];
    let error = try_compare(sample().save().path(), broken.save().path())
        .unwrap_err()
        .to_string();
    assert!(error.contains("not a tar archive"), "{error}");
}

#[test]
fn a_platform_is_chosen_where_there_are_several() {
    let manifest = |arch: &str| {
        let config = json!({"architecture": arch, "os": "linux"}).to_string().into_bytes();
        (config, arch.to_owned())
    };
    let mut entries = vec![("blobs/sha256/l".to_owned(), layer(&[file("a", "1")]))];
    let mut manifests = Vec::new();
    for (config, arch) in [manifest("amd64"), manifest("arm64")] {
        entries.push((format!("blobs/sha256/c-{arch}"), config));
        let text = json!({"config": {"digest": format!("sha256:c-{arch}")}, "layers": [{"digest": "sha256:l"}]});
        entries.push((format!("blobs/sha256/m-{arch}"), text.to_string().into_bytes()));
        manifests
            .push(json!({"digest": format!("sha256:m-{arch}"), "platform": {"architecture": arch, "os": "linux"}}));
    }
    entries.push((
        "index.json".to_owned(),
        json!({ "manifests": manifests }).to_string().into_bytes(),
    ));
    let archive = save(&outer(&entries));
    let error = try_compare(archive.path(), archive.path()).unwrap_err().to_string();
    assert!(error.contains("linux/amd64, linux/arm64"), "{error}");
    let options = CompareOptions {
        platform: Some("linux/arm64".to_owned()),
        ..CompareOptions::default()
    };
    assert!(
        compare_archives(archive.path(), archive.path(), &options)
            .unwrap()
            .same()
    );
    let options = CompareOptions {
        platform: Some("linux/s390x".to_owned()),
        ..CompareOptions::default()
    };
    assert!(compare_archives(archive.path(), archive.path(), &options).is_err());
}
