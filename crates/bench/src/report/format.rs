//! Numbers and tables as people read them.

use std::fmt::Write as _;

/// Seconds with two to three significant digits, without the unit.
pub(super) fn seconds(value: f64) -> String {
    match value.abs() {
        small if small < 0.995 => format!("{value:.2}"),
        middle if middle < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Decimal megabytes, without the unit.
pub(super) fn megabytes(bytes: f64) -> String {
    let value = bytes / 1e6;
    match value {
        _ if bytes < 0.5 => "0".to_owned(),
        small if small < 0.01 => "<0.01".to_owned(),
        small if small < 0.995 => format!("{value:.2}"),
        middle if middle < 99.95 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// Bytes with a unit.
pub(super) fn bytes(value: f64) -> String {
    for (unit, size) in [("GB", 1e9), ("MB", 1e6), ("kB", 1e3)] {
        if value >= size {
            return format!("{} {unit}", seconds(value / size));
        }
    }
    format!("{value:.0} B")
}

/// `20 Mbit/s`.
pub(super) fn bandwidth(bits_per_second: u64) -> String {
    let megabits = bits_per_second as f64 / 1e6;
    if megabits >= 1.0 {
        format!("{megabits} Mbit/s")
    } else {
        format!("{} kbit/s", bits_per_second as f64 / 1e3)
    }
}

/// A figure that may be missing.
pub(super) fn or_dash(value: Option<f64>, format: impl Fn(f64) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), format)
}

/// With a capital and a full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string());
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{}{}{stop}", first.unwrap_or_default(), chars.as_str())
}

/// A Markdown table. Columns of figures are aligned to the right.
pub(super) fn table(head: &[&str], rows: &[Vec<String>]) -> String {
    let cell = |text: &str| {
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        line.replace('|', "\\|")
    };
    let mut text = format!("| {} |\n|", head.join(" | "));
    for index in 0..head.len() {
        let mut cells = rows.iter().filter_map(|row| row.get(index));
        let figures = !rows.is_empty() && cells.all(|cell| is_figure(cell));
        text.push_str(if figures { " ---: |" } else { " --- |" });
    }
    text.push('\n');
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        // Writing into a String cannot fail.
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// The first lines of a text, and how many there are more.
pub(super) fn first_lines(text: &str, most: usize) -> String {
    let text = text.trim_end();
    let count = text.lines().count();
    if count <= most {
        return text.to_owned();
    }
    let shown: Vec<&str> = text.lines().take(most).collect();
    format!(
        "{}\n… and {} lines more, in the results file",
        shown.join("\n"),
        count - most
    )
}

fn is_figure(cell: &str) -> bool {
    cell == "not measured" || cell.starts_with(|c: char| c.is_ascii_digit() || "-–<+".contains(c))
}

/// A fence for a block that contains such a text.
pub(super) fn fence(text: &str) -> String {
    let longest = text
        .lines()
        .map(|line| line.trim_start().chars().take_while(|c| *c == '`').count())
        .max();
    "`".repeat(longest.unwrap_or(0).max(2) + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits() {
        for (value, text) in [
            (0.0, "0.00"),
            (0.348, "0.35"),
            (3.4499, "3.4"),
            (34.25, "34.2"),
            (99.96, "100"),
            (142.4, "142"),
        ] {
            assert_eq!(seconds(value), text, "{value}");
        }
        for (value, text) in [
            (0.0, "0"),
            (900.0, "<0.01"),
            (40_000.0, "0.04"),
            (5_340_000.0, "5.3"),
            (182_400_000.0, "182"),
        ] {
            assert_eq!(megabytes(value), text, "{value}");
        }
        for (value, text) in [(12.0, "12 B"), (1_500.0, "1.5 kB"), (2_500_000_000.0, "2.5 GB")] {
            assert_eq!(bytes(value), text, "{value}");
        }
        assert_eq!(bandwidth(1_000_000_000), "1000 Mbit/s");
        assert_eq!(bandwidth(1_500_000), "1.5 Mbit/s");
        assert_eq!(bandwidth(500_000), "500 kbit/s");
    }

    #[test]
    fn markdown_is_not_broken_by_content() {
        assert_eq!(
            table(&["a", "b"], &[vec!["x | y\nz".into(), "1".into()]]),
            "| a | b |\n| --- | ---: |\n| x \\| y z | 1 |\n"
        );
        assert_eq!(fence("a\n```\nb"), "````");
        assert_eq!(fence("a"), "```");
        assert_eq!(sentence("the step"), "The step.");
    }
}
