//! The table and the classes.

use super::difference::{Difference, Kind};
use super::explain::{EXPLANATIONS, Explanation};

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
    /// Shell texts that brush and we refuse.
    pub both_refuse_shell: usize,
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
        self.both_refuse_shell += other.both_refuse_shell;
        self.commands += other.commands;
        for (total, count) in self.compared.iter_mut().zip(other.compared) {
            *total += count;
        }
    }
}

/// Prints everything; whether nothing is left unexplained.
pub fn print(counts: &Counts, differences: &[Difference]) -> bool {
    println!("files                              {:>8}", counts.files);
    println!("  not UTF-8, not compared          {:>8}", counts.not_text);
    println!("  both we and parse-dockerfile refuse {:>5}", counts.both_refuse_file);
    println!("shell texts both we and brush refuse {:>6}", counts.both_refuse_shell);
    println!("simple commands compared           {:>8}", counts.commands);
    println!(
        "\n{:<42}{:>9}{:>9}{:>10}{:>13}",
        "", "compared", "differ", "explained", "unexplained"
    );
    let mut classes: Vec<(Option<&Explanation>, Vec<&Difference>)> = EXPLANATIONS
        .iter()
        .map(|explanation| (Some(explanation), Vec::new()))
        .collect();
    let mut unexplained: Vec<&Difference> = Vec::new();
    for difference in differences {
        match EXPLANATIONS
            .iter()
            .position(|explanation| explanation.holds(difference))
        {
            Some(at) => classes[at].1.push(difference),
            None => unexplained.push(difference),
        }
    }
    for kind in Kind::ALL {
        let differ = differences.iter().filter(|difference| difference.kind == kind).count();
        let open = unexplained.iter().filter(|difference| difference.kind == kind).count();
        println!(
            "{:<42}{:>9}{differ:>9}{:>10}{open:>13}",
            kind.title(),
            counts.compared[kind as usize],
            differ - open,
        );
    }
    for kind in Kind::ALL {
        let of_kind = |difference: &&&Difference| difference.kind == kind;
        println!("\n== {}", kind.title());
        for (explanation, differences) in &classes {
            let matching: Vec<_> = differences.iter().filter(of_kind).copied().collect();
            if let (Some(explanation), false) = (explanation, matching.is_empty()) {
                println!(
                    "\n{:>6}  {}: {}",
                    matching.len(),
                    explanation.whose.title(),
                    explanation.text
                );
                matching
                    .iter()
                    .take(EXAMPLES)
                    .for_each(|difference| example(difference));
            }
        }
        let matching: Vec<_> = unexplained.iter().filter(of_kind).copied().collect();
        if !matching.is_empty() {
            println!("\n{:>6}  UNEXPLAINED", matching.len());
            let examples = std::env::var("ORACLE_EXAMPLES")
                .ok()
                .and_then(|n| n.parse().ok())
                .unwrap_or(EXAMPLES);
            matching
                .iter()
                .take(examples)
                .for_each(|difference| example(difference));
        }
    }
    unexplained.is_empty()
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
