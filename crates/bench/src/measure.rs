//! The measuring itself: turn after turn, each in its state, each held against what it means to do.

mod collect;
mod looks;

use std::collections::{BTreeMap, BTreeSet};

use cachemount_buildkit::{BuildError, BuildRecord, Output, StepRecord};
use cachemount_lint::outline::{Outline, StepKind};

use crate::choose::{Choices, installs};
use crate::environment::Environment;
use crate::expect::{Effect, Expected, expect};
use crate::graph::StepRef;
use crate::instrument::outline_with_package;
use crate::look::{Place, places};
use crate::observe::{match_steps, stray, violation};
use crate::progress::{Event, Progress};
use crate::results::{Build, MountLook, NetworkCheck, Outcome, Results, StepFigure};
use crate::scenario::{Change, Scenario};
use crate::schedule::{Turn, Wanted, schedule};
use crate::session::{Bench, BenchError};

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
    /// Where no further build is made: a repetition was no measurement.
    given_up: BTreeSet<(Scenario, usize)>,
    places: Vec<Vec<Place>>,
    looks: BTreeMap<(usize, usize), Vec<MountLook>>,
    checks: Vec<NetworkCheck>,
    order: usize,
    looked: usize,
}

/// A build that was made, and what was meant by it.
struct Made {
    outline: Outline,
    effect: Effect,
    expected: Vec<(StepRef, Expected)>,
    found: BTreeMap<StepRef, StepRecord>,
    record: BuildRecord,
    traffic: Option<crate::network::Traffic>,
}

impl Made {
    fn steps(&self) -> BTreeMap<StepRef, &StepRecord> {
        self.found.iter().map(|(place, record)| (*place, record)).collect()
    }
}

/// The first two variants are set against each other; further ones are measured by themselves.
fn is_compared(variant: usize) -> bool {
    variant < 2
}

/// The packages that measured builds add: all but the one of the looks.
fn measured_packages(packages: &[String]) -> &[String] {
    match packages.split_last() {
        Some((_, rest)) if !rest.is_empty() => rest,
        _ => packages,
    }
}

/// Why a change can show nothing here, if so.
fn without_effect(
    scenario: Scenario,
    outline: &Outline,
    effect: &Effect,
    expected: &[(StepRef, Expected)],
) -> Option<String> {
    let what = match effect {
        Effect::Nothing | Effect::Everything => return None,
        Effect::File(path) => format!("`{path}`"),
        Effect::Step(_) => "the added package".to_owned(),
    };
    let mut must_run = expected
        .iter()
        .filter(|(_, expected)| *expected == Expected::MustRun)
        .map(|(place, _)| &outline.stages[place.stage].steps[place.step].kind)
        .peekable();
    if must_run.peek().is_none() {
        return Some(format!("no step reads {what}"));
    }
    let installs_project =
        |kind: &StepKind| matches!(kind, StepKind::Run(run) if run.installs.iter().any(|install| !install.system));
    (scenario == Scenario::Dependencies && !must_run.any(installs_project))
        .then(|| format!("no step that installs the project's packages reads {what} or comes after one that does"))
}

impl Found {
    /// Whether a variant is built no more in a scenario: what has no partner is compared with nothing.
    fn gave_up(&self, (scenario, variant): (Scenario, usize)) -> bool {
        let mut given_up = self.given_up.iter().filter(|(of, _)| *of == scenario);
        given_up.any(|(_, other)| *other == variant || (is_compared(*other) && is_compared(variant)))
    }

