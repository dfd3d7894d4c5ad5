//! The order in which builds are made.

use crate::network::Network;
use crate::scenario::Scenario;

/// One build to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Turn {
    /// In which situation.
    pub scenario: Scenario,
    /// Counted from 0, for each scenario by itself.
    pub repetition: usize,
    /// Which variant.
    pub variant: usize,
    /// A line other than the measured one: the turn checks a prediction.
    pub check: Option<Network>,
}

/// What a schedule is made of.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// How many variants.
    pub variants: usize,
    /// The scenarios.
    pub scenarios: &'a [Scenario],
    /// Repetitions of the cold scenario.
    pub cold_runs: usize,
    /// Repetitions of the others.
    pub runs: usize,
    /// Lines at which to build the dependencies scenario once more.
    pub checks: &'a [Network],
}

/// All builds in order.
///
/// First the cold ones, for they leave the state that the others start from; there is at least one of each variant.
/// Then one repetition of every scenario after another, so that what the machine does over time strikes all scenarios
/// alike. The variants take turns: first to last in even repetitions, last to first in odd ones, so that none is always
/// the one that comes after the other.
#[must_use]
pub fn schedule(wanted: &Wanted<'_>) -> Vec<Turn> {
    let mut turns = Vec::new();
    let mut add = |scenario, repetition: usize, check| {
        let turn = |variant| Turn {
            scenario,
            repetition,
            variant,
            check,
        };
        if repetition.is_multiple_of(2) {
            turns.extend((0..wanted.variants).map(turn));
        } else {
            turns.extend((0..wanted.variants).rev().map(turn));
        }
    };
    let cold_runs = if wanted.scenarios.contains(&Scenario::Cold) {
        wanted.cold_runs.max(1)
    } else {
        1
    };
    for repetition in 0..cold_runs {
        add(Scenario::Cold, repetition, None);
    }
    let warm: Vec<Scenario> = Scenario::ALL
        .into_iter()
        .filter(|scenario| *scenario != Scenario::Cold && wanted.scenarios.contains(scenario))
        .collect();
    for repetition in 0..wanted.runs {
        for scenario in &warm {
            add(*scenario, repetition, None);
        }
    }
    if warm.contains(&Scenario::Dependencies) {
        for (number, network) in wanted.checks.iter().enumerate() {
            add(Scenario::Dependencies, wanted.runs + number, Some(*network));
        }
    }
    turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interleaved_and_alternating() {
        let slow = Network::parse("20mbit").unwrap();
        let turns = schedule(&Wanted {
            variants: 2,
            scenarios: &[Scenario::Cold, Scenario::System, Scenario::Dependencies],
            cold_runs: 2,
            runs: 3,
            checks: &[slow],
        });
        let order: Vec<String> = turns
            .iter()
            .map(|turn| {
                let check = turn.check.map(|network| format!("@{network}")).unwrap_or_default();
                let variant = ["a", "b"][turn.variant];
                format!("{}{}{variant}{check}", &turn.scenario.name()[..1], turn.repetition)
            })
            .collect();
        assert_eq!(
            order.join(" "),
            "c0a c0b c1b c1a d0a d0b s0a s0b d1b d1a s1b s1a d2a d2b s2a s2b d3b@20mbit d3a@20mbit"
        );
    }

    #[test]
    fn states_come_from_a_cold_build_even_if_it_is_not_asked_for() {
        let turns = schedule(&Wanted {
            variants: 2,
            scenarios: &[Scenario::Unchanged],
            cold_runs: 4,
            runs: 1,
            checks: &[Network::AS_IS],
        });
        let order: Vec<_> = turns.iter().map(|turn| turn.scenario).collect();
        assert_eq!(
            order,
            [Scenario::Cold, Scenario::Cold, Scenario::Unchanged, Scenario::Unchanged]
        );
    }
}
