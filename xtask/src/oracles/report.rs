//! The table and the classes.

use super::difference::{Difference, Kind};
use super::explain::{self, Explanation};

/// Examples printed for a class.
const EXAMPLES: usize = 3;

/// How much was compared.
#[derive(Default)]
pub struct Counts {
    /// Files.
    pub files: usize,
    /// Files that are not UTF-8, which the others do not take at all.
    pub not_text: usize,
    /// Files that both refuse.
    pub both_refuse_file: usize,
    /// Shell texts that bash and we refuse.
    pub both_refuse_bash: usize,
    /// Those of them that no other program is named for.
    pub both_refuse_posix: usize,
    /// Shell texts that brush and we refuse.
    pub both_refuse_brush: usize,
    /// Shell texts that `SHELL` or a Windows image gives to some named program.
    pub other_shell: usize,
    /// Simple commands compared.
    pub commands: usize,
    compared: [usize; Kind::ALL.len()],
}

impl Counts {
    /// One more comparison of this kind.
    pub fn compared(&mut self, kind: Kind) {
        self.compared[kind as usize] += 1;
    }

    /// Adds another file's.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.not_text += other.not_text;
        self.both_refuse_file += other.both_refuse_file;
        self.both_refuse_bash += other.both_refuse_bash;
        self.both_refuse_posix += other.both_refuse_posix;
        self.both_refuse_brush += other.both_refuse_brush;
        self.other_shell += other.other_shell;
        self.commands += other.commands;
        for (total, count) in self.compared.iter_mut().zip(other.compared) {
            *total += count;
        }
    }
}

/// Prints everything; whether nothing is left unexplained.
pub fn print(counts: &Counts, differences: &[Difference]) -> bool {
    for (label, count) in [
        ("files", counts.files),
        ("  not UTF-8, not compared", counts.not_text),
        ("  refused by us and parse-dockerfile", counts.both_refuse_file),
        ("shell texts for another program", counts.other_shell),
        ("shell texts refused by us and bash", counts.both_refuse_bash),
        ("  of them for a POSIX shell", counts.both_refuse_posix),
        ("shell texts refused by us and brush", counts.both_refuse_brush),
        ("simple commands compared", counts.commands),
    ] {
        println!("{label:<42}{count:>9}");
    }
    let explained: Vec<_> = differences.iter().map(|it| (it, explain::of(it))).collect();
    println!("\n{:<42}{:>9}{:>9}{:>13}", "", "compared", "differ", "unexplained");
    for kind in Kind::ALL {
        let of_kind = || explained.iter().filter(|(difference, _)| difference.kind == kind);
        println!(
            "{:<42}{:>9}{:>9}{:>13}",
            kind.title(),
            counts.compared[kind as usize],
            of_kind().count(),
            of_kind().filter(|(_, explanation)| explanation.is_none()).count(),
        );
    }
    for kind in Kind::ALL {
        let mut classes: Vec<(Option<&Explanation>, Vec<&Difference>)> = Vec::new();
        for (difference, explanation) in explained.iter().filter(|(difference, _)| difference.kind == kind) {
            let same = |class: &&mut (Option<&Explanation>, _)| match (class.0, explanation) {
                (Some(a), Some(b)) => std::ptr::eq(a, *b),
                (a, b) => a.is_none() && b.is_none(),
            };
            match classes.iter_mut().find(same) {
                Some(class) => class.1.push(difference),
                None => classes.push((*explanation, vec![difference])),
            }
        }
        if !classes.is_empty() {
            println!("\n== {}", kind.title());
        }
        classes.sort_by_key(|(explanation, members)| (explanation.is_none(), std::cmp::Reverse(members.len())));
        for (explanation, members) in classes {
            let title = explanation.map_or_else(
                || "UNEXPLAINED".to_owned(),
                |explanation| format!("{}: {}", explanation.whose.title(), explanation.text),
            );
            println!("\n{:>6}  {title}", members.len());
            members.iter().take(EXAMPLES).for_each(|difference| example(difference));
        }
    }
    explained.iter().all(|(_, explanation)| explanation.is_some())
}

fn example(difference: &Difference) {
    println!("        {}:{}", difference.file, difference.line);
    for (label, text) in [
        ("ours", &difference.ours),
        ("theirs", &difference.theirs),
        ("text", &difference.text),
    ] {
        println!("          {label:<7}{}", excerpt(text));
    }
}

/// The beginning of a text, on one line.
fn excerpt(text: &str) -> String {
    const LENGTH: usize = 160;
    let short: String = text.chars().take(LENGTH).collect();
    let dots = if short.len() < text.len() { " …" } else { "" };
    format!("{}{dots}", short.replace('\n', "⏎"))
}
