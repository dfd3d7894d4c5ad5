//! Reading listings: every listing survives the way through its text, and broken ones are refused with their line.

#![allow(clippy::unwrap_used, reason = "the helpers of a test may panic too")]

use std::collections::BTreeMap;

use cachemount_store::{Atime, Entry, Listing, ParseError};
use proptest::prelude::*;

const HEADER: &str = "cachemount-listing 1\nstarted 5\natime works\ncopies seen\nreset 946728000\n";

fn parse(body: &str) -> Result<Listing, ParseError> {
    Listing::parse(format!("{HEADER}{body}").as_bytes())
}

#[test]
fn reads_a_listing() {
    let listing =
        parse("41ed 4096 1 2 3 0 0 .//\n81a4 12 1 2 3 1000 1001 ./a b\nc//\na1ff 3 1 2 3 0 0 ./link//\nend\n").unwrap();
    assert_eq!(listing.files(), 1);
    assert_eq!(listing.total_bytes(), 12);
    let entry = &listing.entries[&b"a b\nc"[..]];
    assert_eq!((entry.mode(), entry.uid, entry.gid), (0o644, 1000, 1001));
    assert_eq!(listing.entries[&b""[..]].mode(), 0o755);
    assert_eq!(listing.reset, Some(946_728_000));
}

#[test]
fn errors_name_their_line() {
    let line = |body: &str| match parse(body) {
        Err(ParseError::Line { line, .. }) => line,
        other => panic!("{other:?}"),
    };
    assert_eq!(line("nonsense//\nend\n"), 6);
    assert_eq!(line("81a4 1 1 1 1 0 0 ./x\ny//\n81a4 x 1 1 1 0 0 ./z//\nend\n"), 8);
    assert_eq!(line("81a4 1 1 1 1 0 0 x//\nend\n"), 6);
    assert_eq!(line("81a4 1 1 1 1 0 0 ./x//\n81a4 1 1 1 1 0 0 ./x//\nend\n"), 7);
    assert_eq!(line("end\nmore\n"), 7);
    assert_eq!(
        parse("81a4 1 1 1 1 0 0 ./x//\n"),
        Err(ParseError::Truncated { line: 6 })
    );
    assert_eq!(parse("81a4 1 1 1 1 0 0 ./x"), Err(ParseError::Truncated { line: 5 }));
    assert_eq!(Listing::parse(b""), Err(ParseError::NotAListing));
    assert_eq!(Listing::parse(b"total 4\n"), Err(ParseError::NotAListing));
    assert_eq!(
        Listing::parse(b"cachemount-listing 2\n"),
        Err(ParseError::Newer { found: 2 })
    );
    assert!(matches!(
        Listing::parse(b"cachemount-listing 1\natime works\n"),
        Err(ParseError::Line { line: 2, .. })
    ));
}

/// Any bytes that can make a path below the mount: neither NUL nor empty parts.
fn path() -> impl Strategy<Value = Vec<u8>> {
    let byte = any::<u8>().prop_filter("not in a name", |&b| b != 0 && b != b'/');
    let part = prop::collection::vec(prop_oneof![byte, Just(b'\n'), Just(b' ')], 1..6);
    prop::collection::vec(part, 0..4).prop_map(|parts| parts.join(&b'/'))
}

fn entry() -> impl Strategy<Value = Entry> {
    (any::<u32>(), any::<u64>(), any::<[i64; 3]>(), any::<[u32; 2]>()).prop_map(
        |(raw_mode, size, [mtime, atime, ctime], [uid, gid])| Entry {
            raw_mode,
            size,
            mtime,
            atime,
            ctime,
            uid,
            gid,
        },
    )
}

fn listing() -> impl Strategy<Value = Listing> {
    let entries = prop::collection::btree_map(path(), entry(), 0..12);
    (
        any::<i64>(),
        any::<bool>(),
        any::<bool>(),
        any::<Option<i64>>(),
        entries,
    )
        .prop_map(
            |(started, works, copies_seen, reset, entries): (_, _, _, _, BTreeMap<_, _>)| Listing {
                started,
                atime: if works { Atime::Works } else { Atime::Frozen },
                copies_seen,
                reset,
                entries,
            },
        )
}

proptest! {
    #[test]
    fn text_and_back(listing in listing()) {
        prop_assert_eq!(Listing::parse(&listing.to_bytes()), Ok(listing));
    }

    #[test]
    fn a_part_is_never_taken_for_the_whole(listing in listing(), cut in any::<prop::sample::Index>()) {
        let text = listing.to_bytes();
        prop_assert!(Listing::parse(&text[..cut.index(text.len())]).is_err());
    }

    #[test]
    fn no_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Listing::parse(&[HEADER.as_bytes(), &bytes].concat());
    }
}
