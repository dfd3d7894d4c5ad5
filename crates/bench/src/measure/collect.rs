//! What a run found, put together.

use cachemount_lint::outline::CacheMount;

use super::Found;
use crate::environment::Environment;
use crate::graph::StepRef;
use crate::network::Network;
use crate::results::{MountResult, MountState, Outcome, Results, SCHEMA, ScenarioResult, Settings};
use crate::scenario::Scenario;
use crate::session::Bench;
use crate::summary::{Figures, Summary};

impl Bench<'_> {
    /// Puts together what a run found; the summary is still to be derived.
    pub(super) fn collect(&self, mut found: Found, check_networks: Vec<Network>, environment: Environment) -> Results {
        let settings = Settings {
            runs: self.options.runs,
            cold_runs: self.options.cold_runs,
            network: self.network(),
            counted: self.proxy.is_some(),
            check_networks,
            prediction_bits: self.options.prediction_bits.clone(),
            context_files: self.copy.files().len(),
            context_bytes: self.copy.bytes(),
        };
        let scenarios: Vec<ScenarioResult> = Scenario::ALL
            .into_iter()
            .filter(|scenario| self.options.scenarios.contains(scenario))
            .map(|scenario| ScenarioResult {
                scenario,
                what: match &found.changes[&scenario] {
                    Ok(change) => change.describe(),
                    Err(_) => "nothing that can be changed".to_owned(),
                },
                outcomes: (0..self.variants.len())
                    .map(|variant| {
                        found
                            .outcomes
                            .remove(&(scenario, variant))
                            .unwrap_or_else(|| Outcome::NotMeasured {
                                reason: "the run ended before it".to_owned(),
                            })
                    })
                    .collect(),
            })
            .collect();
        let mut checks = std::mem::take(&mut found.checks);
        let dependencies = scenarios
            .iter()
            .find(|result| result.scenario == Scenario::Dependencies);
        for check in &mut checks {
            check.predicted_seconds = dependencies
                .and_then(|result| Figures::of(result.outcomes.get(check.variant)?))
                .and_then(|figures| figures.predicted(&settings, check.network.bits_per_second?));
            check.error_percent = check
                .predicted_seconds
                .zip(check.measured_seconds)
                .filter(|(_, measured)| *measured > 0.0)
                .map(|(predicted, measured)| 100.0 * (predicted - measured) / measured);
        }
        Results {
            schema: SCHEMA,
            subject: self.subject.name.clone(),
            target: self.subject.target.clone(),
            run: self.options.run_id(),
            interrupted: false,
            environment,
            settings,
            variants: self.variants.iter().map(|variant| variant.name.clone()).collect(),
            changes: Vec::new(),
            scenarios,
            mounts: self.mount_results(&mut found),
            checks,
            image: None,
            notes: self.notes.clone(),
            summary: Summary::default(),
        }
    }

    fn mount_results(&self, found: &mut Found) -> Vec<MountResult> {
        let mut mounts = Vec::new();
        for (variant, places) in found.places.iter().enumerate() {
            let outline = &self.variants[variant].outline;
            for (index, place) in places.iter().enumerate() {
                let line = |user: &StepRef| outline.stages[user.stage].steps[user.step].line;
                mounts.push(MountResult {
                    variant,
                    id: place.mount.id.clone(),
                    target: place.mount.target.clone(),
                    sharing: place.mount.sharing.clone(),
                    owner: owner(&place.mount),
                    tool: place.mount.tool.clone(),
                    lines: place.users.iter().map(line).collect(),
                    looks: found.looks.remove(&(variant, index)).unwrap_or_default(),
                    state: MountState::default(),
                });
            }
        }
        mounts
    }
}

fn owner(mount: &CacheMount) -> Option<String> {
    if mount.uid.is_none() && mount.gid.is_none() && mount.mode.is_none() {
        return None;
    }
    let owner = format!("{}:{}", mount.uid.unwrap_or(0), mount.gid.unwrap_or(0));
    Some(match &mount.mode {
        Some(mode) => format!("{owner}, mode {mode}"),
        None => owner,
    })
}
