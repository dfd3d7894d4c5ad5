//! The builder's steps, matched to those of the Dockerfile, and held against what is expected.
//!
//! `BuildKit` names a step by the instruction's text, `[stage 2/5] RUN …`, with variables replaced by their values and
//! some quoting gone. So names are compared without white space, quotes and backslashes, and a variable matches anything.

use std::collections::{BTreeMap, BTreeSet};

use cachemount_buildkit::StepRecord;
use cachemount_lint::outline::{Outline, StepKind};

use crate::expect::{Effect, Expected};
use crate::graph::{StepRef, label};

/// Stands for any text in a pattern; no Dockerfile contains it.
const ANY: char = '\0';

/// A step as the builder names it.
#[derive(Debug)]
struct Observed<'a> {
    label: Option<&'a str>,
    number: Option<usize>,
    text: String,
}

impl<'a> Observed<'a> {
    fn read(name: &'a str) -> Option<Self> {
        let (inside, text) = name.strip_prefix('[')?.split_once("] ")?;
        let words: Vec<&str> = inside.split_whitespace().collect();
        let (number, words) = match words.split_last() {
            Some((last, rest)) if last.contains('/') && !last.starts_with("linux/") => {
                (last.split_once('/').and_then(|(at, _)| at.parse().ok()), rest)
            }
            _ => (None, &words[..]),
        };
        Some(Self {
            // The platform, where there is one, stands before the stage.
            label: words.last().copied().filter(|word| !word.contains('/')),
            number,
            text: squash(text),
        })
    }
}

/// Finds the builder's record of every step that it reported, in the stages that it had to build.
#[must_use]
pub fn match_steps<'a>(
    outline: &Outline,
    needed: &BTreeSet<usize>,
    dockerfile: &str,
    records: &'a [StepRecord],
) -> BTreeMap<StepRef, &'a StepRecord> {
    let observed: Vec<(Observed<'_>, &StepRecord)> = records
        .iter()
        .filter_map(|record| Some((Observed::read(&record.name)?, record)))
        .collect();
    let mut claimed = vec![false; observed.len()];
    let mut found = BTreeMap::new();
    let mut left = Vec::new();
    for &index in needed {
        let label = label(&outline.stages[index], index);
        let mut last = 0;
        for (step, kind) in steps(outline, index) {
            let place = StepRef { stage: index, step };
            let pattern = pattern(&kind, dockerfile, outline, place);
            let candidates = observed.iter().enumerate().filter(|(at, (seen, _))| {
                !claimed[*at] && seen.label.is_none_or(|seen| seen == label) && matches(&pattern, &seen.text)
            });
            // The same command may stand twice in a stage; numbers grow.
            let best = candidates.min_by_key(|(_, (seen, _))| {
                let number = seen.number.unwrap_or(0);
                (number <= last && number > 0, number)
            });
            match best {
                Some((at, (seen, record))) => {
                    claimed[at] = true;
                    last = seen.number.unwrap_or(last);
                    found.insert(place, *record);
                }
                None => left.push((place, pattern)),
            }
        }
    }
    // Equal steps of two stages are one step to BuildKit, named after one of them.
    for (place, pattern) in left {
        let same = observed
            .iter()
            .find(|(seen, _)| seen.label != Some("internal") && matches(&pattern, &seen.text));
        if let Some((_, record)) = same {
            found.insert(place, *record);
        }
    }
    found
}

fn steps(outline: &Outline, stage: usize) -> impl Iterator<Item = (usize, StepKind)> + '_ {
    let steps = outline.stages[stage].steps.iter().enumerate();
    steps
        .filter(|(_, step)| !matches!(step.kind, StepKind::Other(_)))
        .map(|(index, step)| (index, step.kind.clone()))
}

