//! The Dockerfile that is really built: the variant's text with an argument declared in every stage.

use cachemount_lint::outline::Outline;

/// The argument whose value tells runs, variants and states apart.
///
/// Its value is part of the cache key of every `RUN` behind its declaration, and changes nothing else: no file, no
/// mount. (`--no-cache` would make steps run too, but it also empties their mounts.)
pub const STATE_ARGUMENT: &str = "CACHEMOUNT_STATE";

/// The text with `ARG CACHEMOUNT_STATE` in every stage and, if asked, another package at a place of the original text.
///
/// The outline must be that of the text; offsets behind its end are taken for the end.
#[must_use]
pub fn instrument(text: &str, outline: &Outline, package: Option<(usize, &str)>) -> String {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut inserts: Vec<(usize, String)> = outline
        .stages
        .iter()
        .map(|stage| {
            let at = stage.body_start.min(text.len());
            // A last line may have no end of its own.
            let before = if text[..at].ends_with('\n') { "" } else { newline };
            (at, format!("{before}ARG {STATE_ARGUMENT}{newline}"))
        })
        .collect();
    if let Some((at, package)) = package {
        inserts.push((at.min(text.len()), format!(" {package}")));
    }
    inserts.sort_by_key(|(at, _)| *at);
    let mut whole = String::with_capacity(text.len() + 64);
    let mut done = 0;
    for (at, insert) in inserts {
        whole.push_str(&text[done..at]);
        whole.push_str(&insert);
        done = at;
    }
    whole.push_str(&text[done..]);
    whole
}

/// The outline as it is with the package added: the step's text has one more word.
#[must_use]
pub fn outline_with_package(
    outline: &Outline,
    place: crate::scenario::PackagePlace,
    package: &str,
    text: &str,
) -> Outline {
    use cachemount_lint::outline::StepKind;
    let mut outline = outline.clone();
    let step = &mut outline.stages[place.step.stage].steps[place.step.step];
    let span = step.span.clone();
    if let StepKind::Run(run) = &mut step.kind {
        // The step's text is joined, the offset is one of the file; the words behind the offset are the same in both.
        let behind = text.get(place.offset..span.end).unwrap_or_default();
        let tail = crate::observe::words_of_lines(behind);
        let count = tail.chars().count();
        let squashed: Vec<(usize, char)> = run
            .text
            .char_indices()
            .filter(|(_, c)| !c.is_whitespace() && *c != '\\')
            .collect();
        let at = squashed
            .len()
            .checked_sub(count)
            .and_then(|index| squashed.get(index))
            .map_or(run.text.len(), |(at, _)| *at);
        run.text.insert_str(at, &format!(" {package} "));
    }
    outline
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::parse;
    use crate::graph::StepRef;
    use crate::scenario::PackagePlace;
    use cachemount_lint::outline::StepKind;

    #[test]
    fn a_line_in_every_stage_and_a_package_in_one() {
        let text = "ARG V\nFROM a AS x\nRUN apt-get install git\nFROM x\nRUN b\n";
        let outline = parse(text);
        let end = text.find(" git").unwrap() + 4;
        assert_eq!(
            instrument(text, &outline, Some((end, "less"))),
            "ARG V\nFROM a AS x\nARG CACHEMOUNT_STATE\nRUN apt-get install git less\nFROM x\nARG CACHEMOUNT_STATE\nRUN b\n"
        );
    }

    #[test]
    fn line_ends_are_kept() {
        let text = "FROM a\r\nRUN b\r\n";
        assert_eq!(
            instrument(text, &parse(text), None),
            "FROM a\r\nARG CACHEMOUNT_STATE\r\nRUN b\r\n"
        );
        assert_eq!(
            instrument("FROM a", &parse("FROM a"), None),
            "FROM a\nARG CACHEMOUNT_STATE\n"
        );
    }

    #[test]
    fn the_expected_name_has_the_package_where_the_file_has_it() {
        let text = "FROM a\nRUN apt-get install git && rm -rf x\n";
        let offset = text.find(" &&").unwrap();
        let place = PackagePlace {
            step: StepRef { stage: 0, step: 0 },
            offset,
        };
        let outline = outline_with_package(&parse(text), place, "less", text);
        let StepKind::Run(run) = &outline.stages[0].steps[0].kind else {
            panic!("a RUN");
        };
        assert_eq!(
            run.text.split_whitespace().collect::<Vec<_>>().join(" "),
            "apt-get install git less && rm -rf x"
        );
    }
}
