//! What was served, and why a mount is dead.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may panic too")]

use cachemount_store::{Atime, DeadReason, Entry, Kind, Listing, RESET_MOMENT, served, served_by};

const BUILD: i64 = 1_800_000_000;

fn file(size: u64, atime: i64) -> Entry {
    Entry {
        raw_mode: 0o100_644,
        size,
        mtime: 7,
        atime,
        ctime: 7,
        uid: 0,
        gid: 0,
    }
}

fn directory(atime: i64) -> Entry {
    Entry {
        raw_mode: 0o040_755,
        ..file(4096, atime)
    }
}

fn listing(entries: &[(&str, Entry)]) -> Listing {
    Listing {
        started: BUILD + 100,
        atime: Atime::Works,
        copies_seen: true,
        reset: Some(RESET_MOMENT),
        entries: entries
            .iter()
            .map(|(name, entry)| (name.as_bytes().to_vec(), entry.clone()))
            .collect(),
    }
}

#[test]
fn read_added_rewritten_removed() {
    let before = listing(&[
        ("a.deb", file(100, 1)),
        ("b.deb", file(200, 1)),
        ("gone.deb", file(30, 1)),
        ("rewritten", file(50, 1)),
        ("lock", file(9, 1)),
        ("empty", file(0, 1)),
    ]);
    let after = listing(&[
        ("a.deb", file(100, BUILD)),
        ("b.deb", file(200, RESET_MOMENT)),
        (
            "rewritten",
            Entry {
                mtime: 8,
                ..file(50, BUILD)
            },
        ),
        ("new.deb", file(250, BUILD)),
        ("lock", file(9, BUILD)),
        ("empty", file(0, BUILD)),
    ]);
    let served = served(&before, &after);
    assert_eq!((served.files_before, served.bytes_before), (6, 389));
    assert_eq!((served.files_after, served.bytes_after), (6, 609));
    assert_eq!((served.served_files, served.served_bytes), (1, 100));
    assert_eq!((served.added_files, served.added_bytes), (2, 300));
    assert_eq!((served.removed_files, served.removed_bytes), (1, 30));
    assert_eq!((served.needed_bytes, served.share), (400, Some(0.25)));
    assert_eq!(served.by_kind[&Kind::Bookkeeping].served_files, 1);
    assert_eq!(served.dead_reason(), None);
}

#[test]
fn tables_made_from_lists_are_told_apart() {
    let before = listing(&[
        ("pkgcache.bin", file(1000, 1)),
        ("x_Packages.lz4", file(10, 1)),
        ("a.deb", file(30, 1)),
    ]);
    let after = listing(&[
        ("pkgcache.bin", file(2000, BUILD)),
        ("x_Packages.lz4", file(10, BUILD)),
        ("a.deb", file(30, BUILD)),
    ]);
    let served = served(&before, &after);
    assert_eq!(
        (served.served_bytes, served.added_bytes, served.share),
        (40, 0, Some(1.0))
    );
    assert_eq!(served.by_kind[&Kind::Derived].added_bytes, 2000);
    assert_eq!(served.by_kind[&Kind::Index].served_bytes, 10);
    assert_eq!(served.by_kind[&Kind::Payload].served_bytes, 30);
}

#[test]
fn the_caller_may_classify() {
    let before = listing(&[("a", file(1, 1))]);
    let after = listing(&[("a", file(1, BUILD))]);
    let served = served_by(&before, &after, |_, _| Kind::Derived);
    assert_eq!((served.served_files, served.share), (0, None));
}

#[test]
fn an_apt_mount_that_docker_clean_empties_is_dead() {
    let leftovers = listing(&[
        ("archives/lock", file(0, 1)),
        ("archives/partial", directory(1)),
        ("pkgcache.bin", file(9, 1)),
    ]);
    let reason = served(&leftovers, &leftovers).dead_reason().unwrap();
    assert_eq!(reason, DeadReason::NeverFilled { other_files: 1 });
    let empty = listing(&[("archives/lock", file(0, 1))]);
    let reason = served(&empty, &empty).dead_reason().unwrap();
    assert_eq!(
        reason.to_string(),
        "holds no files after the build: its tool deletes or never writes them"
    );
}

#[test]
fn other_ways_to_be_dead() {
    let none = listing(&[]);
    let full = listing(&[("a", file(5, RESET_MOMENT))]);
    assert_eq!(
        served(&none, &full).dead_reason(),
        Some(DeadReason::FilledTooLate { files: 1, bytes: 5 })
    );
    assert_eq!(
        served(&full, &none).dead_reason(),
        Some(DeadReason::Emptied { files: 1, bytes: 5 })
    );
    assert_eq!(
        served(&full, &full).dead_reason(),
        Some(DeadReason::NoneRead { files: 1, bytes: 5 })
    );
}

#[test]
fn without_access_times_nothing_is_claimed_but_emptiness() {
    let frozen = |entries: &[(&str, Entry)]| Listing {
        atime: Atime::Frozen,
        reset: None,
        ..listing(entries)
    };
    let full = frozen(&[("a", file(5, BUILD))]);
    let result = served(&full, &full);
    assert_eq!(
        (result.atime, result.share, result.served_files, result.dead_reason()),
        (Atime::Frozen, None, 0, None)
    );
    let empty = frozen(&[("lock", file(5, BUILD))]);
    assert_eq!(
        served(&empty, &empty).dead_reason(),
        Some(DeadReason::NeverFilled { other_files: 1 })
    );
    // A listing without a reset says nothing either, though access times work.
    let unreset = Listing {
        reset: None,
        ..listing(&[("a", file(5, BUILD))])
    };
    assert_eq!(served(&unreset, &unreset).share, None);
}

/// On an overlay a copy leaves no trace at the file, but the walk that precedes it does at the directory.
#[test]
fn copied_trees_on_an_overlay() {
    let before = Listing {
        copies_seen: false,
        ..listing(&[
            ("w", directory(1)),
            ("w/a.py", file(5, 1)),
            ("v", directory(1)),
            ("v/b.py", file(6, 1)),
            ("top", file(7, 1)),
        ])
    };
    let after = listing(&[
        ("", directory(BUILD)),
        ("w", directory(BUILD)),
        ("w/a.py", file(5, RESET_MOMENT)),
        // Read by the listing itself.
        ("v", directory(BUILD + 101)),
        ("v/b.py", file(6, RESET_MOMENT)),
        ("top", file(7, RESET_MOMENT)),
    ]);
    let result = served(&before, &after);
    assert_eq!(
        (
            result.served_files,
            result.walked_files,
            result.served_bytes,
            result.walked_bytes
        ),
        (1, 1, 5, 5)
    );
    let result = served(
        &Listing {
            copies_seen: true,
            ..before
        },
        &after,
    );
    assert_eq!((result.served_files, result.walked_files), (0, 0));
}