fn pattern(kind: &StepKind, dockerfile: &str, outline: &Outline, place: StepRef) -> String {
    match kind {
        StepKind::Run(run) => to_pattern(&format!("RUN {}", run.text)),
        StepKind::Copy(_) | StepKind::Other(_) => {
            let span = outline.stages[place.stage].steps[place.step].span.clone();
            to_pattern(&joined(dockerfile.get(span).unwrap_or_default()))
        }
    }
}

/// An instruction on one line, without the comments inside.
fn joined(text: &str) -> String {
    let mut lines = text.lines();
    let mut whole = lines.next().unwrap_or_default().to_owned();
    for line in lines.filter(|line| !line.trim_start().starts_with('#')) {
        whole.push(' ');
        whole.push_str(line);
    }
    match whole.split_once(char::is_whitespace) {
        Some((keyword, rest)) => format!("{} {rest}", keyword.to_uppercase()),
        None => whole,
    }
}

/// A part of an instruction without comments, white space and backslashes.
pub(crate) fn words_of_lines(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let rest = lines.filter(|line| !line.trim_start().starts_with('#'));
    [first]
        .into_iter()
        .chain(rest)
        .flat_map(str::chars)
        .filter(|c| !c.is_whitespace() && *c != '\\')
        .collect()
}

/// The text that is compared, with [`ANY`] for each variable and for what follows the mark of a heredoc.
fn to_pattern(text: &str) -> String {
    let text: String = text.lines().collect::<Vec<_>>().join(" ");
    let mut pattern = String::new();
    let mut rest = text.as_str();
    while let Some(next) = rest.chars().next() {
        if next == '$'
            && let Some(behind) = behind_variable(&rest[1..])
        {
            pattern.push(ANY);
            rest = behind;
            continue;
        }
        if begins_heredoc(rest) {
            pattern.push_str("<<");
            pattern.push(ANY);
            break;
        }
        if kept(next) {
            pattern.push(next);
        }
        rest = &rest[next.len_utf8()..];
    }
    pattern
}

fn behind_variable(rest: &str) -> Option<&str> {
    if rest.starts_with('{') {
        // `${A:-${B}}`: values may hold variables of their own.
        let mut open = 0_usize;
        for (at, next) in rest.char_indices() {
            match next {
                '{' => open += 1,
                '}' => open -= 1,
                _ => {}
            }
            if open == 0 {
                return Some(&rest[at + 1..]);
            }
        }
        return None;
    }
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    if end > 0 {
        return Some(&rest[end..]);
    }
    let first = rest.chars().next()?;
    "@*#?-$!".contains(first).then(|| &rest[first.len_utf8()..])
}

fn begins_heredoc(rest: &str) -> bool {
    rest.strip_prefix("<<").is_some_and(|word| {
        word.trim_start_matches('-')
            .trim_start_matches(['"', '\''])
            .starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
    })
}

fn squash(text: &str) -> String {
    text.chars().filter(|next| kept(*next)).collect()
}

fn kept(next: char) -> bool {
    !next.is_whitespace() && !matches!(next, '\\' | '`' | '"' | '\'' | ANY)
}