    /// Drops the builds that have no partner, unless there is no pair at all; the number of pairs.
    fn keep_complete_pairs(&mut self, scenario: Scenario, variant: usize) -> usize {
        let repetitions = |variant: usize| -> BTreeSet<usize> {
            let builds = self.outcomes.get(&(scenario, variant)).and_then(Outcome::builds);
            builds
                .unwrap_or_default()
                .iter()
                .map(|build| build.repetition)
                .collect()
        };
        if !is_compared(variant) {
            return repetitions(variant).len();
        }
        let pairs: BTreeSet<usize> = &repetitions(0) & &repetitions(1);
        if !pairs.is_empty() {
            for variant in [0, 1] {
                if let Some(Outcome::Measured { builds }) = self.outcomes.get_mut(&(scenario, variant)) {
                    builds.retain(|build| pairs.contains(&build.repetition));
                }
            }
        }
        pairs.len()
    }
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
            given_up: BTreeSet::new(),
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
        let mut turns = schedule(&Wanted {
            variants: self.variants.len(),
            scenarios: &self.options.scenarios,
            cold_runs: self.options.cold_runs,
            runs: self.options.runs,
            checks: &checks,
        });
        self.limit_to_packages(&mut turns, &found);
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
        let choices = Choices {
            variants: self.variants,
            target: self.subject.target.as_deref(),
            files: self.copy.files(),
            ignore: &self.ignore,
        };
        let given = |scenario| {
            let mut changes = self.changes.iter();
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

    /// Takes out the repetitions for which there is no package that no build before has added.
    fn limit_to_packages(&mut self, turns: &mut Vec<Turn>, found: &Found) {
        for (scenario, change) in &found.changes {
            let Ok(Change::Package { packages, .. }) = change else {
                continue;
            };
            let most = measured_packages(packages).len();
            let before = turns.len();
            turns.retain(|turn| turn.scenario != *scenario || turn.repetition < most);
            if turns.len() < before {
                self.notes.push(format!(
                    "{scenario}: every repetition adds a package of its own, and there are {most} to add: further \
                     repetitions were left out."
                ));
            }
        }
    }

    /// Whether all turns that make sense were taken, without an interruption.
    fn take_turns(&mut self, turns: &[Turn], found: &mut Found, progress: &mut dyn Progress) -> bool {
        let mut looked = false;
        for (done, turn) in turns.iter().enumerate() {
            let key = (turn.scenario, turn.variant);
            if found.gave_up(key) {
                if turn.check.is_some() {
                    let reason = "the scenario itself could not be measured to the end".to_owned();
                    note_check(turn, None, Some(reason), found);
                }
                continue;
            }
            if turn.scenario != Scenario::Cold && !looked {
                looked = true;
                if self.look_at_all(found, progress).is_err() {
                    return false;
                }
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
                        continue;
                    }
                    self.give_up(turn, &reason, found);
                    if turn.scenario == Scenario::Cold {
                        self.drop_state(turn.variant);
                        if is_compared(turn.variant) {
                            self.end_without_state(turn.variant, &reason, found);
                            return true;
                        }
                    }
                }
                Err(Stop::Interrupted) => return false,
            }
        }
        true
    }

    /// A repetition was no measurement: the pairs before it stand, and no more are made.
    fn give_up(&mut self, turn: &Turn, reason: &str, found: &mut Found) {
        let (scenario, variant) = (turn.scenario, turn.variant);
        found.given_up.insert((scenario, variant));
        let kept = found.keep_complete_pairs(scenario, variant);
        let name = &self.variants[variant].name;
        if kept > 0 {
            self.notes.push(format!(
                "{scenario}: measured with fewer repetitions than were asked for. Repetition {} of `{name}` is no \
                 measurement, and none was made after it: {reason}. What was measured before it stands.",
                turn.repetition + 1
            ));
            return;
        }
        let applies_to_none = found.changes[&scenario].is_err();
        let reason_for = |other: usize| {
            if other == variant || applies_to_none {
                reason.to_owned()
            } else {
                format!("`{name}` is not measured in this scenario, so that there is nothing to compare with")
            }
        };
        for other in 0..self.variants.len() {
            // What a cold build leaves undone, `end_without_state` says.
            let partner = is_compared(other) && is_compared(variant) && scenario != Scenario::Cold;
            let concerned = other == variant || partner;
            if concerned && (other == variant || !found.outcomes.contains_key(&(scenario, other))) {
                let reason = reason_for(other);
                found
                    .outcomes
                    .insert((scenario, other), Outcome::NotMeasured { reason });
            }
        }
    }

    /// Without a cold build of both variants there is nothing to start from, and nothing to compare.
    fn end_without_state(&self, variant: usize, reason: &str, found: &mut Found) {
        let name = &self.variants[variant].name;
        for scenario in Scenario::ALL {
            for other in 0..self.variants.len() {
                found
                    .outcomes
                    .entry((scenario, other))
                    .or_insert_with(|| Outcome::NotMeasured {
                        reason: format!(
                            "the cold build of `{name}`, from which all starts, was not measured: {reason}"
                        ),
                    });
            }
        }
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
        let package = match &change {
            Change::Package { packages, .. } => measured_packages(packages).get(turn.repetition).map(String::as_str),
            _ => None,
        };
        let made = self.make(turn, &change, &turn.repetition.to_string(), package, progress)?;
        if let Some(what) = violation(&made.outline, &made.expected, &made.steps())
            .or_else(|| stray(&made.effect, &made.steps(), &made.record.steps))
        {
            return Err(Stop::NotMeasured(what));
        }
        let order = found.order;
        found.order += 1;
        Ok(figures(turn, &made, order))
    }

    /// Makes the change of a scenario, builds, and takes the change back. `mark` names the content among those of the
    /// scenario, which all differ.
    fn make(
        &self,
        turn: &Turn,
        change: &Change,
        mark: &str,
        package: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<Made, Stop> {
        let Some(state) = self.states[turn.variant].clone() else {
            return Err(Stop::NotMeasured(
                "there is no state to start from, since its cold build was not measured".to_owned(),
            ));
        };
        let mut outline = self.variants[turn.variant].outline.clone();
        let mut added = None;
        let effect = match (change, turn.scenario) {
            (_, Scenario::Cold) => Effect::Everything,
            (Change::Nothing, _) => Effect::Nothing,
            (Change::Content { path } | Change::Touch { path }, _) => Effect::File(path.clone()),
            (Change::Package { steps, .. }, _) => {
                let (Some(place), Some(name)) = (steps.get(turn.variant), package) else {
                    return Err(Stop::NotMeasured("no package can be added".to_owned()));
                };
                let text = &self.variants[turn.variant].dockerfile;
                outline = outline_with_package(&outline, *place, name, text);
                added = Some((place.offset, name));
                Effect::Step(place.step)
            }
        };
        let expected = expect(&outline, self.subject.target.as_deref(), &effect)
            .map_err(|error| Stop::NotMeasured(format!("failed to {error}")))?;
        if let Some(reason) = without_effect(turn.scenario, &outline, &effect, &expected) {
            return Err(Stop::NotMeasured(reason));
        }
        let nonce = format!("cachemount {}-{}-{mark}", state.nonce, turn.scenario);
        let changed = match (change, &effect) {
            (Change::Content { path }, Effect::File(_)) => Some(self.copy.change_content(path, &nonce)?),
            (Change::Touch { path }, Effect::File(_)) => Some(self.copy.touch(path)?),
            _ => None,
        };
        let request = self.request(turn.variant, &state, added, Output::CacheOnly)?;
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
        let steps = steps.into_iter().map(|(place, step)| (place, step.clone())).collect();
        Ok(Made {
            outline,
            effect,
            expected,
            found: steps,
            record,
            traffic,
        })
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

fn figures(turn: &Turn, made: &Made, order: usize) -> Build {
    let Made { outline, record, .. } = made;
    let steps: Vec<StepFigure> = made
        .found
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
        traffic: made.traffic.clone(),
    }
}
