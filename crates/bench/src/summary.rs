//! What follows from the builds: medians, ratios, savings, predictions.

mod verdict;

use serde::{Deserialize, Serialize};

use crate::network::predict_seconds;
use crate::results::{Build, Outcome, Results, ScenarioResult, Settings};
use crate::scenario::Scenario;
use crate::stats::{self, Pairing, RatioEstimate};

pub use verdict::Verdict;

/// Differences below it are those between any two builds that run no step.
const UNREST_SECONDS: f64 = 0.3;

/// What follows from the builds of a run.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Summary {
    /// By scenario, in the order of the results.
    pub scenarios: Vec<ScenarioSummary>,
    /// Whether the change is worth making.
    pub verdict: Verdict,
}

/// What follows from one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScenarioSummary {
    /// Which.
    pub scenario: Scenario,
    /// Each variant's figures, where it was measured.
    pub figures: Vec<Option<Figures>>,
    /// After against before, both in this scenario.
    pub comparison: Option<Comparison>,
    /// What the layer cache saves without any mount: cold less this scenario, both before, in seconds.
    pub layer_cache_saved: Option<f64>,
    /// What the mounts save: before less after, both in this scenario, in seconds.
    pub mounts_saved: Option<f64>,
    /// Seconds to expect at other bandwidths, by variant.
    pub predictions: Vec<Prediction>,
}

/// One variant in one scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figures {
    /// Wall time in seconds.
    pub wall: stats::Summary,
    /// Median of the seconds of the installing steps by themselves; `None` where none ran.
    pub install_seconds: Option<f64>,
    /// Median of the bytes downloaded, where counted.
    pub bytes: Option<f64>,
    /// What is odd about the runs.
    pub warnings: Vec<String>,
}

/// The variant after against the one before. It is made of one scenario, so that no state is ever set against another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The scenario of both.
    pub scenario: Scenario,
    /// Wall time after by wall time before.
    pub wall: RatioEstimate,
    /// The same of each repetition by itself.
    pub pairs: Vec<f64>,
    /// The installing steps by themselves, after by before.
    pub install: Option<RatioEstimate>,
    /// Bytes downloaded, after by before; `None` where not counted or nothing was downloaded before.
    pub bytes: Option<f64>,
}

/// Seconds to expect at another bandwidth.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// Bits per second.
    pub bits_per_second: u64,
    /// By variant; `None` where it was not measured or its network was not shaped.
    pub seconds: Vec<Option<f64>>,
}

impl Summary {
    /// Makes the summary of everything else in the results.
    #[must_use]
    pub fn of(results: &Results) -> Self {
        let cold_before = results
            .scenario(Scenario::Cold)
            .and_then(|cold| Figures::of(cold.outcomes.first()?))
            .map(|figures| figures.wall.median);
        let scenarios: Vec<ScenarioSummary> = results
            .scenarios
            .iter()
            .map(|scenario| summarize(scenario, cold_before, &results.settings))
            .collect();
        let verdict = Verdict::of(results, &scenarios);
        Self { scenarios, verdict }
    }

    /// One scenario, if it was asked for.
    #[must_use]
    pub fn scenario(&self, scenario: Scenario) -> Option<&ScenarioSummary> {
        self.scenarios.iter().find(|summary| summary.scenario == scenario)
    }
}

fn summarize(result: &ScenarioResult, cold_before: Option<f64>, settings: &Settings) -> ScenarioSummary {
    let figures: Vec<Option<Figures>> = result.outcomes.iter().map(Figures::of).collect();
    let median = |variant: usize| Some(figures.get(variant)?.as_ref()?.wall.median);
    let mounts_saved = median(0).zip(median(1)).map(|(before, after)| before - after);
    let is_cold = result.scenario == Scenario::Cold;
    let layer_cache_saved = cold_before
        .zip(median(0))
        .filter(|_| !is_cold)
        .map(|(cold, before)| cold - before);
    let predictions = settings
        .prediction_bits
        .iter()
        .map(|&bits| Prediction {
            bits_per_second: bits,
            seconds: figures
                .iter()
                .map(|figures| figures.as_ref()?.predicted(settings, bits))
                .collect(),
        })
        .collect();
    ScenarioSummary {
        scenario: result.scenario,
        comparison: Comparison::of(result),
        layer_cache_saved,
        mounts_saved,
        predictions,
        figures,
    }
}

