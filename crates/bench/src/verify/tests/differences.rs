//! What counts as a difference.

use proptest::prelude::*;
use serde_json::json;
use tar::EntryType;

use super::build::*;
use crate::verify::{Aspect, Change, Class, Comparison, Difference};

fn only_aspect(comparison: &Comparison) -> Aspect {
    assert_eq!(comparison.differences.len(), 1, "{}", comparison.to_text());
    assert!(!comparison.same());
    match &comparison.differences[0].kind {
        Change::Changed { what } if what.len() == 1 => what[0].clone(),
        other => panic!("{other:?}"),
    }
}

fn one(before: Item, after: Item) -> Aspect {
    only_aspect(&compare(&[&[before]], &[&[after]]))
}

#[test]
fn every_aspect() {
    let text = |text: &str| text.to_owned();
    assert_eq!(
        one(file("a", "1"), file("a", "1").mode(0o4755)),
        Aspect::Mode {
            before: text("0644"),
            after: text("4755")
        }
    );
    assert_eq!(
        one(file("a", "1"), file("a", "1").owner(0, 5)),
        Aspect::Owner {
            before: text("0:0"),
            after: text("0:5")
        }
    );
    assert_eq!(
        one(symlink("a", "b"), symlink("a", "c")),
        Aspect::LinkTarget {
            before: text("b"),
            after: text("c")
        }
    );
    assert_eq!(
        one(device("a", 1, 3), device("a", 1, 5)),
        Aspect::Device {
            before: text("1:3"),
            after: text("1:5")
        }
    );
    assert_eq!(
        one(
            file("a", "1"),
            Item {
                kind: EntryType::Fifo,
                ..file("a", "")
            }
        ),
        Aspect::Type {
            before: "file",
            after: "pipe"
        }
    );
    assert!(matches!(
        one(file("a", "12"), file("a", "13")),
        Aspect::Content {
            before_size: 2,
            after_size: 2,
            ..
        }
    ));
}

/// A capability is binary, and any byte of it may be a newline.
#[test]
fn capabilities() {
    let with = |value: &[u8]| file("ping", "1").xattr("security.capability", value);
    let names = vec!["security.capability".to_owned()];
    let a = b"\x01\0\0\x02\x0a\x0a\0\0\0\0\0\0";
    let b = b"\x01\0\0\x02\x0a\x0b\0\0\0\0\0\0";
    assert!(compare(&[&[with(a)]], &[&[with(a)]]).same());
    assert_eq!(one(with(a), with(b)), Aspect::Xattrs { names: names.clone() });
    assert_eq!(one(with(a), file("ping", "1")), Aspect::Xattrs { names });
}

#[test]
fn added_and_removed() {
    let comparison = compare(&[&[file("old", "12")]], &[&[file("new", "123")]]);
    let kinds: Vec<_> = comparison
        .differences
        .iter()
        .map(|difference| difference.kind.clone())
        .collect();
    assert_eq!(
        kinds,
        [
            Change::Added {
                file_type: "file",
                size: 3
            },
            Change::Removed {
                file_type: "file",
                size: 2
            }
        ]
    );
    assert!(!comparison.same());
}

#[test]
fn small_text_files_are_shown() {
    let comparison = compare(
        &[&[file("etc/a.conf", "one\ntwo\nthree\n"), file("bin", b"\0\x01")]],
        &[&[file("etc/a.conf", "one\n2\nthree\n"), file("bin", b"\0\x02")]],
    );
    let diff = comparison
        .differences
        .iter()
        .find(|d| d.path == "/etc/a.conf")
        .unwrap()
        .diff
        .clone()
        .unwrap();
    assert!(
        diff.starts_with("--- before/etc/a.conf\n+++ after/etc/a.conf\n"),
        "{diff}"
    );
    assert!(diff.contains("\n-two\n+2\n"), "{diff}");
    assert_eq!(comparison.differences[0].diff, None);
    let text = comparison.to_text();
    assert!(
        text.starts_with("The images differ in 2 places: 4 paths compared, 2 of them files.\n"),
        "{text}"
    );
    assert!(text.contains("    -two\n    +2\n"), "{text}");
}

