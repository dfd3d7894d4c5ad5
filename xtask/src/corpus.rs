//! The corpus runner: what must hold for every Dockerfile, tried on many.

use std::collections::BTreeMap;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cachemount_lint::knowledge::Knowledge;
use cachemount_lint::{FixError, FixOptions, check, fix};
use cachemount_syntax::Dockerfile;

/// What to print and write.
#[derive(Default)]
pub struct Options {
    /// Number of reasons to print.
    pub reasons: usize,
    /// Where fixed files go.
    pub write: Option<PathBuf>,
}

#[derive(Default)]
struct Tally {
    files: usize,
    refused_by_parser: usize,
    instructions: usize,
    changed: usize,
    fixes: BTreeMap<&'static str, usize>,
    findings: BTreeMap<&'static str, usize>,
    installs: usize,
    unread: usize,
    left_alone: usize,
    reasons: BTreeMap<String, usize>,
    violations: Vec<String>,
    parsing: Duration,
    checking: Duration,
    slowest: (Duration, String),
}

/// Runs everything over a folder; whether nothing was violated.
pub fn run(folder: &Path, options: &Options) -> Result<bool> {
    let paths = files(folder)?;
    if let Some(out) = &options.write {
        fs_err::create_dir_all(out)?;
    }
    let knowledge = Knowledge::builtin();
    let mut tally = Tally::default();
    for path in &paths {
        let source = fs_err::read(path)?;
        let name = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        tally.files += 1;
        let outcome = catch_unwind(|| one(&name, &source, knowledge, options));
        match outcome {
            Ok(part) => tally.add(part?),
            Err(_) => tally.violations.push(format!("{name}: panic")),
        }
    }
    tally.print(options);
    Ok(tally.violations.is_empty())
}

/// All files below a folder, sorted.
pub fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    collect(folder, &mut paths)?;
    paths.sort();
    Ok(paths)
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs_err::read_dir(folder).context("read the corpus")? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else {
            paths.push(path);
        }
    }
    Ok(())
}

fn one(name: &str, source: &[u8], knowledge: &Knowledge, options: &Options) -> Result<Tally> {
    let mut part = Tally::default();
    let start = Instant::now();
    let file = Dockerfile::parse(source);
    part.parsing = start.elapsed();
    if file.print(source) != source {
        part.violations
            .push(format!("{name}: printing does not give the same bytes"));
    }
    part.instructions = file.instructions().count();
    part.refused_by_parser = usize::from(!file.errors().is_empty());

    let start = Instant::now();
    let report = check(source, knowledge);
    part.checking = start.elapsed();
    part.slowest = (part.checking, name.to_owned());
    part.installs = report.install_steps;
    part.unread = report.unread_steps;
    for finding in &report.findings {
        *part.findings.entry(finding.rule).or_default() += 1;
    }

    match fix(source, knowledge, &FixOptions { unsafe_fixes: true }) {
        Ok(fixed) => {
            for refused in &fixed.refused {
                part.violations
                    .push(format!("{name}: a fix was refused by the last check: {refused}"));
            }
            for applied in &fixed.applied {
                *part.fixes.entry(applied.rule).or_default() += 1;
            }
            part.left_alone = fixed.report.left_alone.len();
            for left in &fixed.report.left_alone {
                *part
                    .reasons
                    .entry(format!("{}: {}", left.tool, generic(&left.reason)))
                    .or_default() += 1;
            }
            if fixed.source != source {
                part.changed = 1;
                compare(name, source, &fixed.source, &mut part.violations);
                if let Some(out) = &options.write {
                    fs_err::write(out.join(name.replace('/', "__")), &fixed.source)?;
                }
            }
            match fix(&fixed.source, knowledge, &FixOptions { unsafe_fixes: true }) {
                Ok(again) if again.source == fixed.source => {}
                Ok(_) => part.violations.push(format!("{name}: a second run changes something")),
                Err(error) => part
                    .violations
                    .push(format!("{name}: the result cannot be fixed again: {error}")),
            }
        }
        Err(FixError::Syntax { .. }) => {}
        Err(error) => part.violations.push(format!("{name}: {error}")),
    }
    Ok(part)
}