impl Figures {
    /// The figures of a measured outcome.
    #[must_use]
    pub fn of(outcome: &Outcome) -> Option<Self> {
        let builds = outcome.builds()?;
        let walls: Vec<f64> = builds.iter().map(|build| build.wall_seconds).collect();
        let installs: Option<Vec<f64>> = builds.iter().map(|build| build.install_seconds).collect();
        let bytes: Option<Vec<f64>> = builds
            .iter()
            .map(|build| build.downloaded().map(|bytes| bytes as f64))
            .collect();
        Some(Self {
            wall: stats::Summary::of(&walls).ok()?,
            install_seconds: installs.as_deref().and_then(stats::median),
            bytes: bytes.as_deref().and_then(stats::median),
            warnings: stats::warnings(&walls).iter().map(ToString::to_string).collect(),
        })
    }

    /// Seconds to expect at another bandwidth; `None` where nothing can be said.
    pub(crate) fn predicted(&self, settings: &Settings, bits_per_second: u64) -> Option<f64> {
        // Counted bytes are far below 2^52.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bytes = self.bytes? as u64;
        predict_seconds(self.wall.median, bytes, settings.network, bits_per_second)
    }
}

impl Comparison {
    /// Sets the second variant against the first, repetition by repetition.
    #[must_use]
    pub fn of(result: &ScenarioResult) -> Option<Self> {
        let before = result.outcomes.first()?.builds()?;
        let after = result.outcomes.get(1)?.builds()?;
        // After an interruption one of them may have a repetition more.
        let pairs: Vec<(&Build, &Build)> = before
            .iter()
            .filter_map(|build| {
                let same = |other: &&Build| other.repetition == build.repetition;
                Some((build, after.iter().find(same)?))
            })
            .collect();
        let ratio = |figure: fn(&Build) -> Option<f64>| {
            let both: Option<(Vec<f64>, Vec<f64>)> = pairs
                .iter()
                .map(|(before, after)| figure(before).zip(figure(after)))
                .collect();
            let (before, after) = both?;
            stats::ratio(&before, &after, Pairing::Interleaved).ok()
        };
        Some(Self {
            scenario: result.scenario,
            wall: ratio(|build| Some(build.wall_seconds))?,
            pairs: pairs
                .iter()
                .map(|(before, after)| after.wall_seconds / before.wall_seconds)
                .collect(),
            install: ratio(|build| build.install_seconds),
            bytes: ratio(|build| build.downloaded().map(|bytes| bytes as f64)).map(|estimate| estimate.ratio),
        })
    }

    /// Whether these runs show that the variant after is clearly faster: the whole interval is below 0.9, or every
    /// repetition by itself is below 0.8.
    #[must_use]
    pub fn clearly_faster(&self) -> bool {
        let interval = self.wall.interval.is_some_and(|interval| interval.high < 0.9);
        interval || (!self.pairs.is_empty() && self.pairs.iter().all(|pair| *pair < 0.8))
    }

    /// Whether these runs show that the variant after is clearly slower, by the same rule the other way round: the whole
    /// interval is above 1 / 0.9, or every repetition by itself is above 1 / 0.8.
    #[must_use]
    pub fn clearly_slower(&self) -> bool {
        let interval = self.wall.interval.is_some_and(|interval| interval.low > 1.0 / 0.9);
        interval || (!self.pairs.is_empty() && self.pairs.iter().all(|pair| *pair > 1.0 / 0.8))
    }
}

impl ScenarioSummary {
    /// Whether the variant after is clearly slower by more than a builder's own unrest, 0.3 s of the medians. A build of
    /// which nothing runs takes a second or less, so that a ratio alone says little.
    #[must_use]
    pub fn notably_slower(&self) -> bool {
        let slower = self.comparison.as_ref().is_some_and(Comparison::clearly_slower);
        slower && self.mounts_saved.is_some_and(|saved| saved < -UNREST_SECONDS)
    }
}

#[cfg(test)]
pub(crate) mod tests;
