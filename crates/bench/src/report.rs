//! Texts made of results: a Markdown report for a sceptical engineer, and a short table for the terminal.

mod advice;
mod builds;
mod format;
mod method;
mod mounts;
mod network;
mod terminal;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use crate::results::Results;

pub use terminal::terminal;

/// What the comparison says in the report; all of it is in the results.
const MOST_IMAGE_LINES: usize = 60;

/// The whole report.
#[must_use]
pub fn markdown(results: &Results) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "# Cache mounts for `{}`\n", results.subject);
    for part in [
        summary(results),
        changes(results),
        mounts::where_they_point(results),
        builds::scenarios(results),
        builds::steps_alone(results),
        builds::savings(results),
        mounts::what_they_served(results),
        image(results),
        network::expectations(results),
        advice::in_ci(results),
        advice::see_and_clear(results),
        method::method(results),
        method::environment(results),
        builds::client(results),
        builds::every_build(results),
    ] {
        if !part.is_empty() {
            text.push_str(part.trim_end());
            text.push_str("\n\n");
        }
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn summary(results: &Results) -> String {
    let verdict = &results.summary.verdict;
    let mut text = format!("**{}**\n\n", verdict.text);
    for reason in &verdict.reasons {
        let _ = writeln!(text, "- {}", format::sentence(reason));
    }
    text.push('\n');
    if results.interrupted {
        text.push_str("The run was interrupted. What is below was measured until then.\n\n");
    }
    for note in &results.notes {
        let _ = writeln!(text, "> {note}\n");
    }
    text
}

fn changes(results: &Results) -> String {
    if results.changes.is_empty() {
        return String::new();
    }
    let mut text = "## What changes\n\n".to_owned();
    for change in &results.changes {
        let fence = format::fence(&change.diff);
        let _ = write!(
            text,
            "`{}`:\n\n{fence}diff\n{}\n{fence}\n\n",
            change.path,
            change.diff.trim_end()
        );
    }
    text
}

fn image(results: &Results) -> String {
    let mut text = "## The image\n\n".to_owned();
    let Some(image) = &results.image else {
        text.push_str("The images were not compared.\n");
        return text;
    };
    let _ = writeln!(
        text,
        "Both images were exported and compared path by path: type, mode, owner, content, link target, extended \
         attributes, and the configuration. {}\n",
        if image.same {
            "**They are the same.**"
        } else {
            "**They are not the same.**"
        }
    );
    text.push_str(&format::table(
        &[
            "",
            "paths",
            "files",
            "layers before",
            "layers after",
            "real differences",
            "harmless differences",
        ],
        &[vec![
            "compared".to_owned(),
            image.paths.to_string(),
            image.files.to_string(),
            format::bytes(image.bytes_before as f64),
            format::bytes(image.bytes_after as f64),
            (image.real + image.config.len()).to_string(),
            image.harmless.to_string(),
        ]],
    ));
    text.push_str(
        "\nHarmless are: what differs between any two builds of one Dockerfile (times written into logs and caches), empty mount \
         points, and, where that was allowed, files that a tool kept in its cache inside the image before and keeps in a mount \
         now.\n\n",
    );
    if !image.text.trim().is_empty() {
        let shown = format::first_lines(&image.text, MOST_IMAGE_LINES);
        let fence = format::fence(&shown);
        let _ = write!(text, "{fence}text\n{shown}\n{fence}\n");
    }
    text
}
