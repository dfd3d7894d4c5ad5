//! The measuring itself: turn after turn, each in its state, each held against what it means to do.

mod collect;

use std::collections::{BTreeMap, BTreeSet};

use cachemount_buildkit::{BuildError, BuildRecord, BuildRequest, Output, StepRecord};
use cachemount_lint::outline::{Outline, StepKind};
use cachemount_store::Listing;
use fs_err as fs;

use crate::choose::{Choices, installs};
use crate::environment::Environment;
use crate::expect::{Effect, expect};
use crate::graph::StepRef;
use crate::instrument::outline_with_package;
use crate::look::{Helper, LOOK_ARGUMENT, Place, ServedFigures, places};
use crate::observe::{match_steps, violation};
use crate::progress::{Event, Progress};
use crate::results::{Build, MountLook, NetworkCheck, Outcome, Results, StepFigure};
use crate::scenario::{Change, Scenario};
use crate::schedule::{Turn, Wanted, schedule};
use crate::session::{Bench, BenchError, State};
use crate::workcopy::Changed;

/// Why a turn has no result.
enum Stop {
    /// It is no measurement; the run goes on.
    NotMeasured(String),
    /// The user wants it to end.
    Interrupted,
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::NotMeasured(format!("a file could not be prepared: {error}"))
    }
}

impl From<BuildError> for Stop {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Interrupted => Self::Interrupted,
            error => Self::NotMeasured(format!("its build failed: {error}")),
        }
    }
}

/// What a run has found so far.
struct Found {
    changes: BTreeMap<Scenario, Result<Change, String>>,
    outcomes: BTreeMap<(Scenario, usize), Outcome>,
    places: Vec<Vec<Place>>,
    looks: BTreeMap<(usize, usize), Vec<MountLook>>,
    checks: Vec<NetworkCheck>,
    order: usize,
    looked: usize,
}

