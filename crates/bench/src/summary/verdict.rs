//! Merge or not, and why.

use serde::{Deserialize, Serialize};

use super::ScenarioSummary;
use crate::results::{MountState, Outcome, Results};
use crate::scenario::Scenario;

/// Whether the change is worth making.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Verdict {
    /// It is.
    pub worth: bool,
    /// The verdict in one sentence.
    pub text: String,
    /// What it rests on, a sentence each: what speaks for it first.
    pub reasons: Vec<String>,
}

impl Verdict {
    /// Judges by the scenarios that mounts are for, the images and the mounts themselves.
    pub(super) fn of(results: &Results, scenarios: &[ScenarioSummary]) -> Self {
        let (mut pro, mut contra, mut notes) = (Vec::new(), Vec::new(), Vec::new());
        let find = |wanted: Scenario| scenarios.iter().find(|found| found.scenario == wanted);
        let mut slower = false;
        for wanted in [Scenario::Dependencies, Scenario::System] {
            let comparison = find(wanted).and_then(|summary| summary.comparison.as_ref());
            match comparison {
                Some(comparison) if comparison.clearly_faster() => {
                    pro.push(format!("{wanted}: builds take {} of the time before", comparison.wall));
                }
                Some(comparison) if comparison.clearly_slower() => {
                    slower = true;
                    contra.push(is_slower(comparison));
                }
                Some(comparison) => notes.push(format!(
                    "{wanted}: no clear gain, the ratio after/before is {}",
                    comparison.wall
                )),
                None => notes.extend(not_measured(results, wanted)),
            }
        }
        for wanted in [Scenario::Cold, Scenario::Unchanged, Scenario::Source] {
            match find(wanted) {
                Some(summary) if summary.notably_slower() => contra.extend(summary.comparison.as_ref().map(is_slower)),
                Some(summary) if summary.comparison.is_some() => {}
                _ => notes.extend(not_measured(results, wanted)),
            }
        }
        match &results.image {
            Some(image) if image.same => pro.push(format!("the image is the same: {} paths compared", image.paths)),
            Some(image) => contra.push(format!(
                "the image is not the same: {} paths and {} configuration fields really differ",
                image.real,
                image.config.len()
            )),
            None => contra.push("the images were not compared".to_owned()),
        }
        for mount in results.mounts.iter().filter(|mount| mount.variant == 1) {
            if let MountState::Dead { reason } = &mount.state {
                let line = format!("the mount `{}` is dead: it {reason}", mount.target);
                if mount.costs() {
                    contra.push(line);
                } else {
                    notes.push(line);
                }
            }
        }
        if results.interrupted {
            notes.push("the run was interrupted before its end".to_owned());
        }
        let telling: Vec<&super::Comparison> = scenarios
            .iter()
            .filter(|summary| matches!(summary.scenario, Scenario::Dependencies | Scenario::System))
            .filter_map(|summary| summary.comparison.as_ref())
            .collect();
        let faster = telling.iter().any(|comparison| comparison.clearly_faster());
        let worth = faster && contra.is_empty() && !results.interrupted;
        let text = if results.interrupted {
            "No verdict: the run was interrupted before its end."
        } else if worth {
            "Worth merging: clearly faster where it counts, and the image stays the same."
        } else if telling.is_empty() {
            "No verdict: neither changed dependencies nor changed system packages were measured for both."
        } else if !faster && slower {
            "Not worth merging: builds are slower where they should be faster."
        } else if !faster {
            "Not worth merging on these figures: neither changed dependencies nor changed system packages build clearly \
             faster."
        } else if results.image.is_none() && contra.len() == 1 {
            "Faster, but nothing is known about the image: compare the images before merging."
        } else {
            "Do not merge as it is: it is faster, but see below."
        };
        Self {
            worth,
            text: text.to_owned(),
            reasons: [pro, contra, notes].concat(),
        }
    }
}

fn is_slower(comparison: &super::Comparison) -> String {
    format!(
        "{}: builds are slower, the ratio after/before is {}",
        comparison.scenario, comparison.wall
    )
}

/// Why a scenario that was asked for has no comparison.
fn not_measured(results: &Results, scenario: Scenario) -> Option<String> {
    let result = results.scenario(scenario)?;
    let mut outcomes = result.outcomes.iter().enumerate().take(2);
    outcomes.find_map(|(variant, outcome)| match outcome {
        Outcome::Measured { .. } => None,
        Outcome::NotMeasured { reason } => Some(format!(
            "{scenario}: not measured ({}): {reason}",
            results.variants.get(variant).map_or("?", String::as_str)
        )),
    })
}