/// The text that is shown is that of the path's last layer, also for a hard link.
#[test]
fn diffs_come_from_the_right_layer() {
    let comparison = compare(
        &[
            &[file("a", "zero\n")],
            &[file("a", "one\n"), file("a", "two\n"), hardlink("b", "a")],
        ],
        &[
            &[file("a", "zero\n")],
            &[file("a", "TWO\n"), hardlink("b", "a"), file("a", "two\n")],
        ],
    );
    assert_eq!(real(&comparison), ["/b"]);
    assert!(
        comparison.differences[0]
            .diff
            .as_deref()
            .unwrap()
            .ends_with("-two\n+TWO\n")
    );
}

#[test]
fn configuration() {
    let mut after = image(&[]);
    after.config["config"]["Env"] = json!(["PATH=/bin", "UV_LINK_MODE=copy"]);
    after.config["config"]["OnBuild"] = json!([]);
    after.config["config"]["Labels"] = json!(null);
    after.config["created"] = json!("2026-01-01T00:00:00Z");
    let comparison = try_compare(image(&[]).save().path(), after.save().path()).unwrap();
    let fields: Vec<_> = comparison.config.iter().map(|difference| difference.field).collect();
    assert_eq!(fields, ["Env"]);
    assert!(!comparison.same());
    assert!(comparison.to_text().contains("config Env"));
    for field in [
        "Cmd",
        "Entrypoint",
        "WorkingDir",
        "User",
        "Labels",
        "ExposedPorts",
        "Volumes",
        "Healthcheck",
        "Shell",
    ] {
        let mut after = image(&[]);
        after.config["config"][field] = json!({"x": {}});
        let comparison = try_compare(image(&[]).save().path(), after.save().path()).unwrap();
        assert_eq!(comparison.config.len(), 1, "{field}");
    }
    let mut after = image(&[]);
    after.config["architecture"] = json!("arm64");
    assert!(
        !try_compare(image(&[]).save().path(), after.save().path())
            .unwrap()
            .same()
    );
}

fn pyc(flags: u32, stamp: u32, source_size: u32, code: &[u8]) -> Vec<u8> {
    let words: Vec<u8> = [flags, stamp, source_size]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
    [b"\xa7\x0d\r\n", &words[..], code].concat()
}

#[test]
fn compiled_python() {
    let path = "app/__pycache__/x.cpython-313.pyc";
    let class = |before: Vec<u8>, after: Vec<u8>| {
        let comparison = compare(&[&[file(path, before)]], &[&[file(path, after)]]);
        comparison.differences.first().map(Difference::is_real)
    };
    assert_eq!(class(pyc(0, 1, 9, b"code"), pyc(0, 1, 9, b"code")), None);
    assert_eq!(
        class(pyc(0, 1, 9, b"code"), pyc(0, 2, 9, b"code")),
        Some(false),
        "other time"
    );
    assert_eq!(
        class(pyc(0, 1, 9, b"code"), pyc(0, 2, 9, b"c0de")),
        Some(true),
        "other code"
    );
    assert_eq!(
        class(pyc(1, 1, 9, b"code"), pyc(1, 2, 9, b"code")),
        Some(true),
        "a hash, not a time"
    );
    assert_eq!(
        class(pyc(0, 1, 9, b"code"), pyc(3, 1, 9, b"code")),
        Some(true),
        "other flags"
    );
    assert_eq!(class(b"short".to_vec(), b"shirt".to_vec()), Some(true));
    let comparison = compare(
        &[&[file(path, pyc(0, 1, 9, b"c"))]],
        &[&[file(path, pyc(0, 2, 9, b"c")).mode(0o600)]],
    );
    assert!(!comparison.same(), "the mode is not covered by the exemption");
    let comparison = compare(&[&[]], &[&[file(path, pyc(0, 1, 9, b"c"))]]);
    assert!(!comparison.same(), "nor is being there");
}

