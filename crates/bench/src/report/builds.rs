//! What the builds took.

use std::fmt::Write as _;

use super::format::{bytes, megabytes, or_dash, seconds, sentence, table};
use crate::results::{Build, Outcome, Results};
use crate::scenario::Scenario;
use crate::summary::Figures;

/// `Network: 50mbit/20ms.`, for the caption of a table.
pub(super) fn network(results: &Results) -> String {
    let settings = &results.settings;
    if !settings.counted {
        return "Network: as it is, neither shaped nor counted.".to_owned();
    }
    if settings.network.is_as_is() {
        return "Network: as it is, counted.".to_owned();
    }
    format!("Network: {}, shaped and counted.", settings.network)
}

/// The main table.
pub(super) fn scenarios(results: &Results) -> String {
    let mut text = "## Builds before and after\n\n".to_owned();
    let _ = writeln!(
        text,
        "{} Seconds of wall time: median (fastest to slowest). MB: downloaded by the build's steps, median. In every row \
         both variants start from the same state.\n",
        network(results)
    );
    let mut rows = Vec::new();
    for (result, summary) in results.scenarios.iter().zip(&results.summary.scenarios) {
        let figures = |variant: usize| summary.figures.get(variant).and_then(Option::as_ref);
        let wall = |variant: usize| figures(variant).map_or_else(|| "not measured".to_owned(), range);
        let megabytes_of = |variant: usize| or_dash(figures(variant).and_then(|f| f.bytes), megabytes);
        let comparison = summary.comparison.as_ref();
        rows.push(vec![
            result.scenario.to_string(),
            wall(0),
            wall(1),
            comparison.map_or_else(|| "–".to_owned(), |c| c.wall.to_string()),
            megabytes_of(0),
            megabytes_of(1),
            or_dash(comparison.and_then(|c| c.bytes), |ratio| format!("{ratio:.2}")),
            comparison.map_or(0, |c| c.pairs.len()).to_string(),
        ]);
    }
    text.push_str(&table(
        &[
            "scenario",
            "s before",
            "s after",
            &interval_header(results),
            "MB before",
            "MB after",
            "MB after/before",
            "pairs",
        ],
        &rows,
    ));
    text.push('\n');
    text.push_str(&states(results));
    text.push_str(&reasons(results));
    text.push_str(&others(results));
    text.push_str(&warnings(results));
    text
}

/// The head of a column of ratios. Few pairs cannot give the confidence that is aimed at, so it names what they give.
fn interval_header(results: &Results) -> String {
    let ratios = results
        .summary
        .scenarios
        .iter()
        .filter_map(|summary| summary.comparison.as_ref());
    let repeated = ratios
        .map(|comparison| comparison.wall)
        .filter(|wall| wall.interval.is_some());
    let Some(fewest) = repeated.min_by_key(|wall| wall.runs) else {
        return "after/before".to_owned();
    };
    if fewest.attainable() >= fewest.confidence {
        return format!("after/before ({:.0} % interval)", 100.0 * fewest.confidence);
    }
    format!(
        "after/before (interval, {:.0} % at best with {} pairs)",
        100.0 * fewest.attainable(),
        fewest.runs
    )
}

fn range(figures: &Figures) -> String {
    let wall = &figures.wall;
    if wall.runs == 1 {
        return seconds(wall.median);
    }
    format!(
        "{} ({} to {})",
        seconds(wall.median),
        seconds(wall.minimum),
        seconds(wall.maximum)
    )
}

fn states(results: &Results) -> String {
    let mut text = String::new();
    for result in &results.scenarios {
        let _ = writeln!(
            text,
            "- **{}**: starts from {}; changed: {}.",
            result.scenario,
            result.scenario.state(),
            result.what
        );
    }
    text.push('\n');
    text
}

