//! Looking into the mounts around builds that are not counted.

use std::collections::BTreeMap;

use cachemount_buildkit::{BuildError, BuildRequest, Output, StepRecord};
use cachemount_store::Listing;
use fs_err as fs;

use super::{Found, Stop};
use crate::graph::StepRef;
use crate::look::{Helper, LOOK_ARGUMENT, ServedFigures};
use crate::progress::{Event, Progress};
use crate::results::MountLook;
use crate::scenario::{Change, Scenario};
use crate::schedule::Turn;
use crate::session::{Bench, State};

impl Bench<'_> {
    /// Looks into the mounts before and after a build that is not counted, in every scenario that mounts are for. A look
    /// reads folders and sets times, so that the build after it finds them in memory: no measured build may be that one.
    pub(super) fn look_at_all(&mut self, found: &mut Found, progress: &mut dyn Progress) -> Result<(), Stop> {
        for scenario in [Scenario::Dependencies, Scenario::System] {
            for variant in 0..self.variants.len() {
                let wanted = self.options.scenarios.contains(&scenario) && !found.places[variant].is_empty();
                if let (true, Ok(change)) = (wanted, &found.changes[&scenario]) {
                    let change = change.clone();
                    match self.look_at(scenario, variant, &change, found, progress) {
                        Ok(()) => {}
                        Err(Stop::Interrupted) => return Err(Stop::Interrupted),
                        // No reason not to measure.
                        Err(Stop::NotMeasured(reason)) => self.notes.push(format!(
                            "{scenario}: the mounts of `{}` were not looked into: {reason}.",
                            self.variants[variant].name
                        )),
                    }
                }
            }
        }
        Ok(())
    }

    fn look_at(
        &mut self,
        scenario: Scenario,
        variant: usize,
        change: &Change,
        found: &mut Found,
        progress: &mut dyn Progress,
    ) -> Result<(), Stop> {
        let Some(state) = self.states[variant].clone() else {
            return Ok(());
        };
        let package = match change {
            Change::Package { packages, .. } => {
                let Some(package) = look_package(packages) else {
                    self.notes.push(format!(
                        "{scenario}: there is one package to add, which the measured build needs: mounts were not looked \
                         into in this scenario."
                    ));
                    return Ok(());
                };
                Some(package)
            }
            _ => None,
        };
        let turn = Turn {
            scenario,
            repetition: 0,
            variant,
            check: None,
        };
        let before = self.look(variant, &state, true, found, progress)?;
        progress.event(Event::Working(
            "building once without counting it, to see what the mounts serve",
        ));
        match self.make(&turn, change, "look", package, progress) {
            Ok(made) => {
                let after = self.look(variant, &state, false, found, progress)?;
                note_looks(&turn, &made.steps(), &before, &after, found);
            }
            Err(Stop::Interrupted) => return Err(Stop::Interrupted),
            Err(Stop::NotMeasured(reason)) => {
                let none: Vec<Result<Listing, String>> = before.iter().map(|_| Err(reason.clone())).collect();
                note_looks(&turn, &BTreeMap::new(), &before, &none, found);
            }
        }
        Ok(())
    }

    /// Lists a variant's mounts. An error is for an interruption only: what cannot be seen is no reason not to measure.
    fn look(
        &self,
        variant: usize,
        state: &State,
        reset: bool,
        found: &mut Found,
        progress: &mut dyn Progress,
    ) -> Result<Vec<Result<Listing, String>>, Stop> {
        let places = &found.places[variant];
        let helper = Helper::new(places, &self.variants[variant].outline, reset);
        let missing = |reason: String| vec![Err(reason); places.len()];
        progress.event(Event::Working("looking into the cache mounts"));
        found.looked += 1;
        let context = self.around().join("look");
        let folder = self.around().join(format!("look-{}", found.looked));
        if !helper.is_empty() {
            helper.write(&context)?;
            fs::write(context.join("Dockerfile"), &helper.dockerfile)?;
            let request = BuildRequest {
                dockerfile: context.join("Dockerfile"),
                context,
                target: None,
                build_args: vec![(LOOK_ARGUMENT.to_owned(), format!("{}-{}", state.nonce, found.looked))],
                build_contexts: self.subject.build_contexts.clone(),
                mount_namespace: Some(state.namespace.clone()),
                output: Output::Files(folder.clone()),
            };
            match self.build(&request, progress) {
                Ok(_) => {}
                Err(BuildError::Interrupted) => return Err(Stop::Interrupted),
                Err(error) => {
                    return Ok(missing(format!("the helper build failed: {error}")));
                }
            }
        }
        let listings = helper.read(&folder);
        // Listings may be large; what cannot be removed goes with the folder around it.
        let _ = fs::remove_dir_all(&folder);
        Ok(listings)
    }
}

/// The package that the builds between looks add, which no measured build adds.
fn look_package(packages: &[String]) -> Option<&str> {
    packages.get(1..).and_then(<[String]>::last).map(String::as_str)
}

fn note_looks(
    turn: &Turn,
    steps: &BTreeMap<StepRef, &StepRecord>,
    before: &[Result<Listing, String>],
    after: &[Result<Listing, String>],
    found: &mut Found,
) {
    let places = &found.places[turn.variant];
    for (index, (place, pair)) in places.iter().zip(before.iter().zip(after)).enumerate() {
        let ran = |user: &StepRef| steps.get(user).is_some_and(|record| record.ran);
        let (figures, problem) = match pair {
            (Ok(before), Ok(after)) => (Some(ServedFigures::of(before, after)), None),
            (Err(reason), _) | (_, Err(reason)) => (None, Some(reason.clone())),
        };
        found.looks.entry((turn.variant, index)).or_default().push(MountLook {
            scenario: turn.scenario,
            exercised: place.users.iter().any(ran),
            figures,
            problem,
        });
    }
}
