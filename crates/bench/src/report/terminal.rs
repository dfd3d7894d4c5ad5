//! A short table for the terminal.

use std::fmt::Write as _;

use super::builds::network;
use super::format::{megabytes, or_dash, seconds, sentence};
use crate::results::{MountState, Outcome, Results, ScenarioResult};

/// The figures that matter most, as plain text of at most some thirty lines.
#[must_use]
pub fn terminal(results: &Results) -> String {
    let head = ["scenario", "before", "after", "ratio", "MB before", "MB after"];
    let mut rows: Vec<Vec<String>> = vec![head.map(str::to_owned).to_vec()];
    for summary in &results.summary.scenarios {
        let figures = |variant: usize| summary.figures.get(variant).and_then(Option::as_ref);
        let wall = |variant| match figures(variant) {
            Some(figures) => format!("{} s", seconds(figures.wall.median)),
            None => "not measured".to_owned(),
        };
        rows.push(vec![
            summary.scenario.to_string(),
            wall(0),
            wall(1),
            summary
                .comparison
                .as_ref()
                .map_or_else(|| "–".to_owned(), |c| format!("{:.2}", c.wall.ratio)),
            or_dash(figures(0).and_then(|f| f.bytes), megabytes),
            or_dash(figures(1).and_then(|f| f.bytes), megabytes),
        ]);
    }
    let mut text = format!("{}. {}\n\n", results.subject, network(results));
    text.push_str(&aligned(&rows));
    text.push('\n');
    if results.interrupted {
        text.push_str("The run was interrupted.\n");
    }
    for result in &results.scenarios {
        for (reason, names) in reasons(result, &results.variants) {
            let _ = writeln!(text, "{} {names}: {}", result.scenario, sentence(reason));
        }
    }
    for mount in &results.mounts {
        if let MountState::Dead { reason } = &mount.state {
            let name = results.variants.get(mount.variant).map_or("?", String::as_str);
            let _ = writeln!(text, "mount {} ({name}) is dead: it {reason}", mount.target);
        }
    }
    match &results.image {
        Some(image) if image.same => {
            let _ = writeln!(text, "image: the same, {} paths compared", image.paths);
        }
        Some(image) => {
            let _ = writeln!(
                text,
                "image: NOT the same, {} of {} paths differ",
                image.real, image.paths
            );
        }
        None => text.push_str("image: not compared\n"),
    }
    let _ = write!(text, "\n{}\n", results.summary.verdict.text);
    text
}

/// Why variants were not measured; those with the same reason stand together.
fn reasons<'a>(result: &'a ScenarioResult, variants: &[String]) -> Vec<(&'a str, String)> {
    let mut reasons: Vec<(&str, String)> = Vec::new();
    for (variant, outcome) in result.outcomes.iter().enumerate() {
        let Outcome::NotMeasured { reason } = outcome else {
            continue;
        };
        let name = variants.get(variant).map_or("?", String::as_str);
        match reasons.iter_mut().find(|(other, _)| other == reason) {
            Some((_, names)) => {
                names.push_str(", ");
                names.push_str(name);
            }
            None => reasons.push((reason, name.to_owned())),
        }
    }
    reasons
}

/// The first column to the left, the others to the right.
fn aligned(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            if column == 0 {
                let _ = write!(line, "{cell:<width$}");
            } else {
                let _ = write!(line, "  {cell:>width$}");
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
