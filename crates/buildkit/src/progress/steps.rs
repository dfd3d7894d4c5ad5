//! Steps put together from the updates about them.

use std::collections::{HashMap, VecDeque};

use jiff::Timestamp;

use crate::builder::{BuildEvent, StepRecord};

use super::status::{Log, Status, Vertex};

/// The most that is kept of one step's output, in bytes.
const LOG_TAIL: usize = 64 * 1024;

/// All steps of a build.
#[derive(Debug, Default)]
pub(super) struct Steps {
    order: Vec<Step>,
    by_digest: HashMap<String, usize>,
}

#[derive(Debug, Default)]
struct Step {
    name: String,
    cached: bool,
    error: Option<String>,
    intervals: Vec<Interval>,
    log: VecDeque<u8>,
    log_cut: bool,
}

#[derive(Debug, Clone, Copy)]
struct Interval {
    start: Timestamp,
    end: Option<Timestamp>,
}

impl Steps {
    pub(super) fn apply(&mut self, status: Status, on_event: &mut dyn FnMut(BuildEvent)) {
        for vertex in status.vertexes {
            self.vertex(vertex, on_event);
        }
        for log in status.logs {
            self.log(&log);
        }
    }

    fn step(&mut self, digest: String) -> &mut Step {
        let index = *self.by_digest.entry(digest).or_insert_with(|| {
            self.order.push(Step::default());
            self.order.len() - 1
        });
        &mut self.order[index]
    }

    fn vertex(&mut self, vertex: Vertex, on_event: &mut dyn FnMut(BuildEvent)) {
        let step = self.step(vertex.digest);
        if !vertex.name.is_empty() {
            step.name = vertex.name;
        }
        let (was_running, ended_before) = (step.is_running(), step.ended_intervals());
        step.cached |= vertex.cached;
        if !vertex.error.is_empty() {
            step.error = Some(vertex.error);
        }
        if let Some(start) = vertex.started {
            step.interval(start, vertex.completed);
        }
        let ended = step.ended_intervals() > ended_before;
        if !was_running && !step.cached && (step.is_running() || ended) {
            on_event(BuildEvent::StepStarted {
                name: step.name.clone(),
            });
        }
        if ended && !step.is_running() {
            on_event(BuildEvent::StepEnded {
                name: step.name.clone(),
                cached: step.cached,
            });
        }
    }

    fn log(&mut self, log: &Log) {
        let step = self.step(log.vertex.clone());
        step.log.extend(&log.data);
        if step.log.len() > LOG_TAIL {
            let extra = step.log.len() - LOG_TAIL;
            step.log.drain(..extra);
            step.log_cut = true;
        }
    }

    /// Names of the steps in the middle of their work.
    pub(super) fn running(&self) -> Vec<String> {
        self.order
            .iter()
            .filter(|step| step.is_running() && step.error.is_none())
            .map(|step| step.name.clone())
            .collect()
    }

    /// The steps, with times counted from the first start of any step: the builder's clock need not be ours.
    pub(super) fn records(&self) -> Vec<StepRecord> {
        let origin = self.order.iter().filter_map(Step::first_start).min();
        self.order
            .iter()
            .map(|step| StepRecord {
                name: step.name.clone(),
                cached: step.cached,
                ran: step.has_completed() && !step.cached && step.error.is_none(),
                started: step
                    .first_start()
                    .zip(origin)
                    .map(|(start, origin)| seconds_between(origin, start)),
                seconds: step.seconds(),
                error: step.error.clone(),
                log: step.log_text(),
            })
            .collect()
    }
}

impl Step {
    fn interval(&mut self, start: Timestamp, end: Option<Timestamp>) {
        match self.intervals.iter_mut().find(|known| known.start == start) {
            // A repeated start without an end says nothing new.
            Some(known) => known.end = end.or(known.end),
            None => self.intervals.push(Interval { start, end }),
        }
    }

    fn is_running(&self) -> bool {
        self.intervals.iter().any(|interval| interval.end.is_none())
    }

    fn has_completed(&self) -> bool {
        !self.intervals.is_empty() && !self.is_running()
    }

    fn ended_intervals(&self) -> usize {
        self.intervals.iter().filter(|interval| interval.end.is_some()).count()
    }

    fn first_start(&self) -> Option<Timestamp> {
        self.intervals.iter().map(|interval| interval.start).min()
    }

    /// The time covered by all ended intervals; overlaps count once.
    fn seconds(&self) -> Option<f64> {
        let mut ended: Vec<(Timestamp, Timestamp)> = self
            .intervals
            .iter()
            .filter_map(|interval| Some((interval.start, interval.end?)))
            .collect();
        ended.sort_unstable();
        let mut covered_to = ended.first()?.0;
        let mut sum = 0.0;
        for (start, end) in ended {
            let from = start.max(covered_to);
            if end > from {
                sum += seconds_between(from, end);
                covered_to = end;
            }
        }
        Some(sum)
    }

    fn log_text(&self) -> String {
        let bytes: Vec<u8> = self.log.iter().copied().collect();
        let text = String::from_utf8_lossy(&bytes);
        if !self.log_cut {
            return text.into_owned();
        }
        // Begin at a whole line where there is one.
        match text.split_once('\n') {
            Some((_, rest)) if !rest.is_empty() => rest.to_owned(),
            _ => text.into_owned(),
        }
    }
}

fn seconds_between(from: Timestamp, to: Timestamp) -> f64 {
    to.duration_since(from).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn vertex(started: Option<i64>, completed: Option<i64>) -> Vertex {
        Vertex {
            digest: "d".into(),
            name: "n".into(),
            started: started.map(time),
            completed: completed.map(time),
            cached: false,
            error: String::new(),
        }
    }

    fn apply(steps: &mut Steps, vertex: Vertex) -> Vec<BuildEvent> {
        let mut events = Vec::new();
        steps.vertex(vertex, &mut |event| events.push(event));
        events
    }

    #[test]
    fn overlapping_intervals_count_once() {
        let mut steps = Steps::default();
        for (start, end) in [(10, 20), (15, 30), (40, 45), (12, 13)] {
            apply(&mut steps, vertex(Some(start), Some(end)));
        }
        let record = &steps.records()[0];
        assert_eq!(record.seconds, Some(25.0));
        assert_eq!(record.started, Some(0.0));
        assert!(record.ran);
    }

    #[test]
    fn a_step_that_is_only_named_did_not_run() {
        let mut steps = Steps::default();
        assert_eq!(apply(&mut steps, vertex(None, None)), []);
        let record = &steps.records()[0];
        assert!(!record.ran && !record.cached);
        assert_eq!((record.started, record.seconds), (None, None));
    }

    #[test]
    fn a_step_that_started_again_is_running() {
        let mut steps = Steps::default();
        apply(&mut steps, vertex(Some(1), Some(2)));
        let events = apply(&mut steps, vertex(Some(3), None));
        assert_eq!(events, [BuildEvent::StepStarted { name: "n".into() }]);
        assert_eq!(steps.running(), ["n"]);
        assert!(!steps.records()[0].ran);
    }

    #[test]
    fn the_tail_of_a_long_log_is_kept() {
        let mut steps = Steps::default();
        for number in 0..20_000 {
            steps.log(&Log {
                vertex: "d".into(),
                data: format!("line {number}\n").into_bytes(),
            });
        }
        let log = &steps.records()[0].log;
        assert!(log.len() <= LOG_TAIL && log.len() > LOG_TAIL / 2);
        assert!(log.starts_with("line "));
        assert!(log.ends_with("line 19999\n"));
    }
}
