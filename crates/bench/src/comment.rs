//! New content for a file that means the same: a comment, or white space, with a text never used before.

use sha2::{Digest, Sha256};

/// How a kind of file takes a remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remark {
    /// To the end of the line, behind this.
    Line(&'static str),
    /// Between these.
    Block(&'static str, &'static str),
    /// None: white space at the end of the file has no meaning.
    Space,
}

const HASH: Remark = Remark::Line("#");
const SLASHES: Remark = Remark::Line("//");
const MARKUP: Remark = Remark::Block("<!--", "-->");

/// Whole file names, of files that say what to install. `true`: it pins versions.
const MANIFESTS: &[(&str, bool, Remark)] = &[
    ("uv.lock", true, HASH),
    ("poetry.lock", true, HASH),
    ("pdm.lock", true, HASH),
    ("pixi.lock", true, HASH),
    ("Pipfile.lock", true, Remark::Space),
    ("package-lock.json", true, Remark::Space),
    ("npm-shrinkwrap.json", true, Remark::Space),
    ("pnpm-lock.yaml", true, HASH),
    ("yarn.lock", true, HASH),
    ("bun.lock", true, Remark::Space),
    ("deno.lock", true, Remark::Space),
    ("Cargo.lock", true, HASH),
    ("go.sum", true, Remark::Space),
    ("composer.lock", true, Remark::Space),
    ("gradle.lockfile", true, HASH),
    ("packages.lock.json", true, Remark::Space),
    ("pubspec.lock", true, HASH),
    ("mix.lock", true, HASH),
    ("pyproject.toml", false, HASH),
    ("setup.py", false, HASH),
    ("setup.cfg", false, HASH),
    ("Pipfile", false, HASH),
    ("environment.yml", false, HASH),
    ("environment.yaml", false, HASH),
    ("package.json", false, Remark::Space),
    ("pnpm-workspace.yaml", false, HASH),
    ("deno.json", false, Remark::Space),
    ("Cargo.toml", false, HASH),
    ("go.mod", false, SLASHES),
    ("Gemfile", false, HASH),
    ("composer.json", false, Remark::Space),
    ("pom.xml", false, MARKUP),
    ("build.gradle", false, SLASHES),
    ("build.gradle.kts", false, SLASHES),
    ("libs.versions.toml", false, HASH),
    ("Directory.Packages.props", false, MARKUP),
    ("pubspec.yaml", false, HASH),
    ("mix.exs", false, HASH),
];

/// Known files that say what to install, but take no remark.
const SEALED: &[&str] = &["Gemfile.lock", "bun.lockb"];

/// Endings of source files.
const SOURCES: &[(&str, Remark)] = &[
    ("py", HASH),
    ("rb", HASH),
    ("sh", HASH),
    ("bash", HASH),
    ("pl", HASH),
    ("ex", HASH),
    ("exs", HASH),
    ("r", HASH),
    ("js", SLASHES),
    ("mjs", SLASHES),
    ("cjs", SLASHES),
    ("jsx", SLASHES),
    ("ts", SLASHES),
    ("mts", SLASHES),
    ("tsx", SLASHES),
    ("go", SLASHES),
    ("rs", SLASHES),
    ("java", SLASHES),
    ("kt", SLASHES),
    ("kts", SLASHES),
    ("scala", SLASHES),
    ("swift", SLASHES),
    ("dart", SLASHES),
    ("c", SLASHES),
    ("h", SLASHES),
    ("cc", SLASHES),
    ("cpp", SLASHES),
    ("hpp", SLASHES),
    ("cs", SLASHES),
    ("css", Remark::Block("/*", "*/")),
    ("scss", Remark::Block("/*", "*/")),
    ("sql", Remark::Line("--")),
    ("lua", Remark::Line("--")),
    ("html", MARKUP),
    ("vue", MARKUP),
    ("svelte", MARKUP),
    ("md", MARKUP),
    ("yaml", HASH),
    ("yml", HASH),
    ("toml", HASH),
    ("cfg", HASH),
    ("conf", HASH),
    ("ini", Remark::Line(";")),
];

/// What a manifest or lock file is for a benchmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manifest {
    /// Its place in the order of preference; lock files come first.
    pub rank: usize,
    /// It can be given new content of the same meaning.
    pub changeable: bool,
}

