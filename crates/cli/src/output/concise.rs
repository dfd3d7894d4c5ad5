//! One line a finding: `path:line:column: rule: message`.

use cachemount_syntax::LineIndex;

use super::Checked;

/// Prints a file's findings.
pub fn print(checked: &Checked, left_alone: bool) {
    let lines = LineIndex::new(&checked.source);
    let place = |offset: usize| {
        let (line, column) = lines.line_column(offset);
        format!("{}:{line}:{column}", checked.shown)
    };
    for error in &checked.report.syntax_errors {
        anstream::println!("{}: syntax: {}", place(error.span.start), error.message);
    }
    for finding in &checked.report.findings {
        let fixable = if finding.fix.is_some() { " [*]" } else { "" };
        anstream::println!(
            "{}: {}: {}{fixable}",
            place(finding.span.start),
            finding.rule,
            finding.message
        );
    }
    if left_alone {
        for left in &checked.report.left_alone {
            anstream::println!("{}: left alone: {}: {}", place(left.span.start), left.tool, left.reason);
        }
    }
}
