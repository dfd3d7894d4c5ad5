//! How layers make a tree.

use super::build::*;
use crate::verify::VerifyError;

/// Whether the layers give the tree of one layer with `want`.
fn gives(layers: &[&[Item]], want: &[Item]) {
    let comparison = compare(layers, &[want]);
    assert!(comparison.same(), "{}", comparison.to_text());
    assert!(comparison.differences.is_empty(), "{}", comparison.to_text());
}

#[test]
fn whiteouts_remove_what_lies_below() {
    gives(
        &[
            &[
                file("a", "1"),
                dir("d"),
                file("d/x", "1"),
                dir("d/e"),
                file("d/e/y", "1"),
                file("dz", "1"),
            ],
            &[file(".wh.a", ""), file(".wh.d", "")],
        ],
        &[file("dz", "1")],
    );
}

#[test]
fn a_whiteout_spares_its_own_layer() {
    // In either order: a layer first removes, then adds.
    for second in [
        [file(".wh.d", ""), dir("d"), file("d/new", "2")],
        [dir("d"), file("d/new", "2"), file(".wh.d", "")],
    ] {
        gives(
            &[&[dir("d"), file("d/old", "1")], &second],
            &[dir("d"), file("d/new", "2")],
        );
    }
}

#[test]
fn opaque_directories() {
    for second in [
        [dir("d"), file("d/.wh..wh..opq", ""), file("d/e/new", "2")],
        [dir("d"), file("d/e/new", "2"), file("d/.wh..wh..opq", "")],
    ] {
        gives(
            &[
                &[dir("d").mode(0o700), file("d/old", "1"), file("d/e/old", "1")],
                &second,
            ],
            &[dir("d"), dir("d/e"), file("d/e/new", "2")],
        );
    }
}

#[test]
fn names_that_only_look_like_whiteouts() {
    gives(&[&[file("a", "1"), file(".wh..wh.plnk", "")]], &[file("a", "1")]);
    gives(&[&[file("x.wh.a", "1")]], &[file("x.wh.a", "1")]);
}

#[test]
fn later_entries_replace_earlier_ones() {
    gives(&[&[file("a", "1"), file("a", "2")]], &[file("a", "2")]);
    gives(
        &[&[file("a", "1")], &[file("a", "2").mode(0o600)]],
        &[file("a", "2").mode(0o600)],
    );
    gives(
        &[&[dir("d"), file("d/x", "1")], &[symlink("d", "e")]],
        &[symlink("d", "e")],
    );
    gives(
        &[&[file("d", "1")], &[dir("d"), file("d/x", "1")]],
        &[dir("d"), file("d/x", "1")],
    );
    gives(
        &[&[dir("d"), file("d/x", "1")], &[dir("d").owner(5, 6)]],
        &[dir("d").owner(5, 6), file("d/x", "1")],
    );
}

#[test]
fn hard_links_share_content_and_survive_their_first_name() {
    gives(
        &[
            &[file("a", "1").owner(3, 4), hardlink("b", "a")],
            &[hardlink("c", "/b"), file(".wh.a", "")],
        ],
        &[file("b", "1").owner(3, 4), file("c", "1").owner(3, 4)],
    );
}

#[test]
fn a_hard_link_to_nothing_is_an_error() {
    let error = try_compare(image(&[&[hardlink("b", "a")]]).save().path(), image(&[]).save().path()).unwrap_err();
    assert!(matches!(error, VerifyError::Layer { .. }));
    assert!(error.to_string().contains("`b` is a hard link to `a`"), "{error}");
}

#[test]
fn names_are_kept_inside_the_root() {
    gives(
        &[&[
            file("../../etc/passwd", "1"),
            file("/abs", "2"),
            file("./a/./b//c", "3"),
            file("a/../d", "4"),
        ]],
        &[
            dir("etc"),
            file("etc/passwd", "1"),
            file("abs", "2"),
            dir("a"),
            dir("a/b"),
            file("a/b/c", "3"),
            file("d", "4"),
        ],
    );
}

#[test]
fn parents_that_are_links_are_followed() {
    gives(
        &[
            &[dir("usr"), dir("usr/lib"), symlink("lib", "usr/lib")],
            &[file("lib/x", "1")],
        ],
        &[
            dir("usr"),
            dir("usr/lib"),
            symlink("lib", "usr/lib"),
            file("usr/lib/x", "1"),
        ],
    );
    // A circle ends somewhere, and without a crash.
    let circle: &[Item] = &[symlink("a", "b"), symlink("b", "a"), file("a/x", "1")];
    assert!(compare(&[circle], &[circle]).same());
}

#[test]
fn names_that_are_not_utf8_and_long_ones() {
    let raw = |bytes: &[u8]| Item {
        path: bytes.to_vec(),
        ..file("", "1")
    };
    let comparison = compare(
        &[&[raw(b"caf\xe9")]],
        &[&[raw(b"caf\xc3\xa9"), raw(b"a\\b"), raw(b"new\nline")]],
    );
    assert_eq!(real(&comparison), ["/a\\\\b", "/caf\u{e9}", "/caf\\xe9", "/new\\nline"]);
    let long = "d/".repeat(80) + "name";
    let link = "t/".repeat(80);
    let items: &[Item] = &[file(&long, "1"), symlink("link", &link)];
    let comparison = compare(&[items], &[&[]]);
    assert!(real(&comparison).contains(&format!("/{long}").as_str()));
    let comparison = compare(&[items], &[&[file(&long, "1"), symlink("link", &(link + "x"))]]);
    assert_eq!(real(&comparison), ["/link"]);
}

/// Layers that both images share are read once, and still count.
#[test]
fn common_layers() {
    let base: &[Item] = &[dir("etc"), file("etc/a", "1"), file("etc/b", "1")];
    let comparison = compare(&[base, &[file("etc/a", "2")]], &[base, &[file("etc/.wh.b", "")]]);
    assert_eq!(real(&comparison), ["/etc/a", "/etc/b"]);
    assert_eq!(comparison.before.layers, 2);
    assert_eq!(comparison.before.layer_bytes, comparison.before.stored_bytes);
    assert_eq!(comparison.after.files, 1);
}