/// Whether a text fits a pattern in which [`ANY`] stands for anything.
fn matches(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split(ANY);
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// The first step that did not do what was expected, as a sentence; none if all did.
#[must_use]
pub fn violation(
    outline: &Outline,
    expected: &[(StepRef, Expected)],
    found: &BTreeMap<StepRef, &StepRecord>,
) -> Option<String> {
    expected.iter().find_map(|(place, expected)| {
        let record = found.get(place);
        let name = describe(outline, *place);
        match (expected, record) {
            (Expected::MustRun, Some(record)) if record.ran && !record.cached => None,
            (Expected::MustRun, Some(record)) if record.cached => Some(format!(
                "{name} had to run, but came from the layer cache: the change did not reach it"
            )),
            (Expected::MustRun, Some(_)) => Some(format!("{name} had to run, but did not finish")),
            (Expected::MustRun, None) => Some(format!("{name} had to run, but the builder did not report it")),
            (Expected::MustBeCached, Some(record)) if record.ran && !record.cached => Some(format!(
                "{name} had to come from the layer cache, but ran: more changed than was meant, or the builder dropped \
                 its layers"
            )),
            // A builder that needs nothing of a step does not mention it.
            (Expected::Either | Expected::MustBeCached, _) => None,
        }
    })
}

/// A `RUN` of the build that is none of the steps found and ran although nothing was changed, as a sentence.
///
/// After a change of a file or a step it is not known whether it had to; without a change nothing may run.
#[must_use]
pub fn stray(effect: &Effect, found: &BTreeMap<StepRef, &StepRecord>, records: &[StepRecord]) -> Option<String> {
    if *effect != Effect::Nothing {
        return None;
    }
    records.iter().find_map(|record| {
        let known = found.values().any(|step| step.name == record.name);
        let observed = Observed::read(&record.name)?;
        let is_run = observed.label != Some("internal") && observed.text.starts_with("RUN");
        (record.ran && !record.cached && is_run && !known)
            .then(|| format!("the builder ran the step `{}`, though nothing was changed", record.name))
    })
}

/// A step in words: `the step of line 12 (RUN uv sync …)`.
#[must_use]
pub fn describe(outline: &Outline, place: StepRef) -> String {
    let step = &outline.stages[place.stage].steps[place.step];
    let text = match &step.kind {
        StepKind::Run(run) => format!("RUN {}", without_flags(&run.text)),
        StepKind::Copy(copy) => format!("COPY {}", copy.sources.join(" ")),
        StepKind::Other(keyword) => keyword.clone(),
    };
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let short: String = text.chars().take(60).collect();
    let dots = if short.len() < text.len() { "…" } else { "" };
    format!("the step of line {} (`{short}{dots}`)", step.line)
}

fn without_flags(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with("--") {
        match rest.split_once(char::is_whitespace) {
            Some((_, behind)) => rest = behind.trim_start(),
            None => break,
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{outline, parse, run, stage};
    use cachemount_lint::outline::Base;

    fn record(name: &str) -> StepRecord {
        StepRecord {
            name: name.to_owned(),
            ran: true,
            ..StepRecord::default()
        }
    }

    #[test]
    fn names() {
        for (text, name, same) in [
            (
                "RUN apt-get  update &&     apt-get install -y git",
                "RUN apt-get update && apt-get install -y git",
                true,
            ),
            (
                "RUN apt-get update && apt-get install -y git",
                "RUN apt-get update && apt-get install -y git less",
                false,
            ),
            ("RUN pip install a==$V b", "RUN pip install a==1.2 b", true),
            ("RUN pip install a==${V:-1} b", "RUN pip install a==1.2 c", false),
            ("RUN pip install ${A:-${B:-1}} b", "RUN pip install 1.2 b", true),
            ("RUN pip install ${A:-${B:-1}} b", "RUN pip install 1.2 c", false),
            ("RUN echo ${A", "RUN echo ${A", true),
            ("RUN echo \"$(id)\" '\\$X'", "RUN echo \"$(id)\" '$X'", true),
            ("RUN for x in $@; do :; done", "RUN for x in $@; do :; done", true),
            ("RUN <<EOF\nset -e\nEOF", "RUN <<EOF (set -e...)", true),
            ("RUN <<EOF sh\nset -e\nEOF", "RUN <<OTHER (x)", true),
        ] {
            assert_eq!(matches(&to_pattern(text), &squash(name)), same, "{text}");
        }
    }

    #[test]
    fn copies_are_matched_by_the_file_text() {
        let text = "FROM i\nCOPY --chown=a:a . /app\nRUN x\n";
        let records = [
            record("[stage-0 2/3] COPY --chown=a:a . /app"),
            record("[stage-0 3/3] RUN x"),
            record("[internal] load build context"),
        ];
        let outline = parse(text);
        let found = match_steps(&outline, &BTreeSet::from([0]), text, &records);
        assert_eq!(
            found[&StepRef { stage: 0, step: 0 }].name,
            "[stage-0 2/3] COPY --chown=a:a . /app"
        );
        assert_eq!(found.len(), 2);
        assert_eq!(joined("COPY a \\\n  # why\n  b ./"), "COPY a \\   b ./".to_owned());
    }

    #[test]
    fn the_same_command_in_several_places() {
        let image = || Base::Image("i".into());
        let outline = outline(vec![
            stage(Some("a"), image(), vec![run("x"), run("x")]),
            stage(Some("b"), image(), vec![run("x")]),
            stage(None, image(), vec![run("y"), run("x")]),
        ]);
        let records = [
            record("[a 3/3] RUN x"),
            record("[linux/amd64 a 2/3] RUN x"),
            record("[stage-2 3/3] RUN x"),
            record("[stage-2 2/3] RUN y"),
        ];
        let found = match_steps(&outline, &BTreeSet::from([0, 1, 2]), "", &records);
        let name = |stage, step| found[&StepRef { stage, step }].name.as_str();
        assert_eq!(name(0, 0), "[linux/amd64 a 2/3] RUN x");
        assert_eq!(name(0, 1), "[a 3/3] RUN x");
        // Not reported for itself: it is the same step as one of the others.
        assert_eq!(name(1, 0), "[a 3/3] RUN x");
        assert_eq!(name(2, 1), "[stage-2 3/3] RUN x");
        // A stage that is not built has no steps, even if an equal one is.
        let found = match_steps(&outline, &BTreeSet::from([0, 2]), "", &records);
        assert!(!found.contains_key(&StepRef { stage: 1, step: 0 }));
    }

    #[test]
    fn what_was_seen_is_held_against_what_is_expected() {
        let outline = parse("FROM i\nRUN a\nRUN b\n");
        let first = StepRef { stage: 0, step: 0 };
        let say = |expected, record: Option<&StepRecord>| {
            let found = record.into_iter().map(|record| (first, record)).collect();
            violation(&outline, &[(first, expected)], &found)
        };
        let ran = record("[2/3] RUN a");
        let cached = StepRecord {
            cached: true,
            ran: false,
            ..ran.clone()
        };
        assert_eq!(say(Expected::MustRun, Some(&ran)), None);
        assert_eq!(say(Expected::MustBeCached, Some(&cached)), None);
        assert_eq!(say(Expected::MustBeCached, None), None);
        assert_eq!(say(Expected::Either, Some(&ran)), None);
        assert_eq!(
            say(Expected::MustRun, Some(&cached)).unwrap(),
            "the step of line 2 (`RUN a`) had to run, but came from the layer cache: the change did not reach it"
        );
        assert!(say(Expected::MustRun, None).unwrap().contains("did not report"));
        assert!(say(Expected::MustBeCached, Some(&ran)).unwrap().contains("but ran"));
    }

    #[test]
    fn a_step_of_nobody_that_ran_although_nothing_changed() {
        let text = "FROM i\nRUN a\n";
        let outline = parse(text);
        let say = |name: &str, cached: bool, effect: &Effect| {
            let mut records = [record("[2/3] RUN a"), record(name)];
            records[0].cached = true;
            (records[1].cached, records[1].ran) = (cached, !cached);
            let found = match_steps(&outline, &BTreeSet::from([0]), text, &records);
            stray(effect, &found, &records)
        };
        assert_eq!(
            say("[3/3] RUN b", false, &Effect::Nothing).unwrap(),
            "the builder ran the step `[3/3] RUN b`, though nothing was changed"
        );
        assert_eq!(say("[3/3] RUN b", true, &Effect::Nothing), None);
        assert_eq!(say("[3/3] RUN b", false, &Effect::File("x".into())), None);
        assert_eq!(say("[internal] load build context", false, &Effect::Nothing), None);
        assert_eq!(say("[3/3] WORKDIR /x", false, &Effect::Nothing), None);
    }
}
