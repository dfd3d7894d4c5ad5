//! Findings with their source, as a compiler shows them.

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Group, Level, Patch, Renderer, Snippet};
use cachemount_lint::edit::{Fix, Safety};
use cachemount_lint::finding::{Finding, LeftAlone, Severity};
use cachemount_syntax::Span;

use super::{Checked, concise};

/// Prints a file's findings.
pub fn print(checked: &Checked, left_alone: bool) {
    let Ok(text) = std::str::from_utf8(&checked.source) else {
        // Snippets need text; positions do not.
        concise::print(checked, left_alone);
        return;
    };
    let renderer = renderer();
    let mut groups = Vec::new();
    for error in &checked.report.syntax_errors {
        groups.push(vec![
            Level::ERROR.primary_title(error.message.clone()).id("syntax").element(
                Snippet::source(text)
                    .path(checked.shown.clone())
                    .annotation(AnnotationKind::Primary.span(first_line(text, error.span))),
            ),
        ]);
    }
    for finding in &checked.report.findings {
        groups.push(finding_groups(text, &checked.shown, finding));
    }
    if left_alone {
        for left in &checked.report.left_alone {
            groups.push(left_alone_groups(text, &checked.shown, left));
        }
    }
    for group in groups {
        anstream::println!("{}\n", renderer.render(&group));
    }
}

fn renderer() -> Renderer {
    let width = terminal_width();
    Renderer::styled().decor_style(DecorStyle::Ascii).term_width(width)
}

/// The width to fold at; wide enough for a mount line where there is no terminal.
fn terminal_width() -> usize {
    std::env::var("COLUMNS")
        .ok()
        .and_then(|columns| columns.parse().ok())
        .filter(|width| *width >= 60)
        .unwrap_or(200)
}

fn finding_groups<'a>(text: &'a str, path: &str, finding: &'a Finding) -> Vec<Group<'a>> {
    let level = match finding.severity {
        Severity::Advice => Level::INFO.with_name(Some("advice")),
        Severity::Warning => Level::WARNING,
        Severity::Error => Level::ERROR,
    };
    let mut snippet = Snippet::source(text).path(path.to_owned()).annotation(
        AnnotationKind::Primary
            .span(first_line(text, finding.span))
            .label(finding.label.clone()),
    );
    for (span, label) in &finding.related {
        snippet = snippet.annotation(
            AnnotationKind::Context
                .span(first_line(text, *span))
                .label(label.clone()),
        );
    }
    let mut group = level
        .primary_title(finding.message.clone())
        .id(finding.rule)
        .element(snippet);
    for note in &finding.notes {
        group = group.element(Level::NOTE.message(note.clone()));
    }
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(help.clone()));
    }
    let mut groups = vec![group];
    if let Some(fix) = &finding.fix {
        groups.push(fix_group(text, path, fix));
    }
    groups
}

fn fix_group<'a>(text: &'a str, path: &str, fix: &'a Fix) -> Group<'a> {
    let title = match fix.safety {
        Safety::Safe => fix.title.clone(),
        Safety::Unsafe => format!("{} (with `--unsafe`)", fix.title),
    };
    let mut edits: Vec<_> = fix.edits.iter().collect();
    edits.sort_by_key(|edit| edit.span);
    let patches = edits
        .into_iter()
        .map(|edit| Patch::new(edit.span.range(), edit.text.clone()));
    Level::HELP
        .with_name(Some("fix"))
        .secondary_title(title)
        .element(Snippet::source(text).path(path.to_owned()).patches(patches))
}

fn left_alone_groups<'a>(text: &'a str, path: &str, left: &'a LeftAlone) -> Vec<Group<'a>> {
    let mut group = Level::NOTE
        .with_name(Some("left alone"))
        .primary_title(format!("{} in this step", left.tool))
        .element(
            Snippet::source(text).path(path.to_owned()).annotation(
                AnnotationKind::Primary
                    .span(first_line(text, left.span))
                    .label("no mount was added here"),
            ),
        )
        .element(Level::NOTE.with_name(Some("because")).message(left.reason.clone()));
    if let Some(help) = &left.help {
        group = group.element(Level::HELP.message(help.clone()));
    }
    vec![group]
}

/// The first line of what is marked: long commands are shown by their beginning.
fn first_line(text: &str, span: Span) -> std::ops::Range<usize> {
    let marked = &text[span.range()];
    let end = marked.find('\n').map_or(span.end, |at| {
        span.start + marked[..at].trim_end_matches(['\\', '`', ' ', '\t', '\r']).len()
    });
    span.start..end.max(span.start)
}
