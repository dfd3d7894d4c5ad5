//! The text of `docker buildx du --verbose`.

/// One record of the builder's cache.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) description: String,
    pub(super) bytes: u64,
}

/// Every key that begins a line.
const KEYS: [&str; 12] = [
    "ID",
    "Parent",
    "Parents",
    "Created at",
    "Mutable",
    "Reclaimable",
    "Shared",
    "Size",
    "Description",
    "Usage count",
    "Last used",
    "Type",
];

/// The records: blocks of `Key: value`, aligned with tabs or spaces. A description goes on over several lines where its command does.
pub(super) fn parse(text: &str) -> Vec<Entry> {
    let mut entries: Vec<Entry> = Vec::new();
    let mut in_description = false;
    for line in text.lines() {
        let pair = line
            .split_once(':')
            .filter(|(key, value)| KEYS.contains(key) && value.starts_with(char::is_whitespace))
            .map(|(key, value)| (key, value.trim()));
        match (pair, entries.last_mut()) {
            (Some(("ID", id)), _) => {
                in_description = false;
                entries.push(Entry {
                    id: id.to_owned(),
                    ..Entry::default()
                });
            }
            (Some((key, value)), Some(entry)) => {
                in_description = key == "Description";
                match key {
                    "Description" => value.clone_into(&mut entry.description),
                    "Size" => entry.bytes = bytes(value).unwrap_or_default(),
                    "Type" => value.clone_into(&mut entry.kind),
                    _ => {}
                }
            }
            (None, Some(entry)) if in_description => {
                entry.description.push('\n');
                entry.description.push_str(line);
            }
            _ => {}
        }
    }
    entries
}

/// The sum at the end of a listing or of a prune, 0 if there is none.
pub(super) fn total(text: &str) -> u64 {
    text.lines()
        .rev()
        .find_map(|line| line.strip_prefix("Total:"))
        .and_then(|value| bytes(value.trim()))
        .unwrap_or_default()
}

/// `3.589MB`, `12B`, `1.2 GiB`: bytes, rounded as they are in the text.
fn bytes(text: &str) -> Option<u64> {
    let split = text
        .find(|letter: char| !letter.is_ascii_digit() && letter != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let factor: f64 = match unit.trim() {
        "" | "B" => 1.0,
        "kB" | "KB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1024.0 * 1024.0,
        "GiB" => 1024.0 * 1024.0 * 1024.0,
        "TiB" => 1024.0 * 1024.0 * 1024.0 * 1024.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * factor;
    // Sizes of files: never negative, and far below the limit.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    Some(value.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recorded_listing() {
        let text = "ID:\t\tx9eaee\nParent:\t\tsnyeut\nCreated at:\t2026-11-24 05:59:05.341762583 +0000 UTC\n\
                    Mutable:\ttrue\nReclaimable:\ttrue\nShared:\t\tfalse\nSize:\t\t3.589MB\n\
                    Description:\tcached mount /u from exec /bin/sh -c set -e\necho a\n with id \"ns/u\"\n\
                    Usage count:\t2\nLast used:\tLess than a second ago\nType:\t\texec.cachemount\n\n\
                    ID:\t\tc5dfxu\nMutable:\ttrue\nSize:\t\t2B\nDescription:\tlocal source for context\n\
                    Type:\t\tsource.local\n\nReclaimable:\t3.6MB\nTotal:\t\t3.6MB\n";
        assert_eq!(
            parse(text),
            [
                Entry {
                    id: "x9eaee".into(),
                    kind: "exec.cachemount".into(),
                    description: "cached mount /u from exec /bin/sh -c set -e\necho a\n with id \"ns/u\"".into(),
                    bytes: 3_589_000,
                },
                Entry {
                    id: "c5dfxu".into(),
                    kind: "source.local".into(),
                    description: "local source for context".into(),
                    bytes: 2,
                },
            ]
        );
        assert_eq!(total(text), 3_600_000);
    }

    #[test]
    fn sizes() {
        let cases = [
            ("0B", Some(0)),
            ("12B", Some(12)),
            ("4.096kB", Some(4096)),
            ("1.5GB", Some(1_500_000_000)),
            ("1.5 KiB", Some(1536)),
            ("many", None),
        ];
        for (text, expected) in cases {
            assert_eq!(bytes(text), expected, "{text}");
        }
    }
}
