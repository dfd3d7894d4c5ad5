//! Why a build failed, in words: the step, its error, the end of its output.

use std::fmt::Write;
use std::os::unix::process::ExitStatusExt;
use std::time::Duration;

use crate::builder::{BuildRecord, StepRecord};
use crate::client::{Cause, Ended};
use crate::error::BuildError;
use crate::progress::Followed;

/// How many lines of a step's output, or of the client's text, are quoted.
const QUOTED_LINES: usize = 20;

/// Texts of errors that come with the daemon's end, not from the build.
const LOST_CONNECTION: [&str; 6] = [
    "Cannot connect to the Docker daemon",
    "code = Unavailable",
    "connection refused",
    "connection reset by peer",
    "error reading from server: EOF",
    "failed to receive status",
];

pub(super) fn explain(
    ended: &Ended,
    followed: &Followed,
    time_limit: Option<Duration>,
    record: BuildRecord,
) -> BuildError {
    let failed = failed_step(&followed.steps);
    let lost = followed
        .text
        .iter()
        .any(|line| LOST_CONNECTION.iter().any(|text| line.contains(text)));
    let signal = ended.status.signal();
    if ended.cause == Cause::Itself
        && signal.is_none()
        && let Some(step) = failed
        // A step may fail of a lost connection of its own, but with the daemon gone all it can be is cancelled.
        && !(lost && is_cancelled(step))
    {
        let mut message = format!(
            "step `{}` failed: {}",
            one_line(&step.name),
            step.error.as_deref().unwrap_or_default()
        );
        quote(&mut message, "its output", &step.log);
        return BuildError::Failed {
            message,
            record: Box::new(record),
        };
    }

    let mut message = match (ended.cause, signal) {
        (Cause::TimeLimit, _) => format!(
            "the build did not end within {} s",
            time_limit.unwrap_or_default().as_secs_f64()
        ),
        (_, Some(number)) => format!("the client was killed by signal {number}"),
        _ if lost => "the connection to the builder was lost".to_owned(),
        _ => {
            // The builder or the client refused it before any step: what was said is the reason.
            let mut message = "the build was refused".to_owned();
            quote(&mut message, "the client says", &followed.text.join("\n"));
            return BuildError::Failed {
                message,
                record: Box::new(record),
            };
        }
    };
    let running: Vec<&StepRecord> = followed
        .steps
        .iter()
        .filter(|step| followed.running.contains(&step.name))
        .chain(failed)
        .collect();
    for step in running {
        let _ = write!(message, "\n  while step `{}` ran", one_line(&step.name));
        quote(&mut message, "its output", &step.log);
    }
    quote(&mut message, "the client says", &followed.text.join("\n"));
    BuildError::Client(message)
}

/// The step that broke the build. Others were only cancelled because of it.
fn failed_step(steps: &[StepRecord]) -> Option<&StepRecord> {
    let mut with_error = steps.iter().filter(|step| step.error.is_some());
    with_error
        .clone()
        .find(|step| !is_cancelled(step))
        .or_else(|| with_error.next())
}

fn is_cancelled(step: &StepRecord) -> bool {
    step.error
        .as_deref()
        .is_some_and(|error| error.contains("context canceled") || error == "canceled")
}

fn one_line(name: &str) -> String {
    name.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn quote(message: &mut String, title: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    if lines.is_empty() {
        return;
    }
    let from = lines.len().saturating_sub(QUOTED_LINES);
    let omitted = if from > 0 { " (the end of it)" } else { "" };
    // Writing to a string cannot fail.
    let _ = write!(message, "\n  {title}{omitted}:");
    for line in &lines[from..] {
        let _ = write!(message, "\n    {line}");
    }
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use super::*;
    use crate::builder::ClientUsage;

    fn ended(raw: i32, cause: Cause) -> Ended {
        Ended {
            status: ExitStatus::from_raw(raw),
            cause,
            stdout: Vec::new(),
            wall: Duration::ZERO,
            usage: ClientUsage::default(),
        }
    }

    fn step(name: &str, error: Option<&str>, log: &str) -> StepRecord {
        StepRecord {
            name: name.into(),
            error: error.map(Into::into),
            log: log.into(),
            ..StepRecord::default()
        }
    }

    #[test]
    fn the_culprit_is_named_not_the_cancelled() {
        let log: Vec<String> = (0..30).map(|number| format!("line {number}")).collect();
        let followed = Followed {
            steps: vec![
                step("[a 2/2] RUN slow", Some("context canceled"), ""),
                step("[b 2/2] RUN bad \\\n  thing", Some("exit code: 7"), &log.join("\n")),
            ],
            ..Followed::default()
        };
        let error = explain(&ended(256, Cause::Itself), &followed, None, BuildRecord::default());
        assert!(matches!(error, BuildError::Failed { .. }));
        let text = error.to_string();
        assert!(
            text.starts_with("step `[b 2/2] RUN bad \\ thing` failed: exit code: 7\n"),
            "{text}"
        );
        assert!(text.contains("    line 10\n") && text.ends_with("    line 29"));
        assert!(!text.contains("line 9\n"));
    }

    #[test]
    fn a_client_that_was_killed_names_what_ran() {
        let followed = Followed {
            steps: vec![step("[2/2] RUN slow", None, "half way\n")],
            running: vec!["[2/2] RUN slow".into()],
            text: Vec::new(),
        };
        let error = explain(&ended(9, Cause::Itself), &followed, None, BuildRecord::default());
        assert_eq!(
            error.to_string(),
            "cannot use the builder: the client was killed by signal 9\n  while step `[2/2] RUN slow` ran\n  \
             its output:\n    half way"
        );
    }

    #[test]
    fn a_lost_daemon_is_no_failed_step() {
        let followed = Followed {
            steps: vec![step("[2/2] RUN slow", Some("context canceled"), "")],
            running: Vec::new(),
            text: vec!["ERROR: failed to receive status: rpc error: code = Unavailable desc = EOF".into()],
        };
        let error = explain(&ended(256, Cause::Itself), &followed, None, BuildRecord::default());
        let text = error.to_string();
        assert!(text.contains("the connection to the builder was lost"), "{text}");
        assert!(text.contains("while step `[2/2] RUN slow` ran"), "{text}");
        assert!(text.contains("code = Unavailable"), "{text}");
    }

    #[test]
    fn a_step_that_speaks_of_connections_is_a_failed_step() {
        let followed = Followed {
            steps: vec![step("[2/2] RUN curl", Some("exit code: 7"), "")],
            running: Vec::new(),
            text: vec!["  >>> RUN curl || echo connection refused".into()],
        };
        let error = explain(&ended(256, Cause::Itself), &followed, None, BuildRecord::default());
        assert!(matches!(error, BuildError::Failed { .. }), "{error}");
    }

    #[test]
    fn a_refusal_quotes_the_client() {
        let followed = Followed {
            text: vec!["ERROR: dockerfile parse error on line 1".into()],
            ..Followed::default()
        };
        let error = explain(&ended(256, Cause::Itself), &followed, None, BuildRecord::default());
        assert_eq!(
            error.to_string(),
            "the build was refused\n  the client says:\n    ERROR: dockerfile parse error on line 1"
        );
    }
}
