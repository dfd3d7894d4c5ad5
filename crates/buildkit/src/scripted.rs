//! A builder that does what a test tells it, and remembers what it was asked.

use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::builder::{BuildEvent, BuildRecord, BuildRequest, Builder, BuilderInfo, MountRecord};
use crate::error::BuildError;

/// Something a [`Scripted`] builder was asked, in order.
#[derive(Debug, Clone)]
pub enum Call {
    /// A build.
    Build(Box<BuildRequest>),
    /// The mounts of a namespace.
    Mounts(String),
    /// The removal of a namespace's mounts.
    Prune(String),
}

type Play = dyn FnMut(&BuildRequest) -> Result<BuildRecord, BuildError> + Send;

/// A builder without a builder. A build's result comes from a closure, which may also write what a real build would.
///
/// Its cache mounts are a plain list, by namespace: [`Scripted::hold`] adds to it, pruning takes from it.
pub struct Scripted {
    info: BuilderInfo,
    play: Mutex<Box<Play>>,
    calls: Mutex<Vec<Call>>,
    held: Mutex<Vec<(String, MountRecord)>>,
}

impl fmt::Debug for Scripted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Scripted")
            .field("info", &self.info)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

impl Scripted {
    /// Every build's result comes from the closure.
    pub fn new(play: impl FnMut(&BuildRequest) -> Result<BuildRecord, BuildError> + Send + 'static) -> Self {
        Self {
            info: BuilderInfo {
                name: "scripted".to_owned(),
                driver: "docker".to_owned(),
                version: "0".to_owned(),
                local: true,
                host_address: Some("127.0.0.1".to_owned()),
            },
            play: Mutex::new(Box::new(play)),
            calls: Mutex::default(),
            held: Mutex::default(),
        }
    }

    /// The builds' results, one after another. One build more than there are results is an error.
    #[must_use]
    pub fn outcomes(outcomes: Vec<Result<BuildRecord, BuildError>>) -> Self {
        let mut left = outcomes.into_iter();
        Self::new(move |_| {
            left.next().unwrap_or_else(|| {
                Err(BuildError::Client(
                    "the script has no result for another build".to_owned(),
                ))
            })
        })
    }

    /// Changes what the builder says of itself.
    #[must_use]
    pub fn with_info(mut self, info: BuilderInfo) -> Self {
        self.info = info;
        self
    }

    /// Makes the builder hold a cache mount.
    pub fn hold(&self, namespace: impl Into<String>, mount: MountRecord) {
        lock(&self.held).push((namespace.into(), mount));
    }

    /// What was asked so far, in order.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.calls).clone()
    }

    /// The build requests so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<BuildRequest> {
        self.calls()
            .into_iter()
            .filter_map(|call| match call {
                Call::Build(request) => Some(*request),
                Call::Mounts(_) | Call::Prune(_) => None,
            })
            .collect()
    }

    fn note(&self, call: Call) {
        lock(&self.calls).push(call);
    }
}

impl Builder for Scripted {
    fn info(&self) -> BuilderInfo {
        self.info.clone()
    }

    fn build(&self, request: &BuildRequest, on_event: &mut dyn FnMut(BuildEvent)) -> Result<BuildRecord, BuildError> {
        self.note(Call::Build(Box::new(request.clone())));
        let outcome = (lock(&self.play))(request);
        let record = match &outcome {
            Ok(record) => Some(record),
            Err(BuildError::Failed { record, .. }) => Some(&**record),
            Err(_) => None,
        };
        for step in record.map_or(&[][..], |record| &record.steps) {
            if step.started.is_some() && !step.cached {
                on_event(BuildEvent::StepStarted {
                    name: step.name.clone(),
                });
            }
            if step.ran || step.cached {
                on_event(BuildEvent::StepEnded {
                    name: step.name.clone(),
                    cached: step.cached,
                });
            }
        }
        outcome
    }

    fn mounts(&self, namespace: &str) -> Result<Vec<MountRecord>, BuildError> {
        self.note(Call::Mounts(namespace.to_owned()));
        Ok(lock(&self.held)
            .iter()
            .filter(|(of, _)| of == namespace)
            .map(|(_, mount)| mount.clone())
            .collect())
    }

    fn prune_mounts(&self, namespace: &str) -> Result<u64, BuildError> {
        self.note(Call::Prune(namespace.to_owned()));
        let mut held = lock(&self.held);
        let freed = held
            .iter()
            .filter(|(of, _)| of == namespace)
            .map(|(_, mount)| mount.bytes)
            .sum();
        held.retain(|(of, _)| of != namespace);
        Ok(freed)
    }
}

/// A test that panicked in the closure still gets to see what was asked.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::StepRecord;

    #[test]
    fn plays_its_outcomes_and_remembers_the_order() {
        let step = StepRecord {
            name: "RUN x".into(),
            ran: true,
            started: Some(0.0),
            ..StepRecord::default()
        };
        let builder = Scripted::outcomes(vec![
            Ok(BuildRecord {
                steps: vec![step],
                ..BuildRecord::default()
            }),
            Err(BuildError::Interrupted),
        ]);
        builder.hold(
            "ns",
            MountRecord {
                bytes: 5,
                ..MountRecord::default()
            },
        );
        let mut events = Vec::new();
        let request = |target: &str| BuildRequest {
            target: Some(target.into()),
            ..BuildRequest::default()
        };
        assert!(builder.build(&request("a"), &mut |event| events.push(event)).is_ok());
        assert_eq!(builder.prune_mounts("ns").unwrap(), 5);
        assert!(builder.mounts("ns").unwrap().is_empty());
        let mut ignore = |_| {};
        assert!(matches!(
            builder.build(&request("b"), &mut ignore),
            Err(BuildError::Interrupted)
        ));
        assert!(builder.build(&request("c"), &mut ignore).is_err());
        assert_eq!(events.len(), 2);
        let order: Vec<String> = builder
            .calls()
            .into_iter()
            .map(|call| match call {
                Call::Build(request) => format!("build {}", request.target.unwrap()),
                Call::Mounts(namespace) => format!("mounts {namespace}"),
                Call::Prune(namespace) => format!("prune {namespace}"),
            })
            .collect();
        assert_eq!(order, ["build a", "prune ns", "mounts ns", "build b", "build c"]);
    }
}