/// Whether a path is that of a known manifest or lock file.
#[must_use]
pub fn manifest(path: &str) -> Option<Manifest> {
    let name = name_of(path);
    if let Some(rank) = MANIFESTS.iter().position(|(known, ..)| *known == name) {
        return Some(Manifest { rank, changeable: true });
    }
    if SEALED.contains(&name) {
        return Some(Manifest {
            rank: MANIFESTS.len(),
            changeable: false,
        });
    }
    is_requirements(name).then(|| Manifest {
        // Behind the lock files, before the manifests that come with one.
        rank: MANIFESTS.iter().position(|(_, lock, _)| !lock).unwrap_or_default(),
        changeable: true,
    })
}

fn is_requirements(name: &str) -> bool {
    let text = std::path::Path::new(name)
        .extension()
        .is_some_and(|ending| ending == "txt");
    text && (name.contains("requirements") || name == "constraints.txt")
}

/// Whether a path is that of a source file that can be given new content of the same meaning.
#[must_use]
pub fn is_source(path: &str) -> bool {
    source_remark(path).is_some() && manifest(path).is_none()
}

fn source_remark(path: &str) -> Option<Remark> {
    let (stem, ending) = name_of(path).rsplit_once('.')?;
    let known = SOURCES.iter().find(|(known, _)| *known == ending)?;
    (!stem.is_empty()).then_some(known.1)
}

fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

fn remark(path: &str) -> Option<Remark> {
    let name = name_of(path);
    MANIFESTS
        .iter()
        .find(|(known, ..)| *known == name)
        .map(|(.., remark)| *remark)
        .or_else(|| is_requirements(name).then_some(HASH))
        .or_else(|| source_remark(path))
}

/// Whether it is known how to give such a file new content of the same meaning.
#[must_use]
pub fn is_changeable(path: &str) -> bool {
    remark(path).is_some()
}

/// The content with a remark at its end, which differs for every `nonce`. `None` for a kind of file of which it is not
/// known how.
#[must_use]
pub fn remarked(path: &str, content: &[u8], nonce: &str) -> Option<Vec<u8>> {
    let remark = remark(path)?;
    let newline = if content.windows(2).any(|two| two == b"\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let mut new = content.to_vec();
    if !new.is_empty() && !new.ends_with(b"\n") {
        new.extend_from_slice(newline.as_bytes());
    }
    let line = match remark {
        Remark::Line(mark) => format!("{mark} {nonce}"),
        Remark::Block(open, close) => format!("{open} {nonce} {close}"),
        Remark::Space => white_space(nonce),
    };
    new.extend_from_slice(line.as_bytes());
    new.extend_from_slice(newline.as_bytes());
    Some(new)
}

/// 64 blanks and tabs, as the first bits of the nonce's hash are: the same length for all, the same text for none.
fn white_space(nonce: &str) -> String {
    Sha256::digest(nonce.as_bytes())
        .iter()
        .take(8)
        .flat_map(|byte| (0..8).map(move |bit| if byte >> bit & 1 == 1 { '\t' } else { ' ' }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str, content: &str) -> String {
        String::from_utf8(remarked(path, content.as_bytes(), "n 1").unwrap()).unwrap()
    }

    #[test]
    fn remarks() {
        assert_eq!(text("a/uv.lock", "x = 1\n"), "x = 1\n# n 1\n");
        assert_eq!(text("a.py", "x"), "x\n# n 1\n");
        assert_eq!(text("a.css", ""), "/* n 1 */\n");
        assert_eq!(text("a.js", "x;\r\n"), "x;\r\n// n 1\r\n");
        assert_eq!(text("dev-requirements.txt", "a\n"), "a\n# n 1\n");
        assert!(remarked("a.png", b"", "n").is_none());
        assert!(remarked(".py", b"", "n").is_none());
    }

    #[test]
    fn json_stays_json_and_differs() {
        let json = br#"{"a": 1}"#;
        let one = remarked("package-lock.json", json, "1").unwrap();
        let two = remarked("package-lock.json", json, "2").unwrap();
        assert_ne!(one, two);
        assert_eq!(one.len(), two.len());
        let value: serde_json::Value = serde_json::from_slice(&one).unwrap();
        assert_eq!(value, serde_json::json!({"a": 1}));
    }

    #[test]
    fn lock_files_come_first() {
        let rank = |path| manifest(path).unwrap().rank;
        assert!(rank("x/uv.lock") < rank("requirements.txt"));
        assert!(rank("package-lock.json") < rank("package.json"));
        assert!(!manifest("Gemfile.lock").unwrap().changeable);
        assert!(manifest("main.py").is_none());
        assert!(is_source("a/main.py") && !is_source("pyproject.toml"));
    }
}
