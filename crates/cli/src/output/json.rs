//! Findings for programs. The shape carries a version; offsets count bytes, lines and columns count from one.

use cachemount_lint::edit::Safety;
use cachemount_syntax::{LineIndex, Span};
use serde::Serialize;

use super::Checked;

/// The version of the shape.
const SCHEMA: u32 = 1;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    tool: &'static str,
    version: &'static str,
    files: Vec<File<'a>>,
    problems: &'a [String],
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    findings: Vec<Finding<'a>>,
    left_alone: Vec<LeftAlone<'a>>,
    syntax_errors: Vec<SyntaxError<'a>>,
    install_steps: usize,
    unread_steps: usize,
}

#[derive(Serialize)]
struct Place {
    start: usize,
    end: usize,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
}

#[derive(Serialize)]
struct Finding<'a> {
    rule: &'a str,
    severity: &'static str,
    message: &'a str,
    label: &'a str,
    #[serde(flatten)]
    place: Place,
    notes: &'a [String],
    help: Option<&'a str>,
    fix: Option<Fix<'a>>,
}

#[derive(Serialize)]
struct Fix<'a> {
    title: &'a str,
    safety: Safety,
    edits: Vec<Edit<'a>>,
}

#[derive(Serialize)]
struct Edit<'a> {
    start: usize,
    end: usize,
    text: &'a str,
}

#[derive(Serialize)]
struct LeftAlone<'a> {
    tool: &'a str,
    reason: &'a str,
    help: Option<&'a str>,
    #[serde(flatten)]
    place: Place,
}

#[derive(Serialize)]
struct SyntaxError<'a> {
    message: &'a str,
    #[serde(flatten)]
    place: Place,
}

/// Prints one document for all files.
pub fn print(files: &[Checked], problems: &[String]) -> anyhow::Result<()> {
    let document = Document {
        schema: SCHEMA,
        tool: "cachemount",
        version: env!("CARGO_PKG_VERSION"),
        files: files.iter().map(file).collect(),
        problems,
    };
    anstream::println!("{}", serde_json::to_string_pretty(&document)?);
    Ok(())
}

fn file(checked: &Checked) -> File<'_> {
    let lines = LineIndex::new(&checked.source);
    let place = |span: Span| {
        let (line, column) = lines.line_column(span.start);
        let (end_line, end_column) = lines.line_column(span.end);
        Place {
            start: span.start,
            end: span.end,
            line,
            column,
            end_line,
            end_column,
        }
    };
    let report = &checked.report;
    File {
        path: &checked.shown,
        findings: report
            .findings
            .iter()
            .map(|finding| Finding {
                rule: finding.rule,
                severity: finding.severity.as_str(),
                message: &finding.message,
                label: &finding.label,
                place: place(finding.span),
                notes: &finding.notes,
                help: finding.help.as_deref(),
                fix: finding.fix.as_ref().map(|fix| Fix {
                    title: &fix.title,
                    safety: fix.safety,
                    edits: fix
                        .edits
                        .iter()
                        .map(|edit| Edit {
                            start: edit.span.start,
                            end: edit.span.end,
                            text: &edit.text,
                        })
                        .collect(),
                }),
            })
            .collect(),
        left_alone: report
            .left_alone
            .iter()
            .map(|left| LeftAlone {
                tool: &left.tool,
                reason: &left.reason,
                help: left.help.as_deref(),
                place: place(left.span),
            })
            .collect(),
        syntax_errors: report
            .syntax_errors
            .iter()
            .map(|error| SyntaxError {
                message: &error.message,
                place: place(error.span),
            })
            .collect(),
        install_steps: report.install_steps,
        unread_steps: report.unread_steps,
    }
}