fn reasons(results: &Results) -> String {
    let mut text = String::new();
    for result in &results.scenarios {
        for (variant, outcome) in result.outcomes.iter().enumerate() {
            if let Outcome::NotMeasured { reason } = outcome {
                let name = results.variants.get(variant).map_or("?", String::as_str);
                let _ = writeln!(
                    text,
                    "- **{}, {name}: not measured.** {}",
                    result.scenario,
                    sentence(reason)
                );
            }
        }
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// Variants beyond the two that are compared.
fn others(results: &Results) -> String {
    if results.variants.len() < 3 {
        return String::new();
    }
    let mut head = vec!["scenario"];
    head.extend(results.variants[2..].iter().map(String::as_str));
    let rows: Vec<Vec<String>> = results
        .summary
        .scenarios
        .iter()
        .map(|summary| {
            let mut row = vec![summary.scenario.to_string()];
            row.extend(
                summary
                    .figures
                    .iter()
                    .skip(2)
                    .map(|figures| figures.as_ref().map_or_else(|| "not measured".to_owned(), range)),
            );
            row
        })
        .collect();
    format!(
        "Further variants, seconds. {}\n\n{}\n",
        network(results),
        table(&head, &rows)
    )
}

fn warnings(results: &Results) -> String {
    let mut lines: Vec<(String, Vec<String>)> = Vec::new();
    for summary in &results.summary.scenarios {
        for (variant, figures) in summary.figures.iter().enumerate() {
            let name = results.variants.get(variant).map_or("?", String::as_str);
            for warning in figures.iter().flat_map(|figures| &figures.warnings) {
                let place = format!("{} {name}", summary.scenario);
                match lines.iter_mut().find(|(text, _)| text == warning) {
                    Some((_, places)) => places.push(place),
                    None => lines.push((warning.clone(), vec![place])),
                }
            }
        }
    }
    let mut text = String::new();
    for (warning, places) in lines {
        let _ = writeln!(text, "- {} ({})", sentence(&warning), places.join(", "));
    }
    if text.is_empty() {
        return text;
    }
    format!("With care:\n\n{text}\n")
}

/// The installing steps by themselves.
pub(super) fn steps_alone(results: &Results) -> String {
    let mut rows = Vec::new();
    for summary in &results.summary.scenarios {
        let figure = |variant: usize| summary.figures.get(variant)?.as_ref()?.install_seconds;
        if figure(0).is_none() && figure(1).is_none() {
            continue;
        }
        let ratio = summary.comparison.as_ref().and_then(|c| c.install);
        let times = ratio
            .filter(|ratio| ratio.ratio > 0.0)
            .map(|ratio| format!("{:.1}", 1.0 / ratio.ratio));
        rows.push(vec![
            summary.scenario.to_string(),
            or_dash(figure(0), seconds),
            or_dash(figure(1), seconds),
            ratio.map_or_else(|| "–".to_owned(), |ratio| ratio.to_string()),
            times.unwrap_or_else(|| "–".to_owned()),
        ]);
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## The installing steps alone\n\n{} Seconds of the `RUN` steps that install something and ran, summed over a build, \
         median. Transfer of the context, copying and snapshots are not in it.\n\n{}",
        network(results),
        table(
            &[
                "scenario",
                "s before",
                "s after",
                &interval_header(results),
                "times faster"
            ],
            &rows
        )
    )
}

/// What saved what.
pub(super) fn savings(results: &Results) -> String {
    let cold = results.summary.scenario(Scenario::Cold);
    let cold = cold.and_then(|summary| Some(summary.figures.first()?.as_ref()?.wall.median));
    let rows: Vec<Vec<String>> = results
        .summary
        .scenarios
        .iter()
        .filter(|summary| summary.scenario != Scenario::Cold)
        .filter(|summary| summary.mounts_saved.is_some())
        .map(|summary| {
            vec![
                summary.scenario.to_string(),
                or_dash(cold, seconds),
                or_dash(summary.layer_cache_saved, seconds),
                or_dash(summary.mounts_saved, seconds),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## What the layer cache saves, and what the mounts save\n\n{} Seconds, from medians. The layer cache saves steps that \
         need not run, with and without mounts: cold before, less this scenario before. The mounts save downloads of steps \
         that must run: this scenario before, less this scenario after.\n\n{}",
        network(results),
        table(
            &[
                "scenario",
                "cold build before",
                "saved by the layer cache",
                "saved by the mounts"
            ],
            &rows
        )
    )
}

fn all_builds(results: &Results) -> Vec<(Scenario, &str, &Build)> {
    let mut all = Vec::new();
    for result in &results.scenarios {
        for (variant, outcome) in result.outcomes.iter().enumerate() {
            let name = results.variants.get(variant).map_or("?", String::as_str);
            let builds = outcome.builds().unwrap_or_default();
            all.extend(builds.iter().map(|build| (result.scenario, name, build)));
        }
    }
    all.sort_by_key(|(.., build)| build.order);
    all
}

/// The client process, labelled as such, and the builder where it can be read.
pub(super) fn client(results: &Results) -> String {
    let mut rows = Vec::new();
    for result in &results.scenarios {
        for (variant, outcome) in result.outcomes.iter().enumerate() {
            let Some(builds) = outcome.builds() else {
                continue;
            };
            let median = |figure: &dyn Fn(&Build) -> Option<f64>| {
                let values: Option<Vec<f64>> = builds.iter().map(figure).collect();
                values.as_deref().and_then(crate::stats::median)
            };
            let to_bytes = |value: Option<u64>| value.map(|value| value as f64);
            rows.push(vec![
                format!(
                    "{} {}",
                    result.scenario,
                    results.variants.get(variant).map_or("?", String::as_str)
                ),
                or_dash(median(&|b| Some(b.client.user_seconds)), seconds),
                or_dash(median(&|b| Some(b.client.system_seconds)), seconds),
                or_dash(median(&|b| to_bytes(b.client.peak_rss_bytes)), bytes),
                or_dash(median(&|b| Some(b.builder?.cpu_seconds)), seconds),
                or_dash(median(&|b| to_bytes(b.builder?.peak_memory_bytes)), bytes),
            ]);
        }
    }
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## Processor and memory\n\n{} Medians. *The client's figures are those of the client process, which sends the context \
         and shows progress: they say little about the build.* The builder's figures are those of its daemon and the steps it \
         ran, where it is local and they can be read.\n\n{}",
        network(results),
        table(
            &[
                "build",
                "client: user s",
                "client: system s",
                "client: peak memory",
                "builder: CPU s",
                "builder: peak memory"
            ],
            &rows
        )
    )
}

/// Every single build, in the order in which they were made.
pub(super) fn every_build(results: &Results) -> String {
    let rows: Vec<Vec<String>> = all_builds(results)
        .into_iter()
        .map(|(scenario, name, build)| {
            let bytes = build.downloaded().map(|bytes| bytes as f64);
            vec![
                (build.order + 1).to_string(),
                scenario.to_string(),
                name.to_owned(),
                (build.repetition + 1).to_string(),
                format!("{:.2}", build.wall_seconds),
                or_dash(build.install_seconds, |value| format!("{value:.2}")),
                or_dash(bytes, megabytes),
            ]
        })
        .collect();
    if rows.is_empty() {
        return String::new();
    }
    format!(
        "## Every build\n\n{} In the order in which they were made. The steps of each, with their seconds, and the traffic by \
         host are in the results file.\n\n{}",
        network(results),
        table(
            &["no.", "scenario", "variant", "repetition", "s", "s installing", "MB"],
            &rows
        )
    )
}
