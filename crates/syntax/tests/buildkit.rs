//! `BuildKit`'s own parser test files: the same verdict and the same instruction split on all of them.
//!
//! Its positive tests come with the parse tree as text (`result`). The tree is printed here from our own parse, in the
//! same form, and must be equal to the byte.

use std::fs;
use std::path::Path;

use cachemount_syntax::{Arguments, Dockerfile, Instruction, Word, instruction::Statement};

fn folder(name: &str) -> Vec<std::path::PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/buildkit").join(name);
    let mut folders: Vec<_> = fs::read_dir(root)
        .expect("the fixtures are there")
        .map(|entry| entry.expect("readable").path())
        .collect();
    folders.sort();
    folders
}

#[test]
fn accepted_files_are_split_alike() {
    let folders = folder("testfiles");
    assert_eq!(folders.len(), 33);
    for folder in folders {
        let source = fs::read(folder.join("Dockerfile")).expect("a Dockerfile");
        let expected = fs::read_to_string(folder.join("result")).expect("a result");
        let file = Dockerfile::parse(&source);
        assert_eq!(file.errors(), Vec::<&_>::new(), "{}", folder.display());
        let tree: Vec<_> = file
            .instructions()
            .map(|i| format!("({})", dump(i, &i.statement)))
            .collect();
        assert_eq!(tree.join("\n"), expected.trim(), "{}", folder.display());
        assert_eq!(file.print(&source), source, "{}", folder.display());
    }
}

#[test]
fn refused_files_are_refused() {
    let folders = folder("testfiles-negative");
    assert_eq!(folders.len(), 4);
    for folder in folders {
        let source = fs::read(folder.join("Dockerfile")).expect("a Dockerfile");
        let file = Dockerfile::parse(&source);
        assert!(!file.errors().is_empty(), "{}", folder.display());
        assert_eq!(file.print(&source), source);
    }
}

/// The tree in `BuildKit`'s form: `(run "…")`.
fn dump(instruction: &Instruction, statement: &Statement) -> String {
    let mut out = statement.keyword_word.text.to_lowercase();
    if !statement.flags.is_empty() {
        let flags: Vec<_> = statement.flags.iter().map(|flag| quote(&flag.to_text())).collect();
        out.push_str(&format!(" [{}]", flags.join(" ")));
    }
    for part in arguments(instruction, &statement.arguments) {
        out.push(' ');
        out.push_str(&part);
    }
    out.trim_end().to_owned()
}

fn arguments(instruction: &Instruction, arguments: &Arguments) -> Vec<String> {
    let words = |words: &[Word]| words.iter().map(|word| quote(&word.text)).collect();
    match arguments {
        Arguments::None => Vec::new(),
        Arguments::Text(span) => {
            vec![quote(&String::from_utf8_lossy(&instruction.text.bytes()[span.range()]))]
        }
        Arguments::Words(list) | Arguments::Exec(list) => words(list),
        Arguments::Pairs(pairs) => pairs
            .iter()
            .flat_map(|pair| {
                [
                    quote(&pair.name),
                    quote(&pair.value),
                    quote(if pair.old_form { "" } else { "=" }),
                ]
            })
            .collect(),
        Arguments::Health(kind, command) => {
            let mut all = vec![quote(&kind.text)];
            all.extend(self::arguments(instruction, command));
            all
        }
        Arguments::Onbuild(nested) => vec![format!("({})", dump(instruction, nested))],
    }
}

/// Go's `strconv.Quote`.
fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{b}' => out.push_str("\\v"),
            char if char.is_control() => out.push_str(&format!("\\x{:02x}", u32::from(char))),
            char => out.push(char),
        }
    }
    out.push('"');
    out
}