impl Bench<'_> {
    /// Makes all builds of the run. `started` is the time, in RFC 3339.
    ///
    /// An interruption ends it with what was found until then. A variant that cannot be built or whose steps do not do
    /// what a scenario means is not measured there, and does not stop the others.
    pub fn measure(&mut self, started: String, progress: &mut dyn Progress) -> Result<Results, BenchError> {
        let environment = Environment::read(self.builder.info(), started);
        let mut found = Found {
            changes: self.choose(),
            outcomes: BTreeMap::new(),
            places: self
                .variants
                .iter()
                .zip(&self.needed)
                .map(|(variant, needed)| places(&variant.outline, needed))
                .collect(),
            looks: BTreeMap::new(),
            checks: Vec::new(),
            order: 0,
            looked: 0,
        };
        let checks = match self.network().bits_per_second {
            Some(_) => self.options.check_networks.clone(),
            None => Vec::new(),
        };
        let turns = schedule(&Wanted {
            variants: self.variants.len(),
            scenarios: &self.options.scenarios,
            cold_runs: self.options.cold_runs,
            runs: self.options.runs,
            checks: &checks,
        });
        let interrupted = match self.prepare(progress) {
            Ok(()) => !self.take_turns(&turns, &mut found, progress),
            Err(BenchError::Interrupted) => true,
            Err(error) => return Err(error),
        };
        let mut results = self.collect(found, checks, environment);
        results.interrupted = interrupted;
        results.derive();
        Ok(results)
    }

    fn choose(&self) -> BTreeMap<Scenario, Result<Change, String>> {
        let ignore = self.ignore();
        let choices = Choices {
            variants: self.variants,
            target: self.subject.target.as_deref(),
            files: self.copy.files(),
            ignore: &ignore,
        };
        let given = |scenario| {
            let mut changes = self.options.changes.iter();
            changes.find(|(of, _)| *of == scenario)
        };
        Scenario::ALL
            .into_iter()
            .map(|scenario| match given(scenario) {
                Some((_, change)) => (scenario, Ok(change.clone())),
                None => (scenario, choices.change(scenario)),
            })
            .collect()
    }

    /// Whether all turns were taken, without an interruption.
    fn take_turns(&mut self, turns: &[Turn], found: &mut Found, progress: &mut dyn Progress) -> bool {
        for (done, turn) in turns.iter().enumerate() {
            let key = (turn.scenario, turn.variant);
            let given_up = matches!(found.outcomes.get(&key), Some(Outcome::NotMeasured { .. }));
            if given_up && turn.check.is_none() {
                continue;
            }
            let name = &self.variants[turn.variant].name;
            progress.event(Event::BuildStarted {
                scenario: turn.scenario,
                variant: name,
                repetition: turn.repetition + 1,
                of: turns
                    .iter()
                    .filter(|other| (other.scenario, other.variant) == key && other.check == turn.check)
                    .count(),
                check: turn.check,
                done,
                total: turns.len(),
            });
            match self.take_turn(turn, found, progress) {
                Ok(build) => {
                    progress.event(Event::BuildEnded {
                        seconds: build.wall_seconds,
                        bytes: build.downloaded(),
                    });
                    note_build(turn, build, found);
                }
                Err(Stop::NotMeasured(reason)) => {
                    progress.event(Event::NotMeasured {
                        scenario: turn.scenario,
                        variant: name,
                        reason: &reason,
                    });
                    if turn.check.is_some() {
                        note_check(turn, None, Some(reason), found);
                    } else {
                        if turn.scenario == Scenario::Cold {
                            self.drop_state(turn.variant);
                        }
                        found.outcomes.insert(key, Outcome::NotMeasured { reason });
                    }
                }
                Err(Stop::Interrupted) => return false,
            }
        }
        true
    }

    fn take_turn(&mut self, turn: &Turn, found: &mut Found, progress: &mut dyn Progress) -> Result<Build, Stop> {
        let change = match &found.changes[&turn.scenario] {
            Ok(change) => change.clone(),
            Err(reason) => return Err(Stop::NotMeasured(reason.clone())),
        };
        if turn.scenario == Scenario::Cold {
            self.drop_state(turn.variant);
            let state = self.fresh_state(turn.variant, &turn.repetition.to_string());
            self.states[turn.variant] = Some(state);
        }
        let Some(state) = self.states[turn.variant].clone() else {
            return Err(Stop::NotMeasured(
                "there is no state to start from, since its cold build was not measured".to_owned(),
            ));
        };
        let looks = turn.repetition == 0
            && turn.check.is_none()
            && matches!(turn.scenario, Scenario::Dependencies | Scenario::System)
            && !found.places[turn.variant].is_empty();
        let mut before = Vec::new();
        if looks {
            before = self.look(turn.variant, &state, true, found, progress)?;
        }

        let nonce = format!("cachemount {}-{}-{}", state.nonce, turn.scenario, turn.repetition);
        let mut outline = self.variants[turn.variant].outline.clone();
        let mut package = None;
        let mut changed: Option<Changed> = None;
        let effect = match (&change, turn.scenario) {
            (_, Scenario::Cold) => Effect::Everything,
            (Change::Nothing, _) => Effect::Nothing,
            (Change::Content { path }, _) => {
                changed = Some(self.copy.change_content(path, &nonce)?);
                Effect::File(path.clone())
            }
            (Change::Touch { path }, _) => {
                changed = Some(self.copy.touch(path)?);
                Effect::File(path.clone())
            }
            (Change::Package { steps, packages }, _) => {
                let (Some(place), false) = (steps.get(turn.variant), packages.is_empty()) else {
                    return Err(Stop::NotMeasured("no package can be added".to_owned()));
                };
                let name = &packages[turn.repetition % packages.len()];
                let text = &self.variants[turn.variant].dockerfile;
                outline = outline_with_package(&outline, *place, name, text);
                package = Some((place.offset, name.as_str()));
                Effect::Step(place.step)
            }
        };
        let request = self.request(turn.variant, &state, package, Output::CacheOnly)?;
        if let Some(proxy) = &self.proxy {
            proxy.set_network(turn.check.unwrap_or(self.options.network));
            // What came between builds belongs to none.
            let _ = proxy.take();
        }
        let built = self.build(&request, progress);
        let traffic = self.proxy.as_ref().map(|proxy| {
            let traffic = proxy.take();
            proxy.set_network(self.options.network);
            traffic
        });
        if let Some(changed) = changed {
            changed.restore()?;
        }
        let record = built?;

        let text = &self.variants[turn.variant].dockerfile;
        let steps = match_steps(&outline, &self.needed[turn.variant], text, &record.steps);
        if looks {
            let after = self.look(turn.variant, &state, false, found, progress)?;
            note_looks(turn, &steps, &before, &after, found);
        }
        let expected = expect(&outline, self.subject.target.as_deref(), &effect)
            .map_err(|error| Stop::NotMeasured(format!("failed to {error}")))?;
        if let Some(what) = violation(&outline, &expected, &steps) {
            return Err(Stop::NotMeasured(what));
        }
        let order = found.order;
        found.order += 1;
        Ok(figures(turn, &outline, &steps, &record, traffic, order))
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

fn note_build(turn: &Turn, build: Build, found: &mut Found) {
    if turn.check.is_some() {
        note_check(turn, Some(build.wall_seconds), None, found);
        return;
    }
    let outcome = found
        .outcomes
        .entry((turn.scenario, turn.variant))
        .or_insert_with(|| Outcome::Measured { builds: Vec::new() });
    if let Outcome::Measured { builds } = outcome {
        builds.push(build);
    }
}

fn note_check(turn: &Turn, measured: Option<f64>, reason: Option<String>, found: &mut Found) {
    if let Some(network) = turn.check {
        found.checks.push(NetworkCheck {
            network,
            variant: turn.variant,
            predicted_seconds: None,
            measured_seconds: measured,
            error_percent: None,
            reason,
        });
    }
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

fn figures(
    turn: &Turn,
    outline: &Outline,
    found: &BTreeMap<StepRef, &StepRecord>,
    record: &BuildRecord,
    traffic: Option<crate::network::Traffic>,
    order: usize,
) -> Build {
    let steps: Vec<StepFigure> = found
        .iter()
        .map(|(place, record)| {
            let step = &outline.stages[place.stage].steps[place.step];
            StepFigure {
                line: step.line,
                name: record.name.clone(),
                cached: record.cached,
                ran: record.ran,
                seconds: record.seconds,
                installs: matches!(&step.kind, StepKind::Run(_)) && !installs(&step.kind).is_empty(),
            }
        })
        .collect();
    // Equal steps of two stages are one step to BuildKit, and ran once.
    let mut counted = BTreeSet::new();
    let installing: Vec<f64> = steps
        .iter()
        .filter(|step| step.installs && step.ran && counted.insert(&step.name))
        .filter_map(|step| step.seconds)
        .collect();
    Build {
        repetition: turn.repetition,
        order,
        wall_seconds: record.wall.as_secs_f64(),
        install_seconds: (!installing.is_empty()).then(|| installing.iter().sum()),
        steps,
        client: record.client,
        builder: record.builder,
        traffic,
    }
}
