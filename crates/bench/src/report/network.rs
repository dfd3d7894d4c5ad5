//! Other bandwidths.

use std::fmt::Write as _;

use super::builds::network;
use super::format::{bandwidth, or_dash, seconds, sentence, table};
use crate::results::Results;
use crate::scenario::Scenario;

/// What to expect at other bandwidths, and how the check of it came out.
pub(super) fn expectations(results: &Results) -> String {
    let settings = &results.settings;
    if settings.network.bits_per_second.is_none() {
        return "## At other bandwidths\n\nNothing is predicted: the network was not shaped, so that the part of downloads in \
                the time is not known.\n"
            .to_owned();
    }
    let mut head = vec!["scenario".to_owned()];
    for bits in &settings.prediction_bits {
        for name in results.variants.iter().take(2) {
            head.push(format!("{}, {name}", bandwidth(*bits)));
        }
        head.push("ratio".to_owned());
    }
    let mut rows = Vec::new();
    for summary in &results.summary.scenarios {
        let mut row = vec![summary.scenario.to_string()];
        for prediction in &summary.predictions {
            let of = |variant: usize| prediction.seconds.get(variant).copied().flatten();
            row.push(or_dash(of(0), seconds));
            row.push(or_dash(of(1), seconds));
            let ratio = of(0).zip(of(1)).filter(|(before, _)| *before > 0.0);
            row.push(or_dash(ratio.map(|(before, after)| after / before), |ratio| {
                format!("{ratio:.2}")
            }));
        }
        rows.push(row);
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut text = format!(
        "## At other bandwidths\n\nMeasured at {}. Seconds to expect: the time of the build less the time that its bytes took at \
         the measured bandwidth, plus the time they take at the other one. Where downloads overlap with work the truth lies \
         between this and the measured time. A server slower than the line makes the figures for fast lines too low.\n\n{}\n",
        settings.network,
        table(&head, &rows)
    );
    text.push_str(&checks(results));
    text
}

fn checks(results: &Results) -> String {
    if results.checks.is_empty() {
        return String::new();
    }
    let mut reasons = String::new();
    let rows: Vec<Vec<String>> = results
        .checks
        .iter()
        .map(|check| {
            let name = results.variants.get(check.variant).map_or("?", String::as_str);
            if let Some(reason) = &check.reason {
                let _ = writeln!(
                    reasons,
                    "- {} {name}: not measured. {}",
                    check.network,
                    sentence(reason)
                );
            }
            vec![
                format!("{} {name}", check.network),
                or_dash(check.predicted_seconds, seconds),
                or_dash(check.measured_seconds, seconds),
                or_dash(check.error_percent, |error| format!("{error:+.0} %")),
            ]
        })
        .collect();
    format!(
        "The check: the {} scenario, built once more per variant with the proxy set to another line. Predicted from the runs \
         above ({}).\n\n{}\n{reasons}",
        Scenario::Dependencies,
        network(results).trim_end_matches('.'),
        table(&["line", "s predicted", "s measured", "error"], &rows)
    )
}
