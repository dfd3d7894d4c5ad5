//! What a run tells while it goes on. Nothing here prints.

use cachemount_buildkit::BuildEvent;

use crate::network::Network;
use crate::scenario::Scenario;

/// Something happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event<'a> {
    /// A build that is not measured begins, or another piece of work: what for, in words.
    Working(&'a str),
    /// A measured build begins.
    BuildStarted {
        /// The situation.
        scenario: Scenario,
        /// The variant's name.
        variant: &'a str,
        /// Counted from 1.
        repetition: usize,
        /// How many there will be of it.
        of: usize,
        /// The line, where it is another than the measured one.
        check: Option<Network>,
        /// Builds done so far in the whole run.
        done: usize,
        /// Builds of the whole run.
        total: usize,
    },
    /// A step of the running build started or ended.
    Step(BuildEvent),
    /// A measured build ended as it should.
    BuildEnded {
        /// Its wall time.
        seconds: f64,
        /// Bytes downloaded, where they are counted.
        bytes: Option<u64>,
    },
    /// A variant is not measured in a scenario, or not any more.
    NotMeasured {
        /// The situation.
        scenario: Scenario,
        /// The variant's name.
        variant: &'a str,
        /// Why.
        reason: &'a str,
    },
}

/// Takes events.
pub trait Progress {
    /// Something happened.
    fn event(&mut self, event: Event<'_>);
}

impl<F: FnMut(Event<'_>)> Progress for F {
    fn event(&mut self, event: Event<'_>) {
        self(event);
    }
}

/// Takes events and does nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn event(&mut self, _: Event<'_>) {}
}
