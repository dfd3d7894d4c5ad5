//! Files that differ from build to build whatever the Dockerfile says: the place, the part that varies, and why.
//!
//! Each rule takes the varying part out; what remains is compared like any other file. So a log that misses a package
//! still counts as a difference, and one that only has other dates does not. A file that does not look as the rule expects is
//! compared as it is.

#![allow(
    clippy::unnecessary_wraps,
    reason = "all rules are of one type, and some always apply"
)]

use serde_json::Value;

use super::tree::split;

/// Larger files are compared as they are: a rule needs the whole content in memory.
pub(super) const NORMAL_LIMIT: u64 = 16 << 20;

/// Where a rule applies. Paths are without the leading slash.
#[derive(Debug)]
enum Place {
    Path(&'static str),
    /// Directly in this directory, with this ending.
    In(&'static str, &'static str),
    /// Anywhere, by name.
    Name(&'static str),
    /// Anywhere below a directory whose name has the first ending, by name.
    Below(&'static str, &'static str),
    Ending(&'static str),
}

/// One kind of volatile file.
#[derive(Debug)]
pub(super) struct Volatile {
    place: Place,
    /// The content without its varying part; none if it is not what the rule is for.
    pub(super) normalise: fn(&[u8]) -> Option<Vec<u8>>,
    pub(super) reason: &'static str,
}

const BACKUP: &str = "the previous state of a package database, kept as a backup";
const FONTCONFIG: &str = "the time of a font directory in fontconfig's cache";
const MACHINE_ID: &str = "a random machine id";
const SHADOW: &str = "the day of the last password change";

/// Not here on purpose: `extended_states` (what apt installed automatically), `RECORD` but for one line, npm's
/// `.package-lock.json`, `ld.so.cache` (ldconfig sorts it): two correct builds have them the same.
static RULES: &[Volatile] = &[
    rule_of(
        Place::Path("var/log/apt/history.log"),
        apt_history,
        "dates and command lines in apt's history",
    ),
    rule_of(
        Place::Path("var/log/apt/term.log"),
        without_clock_lines,
        "times in the terminal log of apt",
    ),
    rule_of(
        Place::Path("var/log/dpkg.log"),
        without_timestamps,
        "times in dpkg's log",
    ),
    rule_of(
        Place::Path("var/log/alternatives.log"),
        without_timestamps,
        "times in the log of update-alternatives",
    ),
    rule_of(
        Place::Path("var/log/bootstrap.log"),
        without_clock_lines,
        "times in the log of the base system's set-up",
    ),
    rule_of(
        Place::Path("var/cache/ldconfig/aux-cache"),
        opaque,
        "ldconfig's notes of inodes and times",
    ),
    rule_of(
        Place::In("var/cache/fontconfig", "-le64.cache-9"),
        fontconfig,
        FONTCONFIG,
    ),
    rule_of(
        Place::In("var/cache/fontconfig", "-le64.cache-8"),
        fontconfig,
        FONTCONFIG,
    ),
    rule_of(Place::Path("etc/machine-id"), machine_id, MACHINE_ID),
    rule_of(Place::Path("var/lib/dbus/machine-id"), machine_id, MACHINE_ID),
    rule_of(Place::Path("etc/shadow"), shadow, SHADOW),
    rule_of(Place::Path("etc/shadow-"), shadow, SHADOW),
    rule_of(Place::In("var/cache/debconf", "-old"), opaque, BACKUP),
    rule_of(Place::In("var/lib/dpkg", "-old"), opaque, BACKUP),
    rule_of(
        Place::Ending(".pyc"),
        compiled_python,
        "the source's time in a compiled Python file",
    ),
    rule_of(
        Place::Name("uv_cache.json"),
        uv_cache,
        "the time at which uv saw the sources of a local package",
    ),
    // uv writes the file above only for packages built from a directory, and records its checksum.
    rule_of(
        Place::Below(".dist-info", "RECORD"),
        record,
        "the checksum of uv_cache.json in a package's RECORD",
    ),
];

const fn rule_of(place: Place, normalise: fn(&[u8]) -> Option<Vec<u8>>, reason: &'static str) -> Volatile {
    Volatile {
        place,
        normalise,
        reason,
    }
}

/// The rule for a path without its leading slash.
pub(super) fn rule(path: &[u8]) -> Option<&'static Volatile> {
    let (directory, name) = split(path);
    RULES.iter().find(|rule| match rule.place {
        Place::Path(want) => path == want.as_bytes(),
        Place::In(parent, ending) => directory == parent.as_bytes() && name.ends_with(ending.as_bytes()),
        Place::Name(want) => name == want.as_bytes(),
        Place::Below(parent, want) => name == want.as_bytes() && directory.ends_with(parent.as_bytes()),
        Place::Ending(ending) => name.ends_with(ending.as_bytes()),
    })
}

/// What only matters by being there.
fn opaque(content: &[u8]) -> Option<Vec<u8>> {
    Some(vec![u8::from(!content.is_empty())])
}

/// fontconfig's cache of one directory: its header holds that directory's modification time, in seconds and nanoseconds
/// (`struct _FcCache`, little-endian, 64 bits: a 32-bit `checksum` at 48 and a 64-bit `checksum_nano` at 56).
fn fontconfig(content: &[u8]) -> Option<Vec<u8>> {
    const MAGIC: [&[u8]; 2] = [b"\x04\xfc\x02\xfc", b"\x05\xfc\x02\xfc"];
    if content.len() < 64 || !MAGIC.iter().any(|magic| content.starts_with(magic)) {
        return None;
    }
    let mut normal = content.to_vec();
    normal[48..64].fill(0);
    Some(normal)
}

/// Drops the lines that a rewritten command or another day changes; sorts the packages within an action.
fn apt_history(content: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(content).ok()?;
    let mut out = String::new();
    for line in text.lines() {
        match line.split_once(": ") {
            Some(("Start-Date" | "End-Date" | "Commandline", _)) => {}
            Some((action, packages)) if packages.ends_with(')') => {
                // `name:arch (version, automatic), name:arch (version)`
                let mut packages: Vec<_> = packages
                    .split_inclusive("), ")
                    .map(|p| p.trim_end_matches(", "))
                    .collect();
                packages.sort_unstable();
                out.push_str(action);
                for package in packages {
                    out.push_str("\n  ");
                    out.push_str(package);
                }
                out.push('\n');
            }
            _ => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    Some(out.into_bytes())
}

/// Drops every line with a time of day (`10:20:30`) in it.
fn without_clock_lines(content: &[u8]) -> Option<Vec<u8>> {
    let lines = content.split_inclusive(|&b| b == b'\n');
    Some(
        lines
            .filter(|line| !line.windows(8).any(is_clock))
            .flatten()
            .copied()
            .collect(),
    )
}

/// Replaces every `2026-01-31 10:20:30` by a mark.
fn without_timestamps(content: &[u8]) -> Option<Vec<u8>> {
    const LENGTH: usize = "2026-01-31 10:20:30".len();
    let mut out = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(&first) = rest.first() {
        if rest.len() >= LENGTH && is_date(&rest[..10]) && rest[10] == b' ' && is_clock(&rest[11..LENGTH]) {
            out.extend_from_slice(b"<time>");
            rest = &rest[LENGTH..];
        } else {
            out.push(first);
            rest = &rest[1..];
        }
    }
    Some(out)
}

fn is_clock(text: &[u8]) -> bool {
    like(text, b"00:00:00")
}

fn is_date(text: &[u8]) -> bool {
    like(text, b"0000-00-00")
}

/// Whether `text` has digits where `shape` has them, and is `shape` elsewhere.
fn like(text: &[u8], shape: &[u8]) -> bool {
    text.len() == shape.len()
        && text
            .iter()
            .zip(shape)
            .all(|(a, b)| if b.is_ascii_digit() { a.is_ascii_digit() } else { a == b })
}

fn machine_id(content: &[u8]) -> Option<Vec<u8>> {
    let id = content.strip_suffix(b"\n").unwrap_or(content);
    (id.len() == 32 && id.iter().all(u8::is_ascii_hexdigit)).then(|| b"<id>\n".to_vec())
}

/// `name:password:day:…`, nine fields.
fn shadow(content: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(content).ok()?;
    let mut out = String::new();
    for line in text.lines() {
        let mut fields: Vec<_> = line.split(':').collect();
        if fields.len() != 9 {
            return None;
        }
        if fields[2].bytes().all(|b| b.is_ascii_digit()) && !fields[2].is_empty() {
            fields[2] = "<day>";
        }
        out.push_str(&fields.join(":"));
        out.push('\n');
    }
    Some(out.into_bytes())
}

/// The header is four words of four bytes: magic, flags, then time and size of the source if the flags are 0, else a hash of the
/// source (PEP 552). Only the former vary without the source.
///
/// The code itself is compared as it is: with Python 3.11, builds by pip and by uv (parallel workers) made it the same
/// every time.
fn compiled_python(content: &[u8]) -> Option<Vec<u8>> {
    let (header, code) = content.split_at_checked(16)?;
    // Every magic number since Python 1.5 ends so; without the flags word (before 3.7) the fields lie elsewhere.
    if &header[2..4] != b"\r\n" || header[4..8] != [0; 4] {
        return None;
    }
    Some([&header[..8], code].concat())
}

/// The timestamps of the project file and of the source directories.
fn uv_cache(content: &[u8]) -> Option<Vec<u8>> {
    let mut value: Value = serde_json::from_slice(content).ok()?;
    let object = value.as_object_mut()?;
    object.remove("timestamp")?;
    if let Some(directories) = object.get_mut("directories").and_then(Value::as_object_mut) {
        directories.values_mut().for_each(|time| *time = Value::Null);
    }
    serde_json::to_vec(&value).ok()
}

fn record(content: &[u8]) -> Option<Vec<u8>> {
    let text = str::from_utf8(content).ok()?;
    let mut out = String::new();
    for line in text.lines() {
        match line.split_once(".dist-info/uv_cache.json,") {
            Some((package, _)) => {
                out.push_str(package);
                out.push_str(".dist-info/uv_cache.json,<checksum>");
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    Some(out.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(path: &str, a: &str, b: &str) -> bool {
        let rule = rule(path.as_bytes()).unwrap();
        let (a, b) = ((rule.normalise)(a.as_bytes()), (rule.normalise)(b.as_bytes()));
        a.is_some() && a == b
    }

    #[test]
    fn history_keeps_what_was_installed() {
        let log = |date: &str, list: &str| {
            format!("\nStart-Date: {date}\nCommandline: apt-get install x\nInstall: {list}\nEnd-Date: {date}\n")
        };
        let path = "var/log/apt/history.log";
        let a = log(
            "2026-01-01  10:00:00",
            "jq:amd64 (1.7-1), libjq1:amd64 (1.7-1, automatic)",
        );
        let other_order = log(
            "2026-02-02  11:00:00",
            "libjq1:amd64 (1.7-1, automatic), jq:amd64 (1.7-1)",
        );
        let other_version = log(
            "2026-01-01  10:00:00",
            "jq:amd64 (1.8-1), libjq1:amd64 (1.7-1, automatic)",
        );
        let not_automatic = log("2026-01-01  10:00:00", "jq:amd64 (1.7-1), libjq1:amd64 (1.7-1)");
        assert!(same(path, &a, &other_order));
        assert!(!same(path, &a, &other_version));
        assert!(!same(path, &a, &not_automatic));
    }

    #[test]
    fn logs_without_their_times() {
        let dpkg = "var/log/dpkg.log";
        assert!(same(
            dpkg,
            "2026-01-01 10:00:00 install a 1\n",
            "2026-01-02 23:59:59 install a 1\n"
        ));
        assert!(!same(
            dpkg,
            "2026-01-01 10:00:00 install a 1\n",
            "2026-01-01 10:00:00 install a 2\n"
        ));
        let term = "var/log/apt/term.log";
        assert!(same(
            term,
            "Log started: 2026-01-01  10:00:00\nSetting up a\n",
            "Log started: 2026-01-01  10:00:07\nSetting up a\n"
        ));
        assert!(!same(term, "Setting up a\n", "Setting up b\n"));
    }

    #[test]
    fn ids_and_days() {
        assert!(same("etc/machine-id", &"a1".repeat(16), &("0b".repeat(16) + "\n")));
        assert!(!same("etc/machine-id", "uninitialized\n", &"0b".repeat(16)));
        assert!(same(
            "etc/shadow",
            "app:!:20000:0:99999:7:::\n",
            "app:!:20001:0:99999:7:::\n"
        ));
        assert!(!same(
            "etc/shadow",
            "app:!:20000:0:99999:7:::\n",
            "app:x:20000:0:99999:7:::\n"
        ));
        assert!(!same(
            "etc/shadow",
            "app:!::0:99999:7:::\n",
            "app:!:20001:0:99999:7:::\n"
        ));
    }

    #[test]
    fn uv_files() {
        let json = |secs: u32, commit: &str| {
            format!(
                r#"{{"timestamp":{{"secs_since_epoch":{secs}}},"commit":{commit},"directories":{{"src":{{"secs":{secs}}}}}}}"#
            )
        };
        let path = "app/.venv/lib/demo-1.0.dist-info/uv_cache.json";
        assert!(same(path, &json(1, "null"), &json(2, "null")));
        assert!(!same(path, &json(1, "null"), &json(1, "\"abc\"")));
        let record = |sum: &str, other: &str| {
            format!("demo-1.0.dist-info/uv_cache.json,sha256={sum},194\ndemo/__init__.py,sha256={other},4\n")
        };
        let path = "app/.venv/lib/demo-1.0.dist-info/RECORD";
        assert!(same(path, &record("a", "x"), &record("b", "x")));
        assert!(!same(path, &record("a", "x"), &record("a", "y")));
    }

    #[test]
    fn no_rule_for_what_must_be_equal() {
        for path in [
            "var/lib/apt/extended_states",
            "var/lib/dpkg/status",
            "etc/ld.so.cache",
            "app/node_modules/.package-lock.json",
            "app/direct_url.json",
            "home/app/RECORD",
            "srv/var/log/dpkg.log",
            "var/cache/debconf/sub/x-old",
        ] {
            assert!(rule(path.as_bytes()).is_none(), "{path}");
        }
    }
}