/// Looks at the result with no knowledge of the fixes: nothing lost, and gained only stages that lend a file.
fn compare(name: &str, before: &[u8], after: &[u8], violations: &mut Vec<String>) {
    let keywords = |source: &[u8]| -> Vec<String> {
        Dockerfile::parse(source)
            .instructions()
            .map(|i| i.statement.keyword_word.text.clone())
            .collect()
    };
    let others = |source: &[u8]| -> Vec<Vec<u8>> {
        Dockerfile::parse(source)
            .instructions()
            .filter(|i| i.statement.keyword != cachemount_syntax::Keyword::Run)
            .map(|i| i.text.bytes().to_vec())
            .filter(|text| !text.windows(13).any(|window| window == b"AS apt-config"))
            .collect()
    };
    let lent = |source: &[u8]| source.windows(13).filter(|window| *window == b"AS apt-config").count();
    if keywords(after).len() != keywords(before).len() + lent(after) - lent(before) {
        violations.push(format!("{name}: an instruction was lost or gained"));
    }
    if others(before) != others(after) {
        violations.push(format!("{name}: an instruction other than RUN changed"));
    }
}

/// The reason without what is special to the file.
fn generic(reason: &str) -> String {
    let mut out = String::new();
    let mut quoted = false;
    let mut digits = false;
    for char in reason.chars() {
        match char {
            '`' => {
                quoted = !quoted;
                if quoted {
                    out.push_str("`…`");
                }
            }
            _ if quoted => {}
            '0'..='9' => {
                if !digits {
                    out.push('N');
                }
                digits = true;
                continue;
            }
            char => out.push(char),
        }
        digits = false;
    }
    out
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.refused_by_parser += other.refused_by_parser;
        self.instructions += other.instructions;
        self.changed += other.changed;
        self.installs += other.installs;
        self.unread += other.unread;
        self.left_alone += other.left_alone;
        self.parsing += other.parsing;
        self.checking += other.checking;
        self.violations.extend(other.violations);
        if other.slowest.0 > self.slowest.0 {
            self.slowest = other.slowest;
        }
        for (rule, count) in other.findings {
            *self.findings.entry(rule).or_default() += count;
        }
        for (rule, count) in other.fixes {
            *self.fixes.entry(rule).or_default() += count;
        }
        for (reason, count) in other.reasons {
            *self.reasons.entry(reason).or_default() += count;
        }
    }

    fn print(&self, options: &Options) {
        println!("files                      {:>8}", self.files);
        println!("  with syntax errors       {:>8}", self.refused_by_parser);
        println!("instructions               {:>8}", self.instructions);
        println!("install steps              {:>8}", self.installs);
        println!("steps not understood       {:>8}", self.unread);
        println!("files changed by fix       {:>8}", self.changed);
        println!("installs left alone        {:>8}", self.left_alone);
        println!("violations                 {:>8}", self.violations.len());
        println!("parse, wall                {:>8.3} s", self.parsing.as_secs_f64());
        println!("check, wall (with parse)   {:>8.3} s", self.checking.as_secs_f64());
        println!(
            "slowest file               {:>8.3} ms  {}",
            self.slowest.0.as_secs_f64() * 1e3,
            self.slowest.1
        );
        println!("\nrule               findings  fixes");
        for (rule, count) in &self.findings {
            println!(
                "{rule:<18} {count:>8} {:>6}",
                self.fixes.get(rule).copied().unwrap_or(0)
            );
        }
        let mut reasons: Vec<_> = self.reasons.iter().collect();
        reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
        for (reason, count) in reasons.into_iter().take(options.reasons) {
            println!("{count:>6}  {reason}");
        }
        for violation in &self.violations {
            println!("VIOLATION {violation}");
        }
    }
}
