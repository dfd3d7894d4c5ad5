//! How a path (or a pattern) lies to a directory.

/// How a path lies to a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// It is the directory, or something in it.
    Within,
    /// The directory lies in it.
    Above,
    /// Neither.
    Apart,
}

/// How `path`, which may be a shell pattern, lies to `directory`.
///
/// `/var/lib/apt/lists/*` is within `/var/lib/apt/lists`; `/var/cache/*` is above `/var/cache/apt`.
#[must_use]
pub fn relation(path: &str, directory: &str) -> Relation {
    let mut pattern = path.split('/').filter(|part| !part.is_empty() && *part != ".");
    let mut place = directory.split('/').filter(|part| !part.is_empty());
    let mut matches_siblings = false;
    loop {
        // The place first: a component of the pattern must not be lost when the place is over.
        let Some(component) = place.next() else {
            return if matches_siblings {
                Relation::Above
            } else {
                Relation::Within
            };
        };
        match pattern.next() {
            None => return Relation::Above,
            Some(pattern) if !glob(pattern.as_bytes(), component.as_bytes()) => return Relation::Apart,
            Some(pattern) => matches_siblings |= pattern.contains(['*', '?', '[']),
        }
    }
}

/// A path component against a shell pattern. A character class is taken to match: when in doubt, there is a relation.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern.split_first() {
        None => text.is_empty(),
        Some((b'*', rest)) => (0..=text.len()).any(|at| glob(rest, &text[at..])),
        Some((b'?', rest)) => !text.is_empty() && glob(rest, &text[1..]),
        Some((b'[', _)) => true,
        Some((byte, rest)) => text.first() == Some(byte) && glob(rest, &text[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_above_apart() {
        let lists = "/var/lib/apt/lists";
        for (path, expected) in [
            ("/var/lib/apt/lists", Relation::Within),
            ("/var/lib/apt/lists/", Relation::Within),
            ("/var/lib/apt/lists/*", Relation::Within),
            ("/var/lib/apt/lists/partial", Relation::Within),
            ("/var/lib/apt/*", Relation::Above),
            ("/var/lib/apt", Relation::Above),
            ("/var/lib/*", Relation::Above),
            ("/", Relation::Above),
            ("/var/lib/[ab]pt/x", Relation::Apart),
            ("/var/lib/[ab]pt", Relation::Above),
            ("/var/lib/dpkg", Relation::Apart),
            ("/var/lib/apt/lists2", Relation::Apart),
            ("/tmp/*", Relation::Apart),
        ] {
            assert_eq!(relation(path, lists), expected, "{path}");
        }
    }
}
