//! The patterns of `COPY` sources and of `.dockerignore`.

/// Whether a `COPY` source or the source of a bind mount takes this file along. Both are relative to the context.
#[must_use]
pub fn source_takes(source: &str, path: &str) -> bool {
    let source = source.trim_start_matches("./").trim_matches('/');
    if source.is_empty() || source == "." {
        return true;
    }
    if source.starts_with("<<") || source.contains("://") {
        return false;
    }
    matches_it_or_a_parent(source, path)
}

/// A `.dockerignore` file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ignore {
    /// Pattern, and whether it takes files out again (`!`).
    patterns: Vec<(String, bool)>,
}

impl Ignore {
    /// Reads one.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let patterns = text
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(|line| {
                let line = line.trim();
                let (line, exception) = match line.strip_prefix('!') {
                    Some(rest) => (rest.trim(), true),
                    None => (line, false),
                };
                let mut parts: Vec<&str> = Vec::new();
                for part in line.split('/') {
                    match part {
                        "" | "." => {}
                        ".." => {
                            parts.pop();
                        }
                        part => parts.push(part),
                    }
                }
                (!parts.is_empty()).then(|| (parts.join("/"), exception))
            })
            .collect();
        Self { patterns }
    }

    /// Whether a file is left out of the context: the last pattern that matches it or a folder above decides.
    #[must_use]
    pub fn excludes(&self, path: &str) -> bool {
        self.patterns
            .iter()
            .rev()
            .find(|(pattern, _)| matches_it_or_a_parent(pattern, path))
            .is_some_and(|(_, exception)| !exception)
    }

    /// Whether everything in a folder is left out: the folder is, and no exception can mean anything below it.
    #[must_use]
    pub fn excludes_all_below(&self, folder: &str) -> bool {
        let mut exceptions = self.patterns.iter().filter(|(_, exception)| *exception);
        self.excludes(folder) && !exceptions.any(|(pattern, _)| may_match_below(pattern, folder))
    }
}

/// Whether a pattern may match something below a folder, and not the folder itself.
fn may_match_below(pattern: &str, folder: &str) -> bool {
    let mut parts = pattern.split('/');
    for name in folder.split('/') {
        let Some(part) = parts.next() else {
            return false;
        };
        if part.contains("**") {
            return true;
        }
        let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
        if !glob(&part, &name) {
            return false;
        }
    }
    parts.next().is_some()
}

fn matches_it_or_a_parent(pattern: &str, path: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.map(|end| path[..end].chars().collect::<Vec<char>>())
        .any(|part| glob(&pattern, &part))
}

/// Go's `filepath.Match`, and `**` for any number of folders.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let Some((&first, rest)) = pattern.split_first() else {
        return text.is_empty();
    };
    match first {
        '*' if rest.first() == Some(&'*') => {
            let rest = &rest[1..];
            if rest.is_empty() {
                return true;
            }
            if rest[0] == '/' {
                let begins = (0..=text.len()).filter(|at| *at == 0 || text[*at - 1] == '/');
                return begins.into_iter().any(|at| glob(&rest[1..], &text[at..]));
            }
            (0..=text.len()).any(|at| glob(rest, &text[at..]))
        }
        '*' => {
            let end = text.iter().position(|&next| next == '/').unwrap_or(text.len());
            (0..=end).any(|at| glob(rest, &text[at..]))
        }
        '?' => matches!(text.split_first(), Some((&next, left)) if next != '/' && glob(rest, left)),
        '[' => match (class(rest, text.first().copied()), text.split_first()) {
            (Some((true, rest)), Some((_, left))) => glob(rest, left),
            _ => false,
        },
        '\\' if !rest.is_empty() => {
            matches!(text.split_first(), Some((next, left)) if *next == rest[0] && glob(&rest[1..], left))
        }
        first => {
            matches!(text.split_first(), Some((&next, left)) if next == first && glob(rest, left))
        }
    }
}

/// Whether a character is in the class that `pattern` begins with, behind its `[`, and what follows it.
fn class(pattern: &[char], text: Option<char>) -> Option<(bool, &[char])> {
    let text = text?;
    let negated = pattern.first() == Some(&'^');
    let mut rest = &pattern[usize::from(negated)..];
    let mut found = false;
    let mut first = true;
    loop {
        let (&low, next) = rest.split_first()?;
        rest = next;
        if low == ']' && !first {
            return Some((found != negated && text != '/', rest));
        }
        first = false;
        let low = if low == '\\' { take(&mut rest)? } else { low };
        let high = if rest.first() == Some(&'-') && rest.get(1) != Some(&']') {
            rest = &rest[1..];
            match take(&mut rest)? {
                '\\' => take(&mut rest)?,
                high => high,
            }
        } else {
            low
        };
        found |= (low..=high).contains(&text);
    }
}

fn take(rest: &mut &[char]) -> Option<char> {
    let (&first, next) = rest.split_first()?;
    *rest = next;
    Some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources() {
        for (source, path, takes) in [
            (".", "a/b.py", true),
            ("./", "a", true),
            ("", "a", true),
            ("a", "a/b/c.py", true),
            ("./a/", "a/b/c.py", true),
            ("a", "ab/c.py", false),
            ("*.py", "main.py", true),
            ("*.py", "a/main.py", false),
            ("package*.json", "package-lock.json", true),
            ("*/req.txt", "a/req.txt", true),
            ("requirements?.txt", "requirements1.txt", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("<<EOF", "EOF", false),
        ] {
            assert_eq!(source_takes(source, path), takes, "{source} {path}");
        }
    }

    #[test]
    fn ignore_files() {
        let ignore =
            Ignore::parse("# comment\n*.md\n!README.md\n/node_modules/\n**/__pycache__\ndocs/**/*.txt\n./x/../build\n");
        for (path, excluded) in [
            ("a.md", true),
            ("README.md", false),
            ("a/a.md", false),
            ("node_modules/x/y.js", true),
            ("a/node_modules/y.js", false),
            ("__pycache__/a.pyc", true),
            ("a/b/__pycache__/a.pyc", true),
            ("docs/a.txt", true),
            ("docs/b/c/a.txt", true),
            ("build/a", true),
            ("main.py", false),
        ] {
            assert_eq!(ignore.excludes(path), excluded, "{path}");
        }
    }

    #[test]
    fn folders_to_skip() {
        let ignore = Ignore::parse("node_modules\ndata\n!data/*/keep\n*.tmp\nvendor\n!vendor\n");
        for (folder, skipped) in [
            ("node_modules", true),
            ("node_modules/a", true),
            ("data", false),
            ("data/a", false),
            ("data/a/b", true),
            ("x.tmp", true),
            ("vendor", false),
            ("src", false),
        ] {
            assert_eq!(ignore.excludes_all_below(folder), skipped, "{folder}");
        }
        assert!(!Ignore::parse("a\n!**/keep\n").excludes_all_below("a"));
    }
}
