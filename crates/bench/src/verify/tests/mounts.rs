//! What mounts leave behind, hide and leak.

use super::build::*;
use crate::verify::{Change, Class, CompareOptions, Comparison};

fn mounted(targets: &[&str]) -> CompareOptions {
    CompareOptions {
        mount_targets: targets.iter().map(|&t| t.to_owned()).collect(),
        ..CompareOptions::default()
    }
}

fn hint<'a>(comparison: &'a Comparison, path: &str) -> &'a str {
    match &comparison.differences.iter().find(|d| d.path == path).unwrap().class {
        Class::Real { hint: Some(hint) } => hint,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_empty_mount_point_is_a_note() {
    let before: &[Item] = &[dir("root")];
    let after: &[Item] = &[dir("root"), dir("root/.cache"), dir("root/.cache/uv")];
    let comparison = compare_with(&[before], &[after], &mounted(&["/root/.cache/uv"]));
    assert!(comparison.same(), "{}", comparison.to_text());
    assert!(
        comparison
            .differences
            .iter()
            .all(|d| d.class == Class::MountStub { uid: 0, gid: 0 })
    );
    assert!(
        comparison
            .to_text()
            .contains("mount point /root/.cache/uv: left behind, empty (owner 0:0)")
    );
    // Nobody said that there is a mount.
    let comparison = compare(&[before], &[after]);
    assert_eq!(real(&comparison), ["/root/.cache", "/root/.cache/uv"]);
    assert!(hint(&comparison, "/root/.cache/uv").contains("left behind by a mount"));
}

#[test]
fn a_mount_point_that_takes_a_users_home_away_is_real() {
    let home = || dir("home/app").owner(1000, 1000);
    let options = mounted(&["/home/app/.cache/uv"]);
    let stub = |uid| {
        [
            home(),
            dir("home/app/.cache").owner(uid, uid),
            dir("home/app/.cache/uv").owner(1000, 1000),
        ]
    };
    let comparison = compare_with(&[&[home()]], &[&stub(0)], &options);
    assert_eq!(real(&comparison), ["/home/app/.cache"]);
    assert!(hint(&comparison, "/home/app/.cache").contains("/home/app, which belongs to uid 1000"));
    assert!(compare_with(&[&[home()]], &[&stub(1000)], &options).same());
    // The user's own directory became root's.
    let comparison = compare_with(&[&stub(1000)], &[&stub(0)], &options);
    assert!(hint(&comparison, "/home/app/.cache").contains("belonged to uid 1000 and became root's"));
}

#[test]
fn empty_leftovers_of_the_tool_inside_the_mount_are_notes() {
    let before: &[Item] = &[
        dir("var/lib/apt/lists"),
        dir("var/lib/apt/lists/partial").owner(100, 0).mode(0o700),
        file("var/lib/apt/lists/lock", "").mode(0o640),
    ];
    let after: &[Item] = &[dir("var/lib/apt/lists")];
    let comparison = compare_with(&[before], &[after], &mounted(&["/var/lib/apt/lists"]));
    assert!(comparison.same(), "{}", comparison.to_text());
    assert_eq!(comparison.differences.len(), 2);
    assert!(!compare(&[before], &[after]).same());
}

#[test]
fn content_is_never_a_stub() {
    let target = &mounted(&["/var/cache/apt"]);
    let with = |item: Item| [dir("var/cache/apt"), dir("var/cache/apt/archives"), item];
    let deb = || file("var/cache/apt/archives/jq.deb", "x");
    let comparison = compare_with(&[&[dir("var/cache/apt")]], &[&with(deb())], target);
    assert_eq!(
        real(&comparison),
        ["/var/cache/apt/archives", "/var/cache/apt/archives/jq.deb"]
    );
    assert!(hint(&comparison, "/var/cache/apt/archives/jq.deb").contains("mount was not in force"));
    let comparison = compare(&[&[]], &[&[file("var/lib/apt/lists/x_InRelease", "x")]]);
    assert!(hint(&comparison, "/var/lib/apt/lists/x_InRelease").contains("apt's package lists, now in the image"));
    let comparison = compare(&[&[file("var/lib/apt/lists/x_InRelease", "x")]], &[&[]]);
    assert!(hint(&comparison, "/var/lib/apt/lists/x_InRelease").contains("hidden by a mount?"));
    let comparison = compare(&[&[file("var/lib/apt/extended_states", "x")]], &[&[]]);
    assert!(!comparison.same());
}

#[test]
fn a_cache_that_the_image_carried_about() {
    let before: &[Item] = &[
        dir("root"),
        dir("root/.npm"),
        dir("root/.npm/_cacache"),
        file("root/.npm/_cacache/x", "12345"),
    ];
    let after: &[Item] = &[dir("root")];
    let mut options = mounted(&["/root/.npm"]);
    let comparison = compare_with(&[before], &[after], &options);
    assert_eq!(comparison.real().count(), 3);
    assert!(hint(&comparison, "/root/.npm/_cacache/x").contains("/root/.npm"));
    options.cache_targets = options.mount_targets.clone();
    let comparison = compare_with(&[before], &[after], &options);
    assert!(comparison.same(), "{}", comparison.to_text());
    assert!(
        comparison
            .to_text()
            .contains("3 paths (5 B, each name counted) of a cache are no longer in the image: /root/.npm is a mount")
    );
    // What lies beside the mount, or comes anew, is not covered.
    let beside: &[Item] = &[dir("root"), file("root/.npmrc", "1")];
    assert_eq!(real(&compare_with(&[beside], &[after], &options)), ["/root/.npmrc"]);
    let comparison = compare_with(&[after], &[before], &options);
    assert!(comparison.real().all(|d| matches!(d.kind, Change::Added { .. })) && !comparison.same());
}