#[test]
fn volatile_files_are_counted_by_reason() {
    let log = |second: u32, what: &str| {
        file(
            "var/log/dpkg.log",
            format!("2026-01-01 10:00:{second:02} install {what}\n"),
        )
    };
    let comparison = compare(&[&[log(1, "jq")]], &[&[log(2, "jq")]]);
    assert!(comparison.same());
    assert_eq!(
        comparison.differences[0].class,
        Class::Volatile {
            reason: "times in dpkg's log"
        }
    );
    let text = comparison.to_text();
    assert!(text.starts_with("The images are the same"), "{text}");
    assert!(text.contains("     1  times in dpkg's log"), "{text}");
    let comparison = compare(&[&[log(1, "jq")]], &[&[log(2, "curl")]]);
    assert!(!comparison.same());
    let diff = comparison.differences[0].diff.clone().unwrap();
    assert!(diff.contains("-<time> install jq"), "{diff}");
}

#[test]
fn json() {
    let comparison = compare(&[&[file("a", "1")]], &[&[file("a", "2"), dir("d")]]);
    let value = serde_json::to_value(&comparison).unwrap();
    assert_eq!(value["version"], 1);
    assert_eq!(value["differences"][0]["path"], "/a");
    assert_eq!(value["differences"][0]["kind"]["what"][0]["aspect"], "content");
    assert_eq!(value["differences"][0]["class"]["class"], "real");
    assert_eq!(value["differences"][1]["kind"]["kind"], "added");
}

fn item() -> impl Strategy<Value = Item> {
    let path = "[a-c](/[a-c]){0,2}";
    let kind = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..30).prop_map(|content| file("", content)),
        Just(dir("")),
        "[a-z]{1,5}".prop_map(|target| symlink("", &target)),
        (0u32..8, 0u32..8).prop_map(|(major, minor)| device("", major, minor)),
    ];
    (path, kind, 0u32..0o10000, 0u64..3, 0u64..3, any::<bool>()).prop_map(|(path, item, mode, uid, gid, xattr)| {
        let item = Item {
            path: path.into_bytes(),
            ..item.mode(mode).owner(uid, gid)
        };
        if xattr { item.xattr("user.x", b"\n=1") } else { item }
    })
}

/// Each changes one property; none if the item has no such property.
fn mutate(item: &Item, which: u8) -> Option<Item> {
    let mut item = item.clone();
    match which {
        0 => item.uid += 1,
        1 => item.gid += 1,
        2 if item.kind != EntryType::Symlink => item.mode ^= 0o001,
        3 if item.kind == EntryType::Regular => item.content.push(b'x'),
        4 if item.kind == EntryType::Regular && !item.content.is_empty() => item.content[0] ^= 1,
        5 if item.kind == EntryType::Symlink => item.link.push('x'),
        6 if item.kind == EntryType::Char => item.device.1 += 1,
        7 if item.kind == EntryType::Char => item.kind = EntryType::Block,
        8 => item = item.xattr("user.y", b"1"),
        _ => return None,
    }
    Some(item)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_archive_is_the_same_as_itself(layers in prop::collection::vec(prop::collection::vec(item(), 0..6), 0..4), gzip: bool, layout in 0usize..3) {
        let layers: Vec<&[Item]> = layers.iter().map(Vec::as_slice).collect();
        let plain = image(&layers).save();
        let other = TestImage { gzip, layout: LAYOUTS[layout], ..image(&layers) }.save();
        let comparison = try_compare(plain.path(), other.path()).unwrap();
        prop_assert!(comparison.same());
        prop_assert!(comparison.differences.is_empty());
    }

    /// The last entry of a layer is in the tree whatever lies before it; change it in one respect and that is found, at its path.
    #[test]
    fn any_changed_property_is_found(items in prop::collection::vec(item(), 0..5), last in item(), which in 0u8..9) {
        if let Some(changed) = mutate(&last, which) {
            let at = |item: &Item| items.iter().cloned().chain([item.clone()]).collect::<Vec<_>>();
            let comparison = compare(&[&at(&last)], &[&at(&changed)]);
            prop_assert_eq!(comparison.differences.len(), 1, "{}", comparison.to_text());
            prop_assert!(!comparison.same());
        }
    }
}
