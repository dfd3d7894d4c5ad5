//! The client's progress stream, turned into events and steps.
//!
//! `--progress=rawjson` writes BuildKit's status records to stderr. Old clients pretty-print each record over many
//! lines, newer ones write one a line, and both mix plain text between the records: warnings, the excerpt of the
//! Dockerfile around a failure, the final error. The text is kept, because it is what explains a failure.

mod decode;
mod status;
mod steps;

use crate::builder::{BuildEvent, StepRecord};

use decode::{Decoder, Piece};
use status::Status;
use steps::Steps;

/// Follows one build's progress stream.
#[derive(Debug, Default)]
pub struct Progress {
    decoder: Decoder,
    steps: Steps,
    text: Vec<String>,
}

/// What a progress stream said, once it ended.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Followed {
    /// Every step, in order of first appearance.
    pub steps: Vec<StepRecord>,
    /// Names of the steps that had started and not completed.
    pub running: Vec<String>,
    /// Lines that were no records: warnings and errors of the client.
    pub text: Vec<String>,
}

/// The newest lines of plain text that are kept; a client that floods us must not fill the memory.
const MOST_TEXT_LINES: usize = 2_000;

impl Progress {
    /// A stream of which nothing was read yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the next bytes of the stream, cut anywhere, and reports what they say.
    pub fn feed(&mut self, bytes: &[u8], on_event: &mut dyn FnMut(BuildEvent)) {
        let Self { decoder, steps, text } = self;
        decoder.feed(bytes, &mut |piece| take(steps, text, piece, on_event));
    }

    /// Ends the stream.
    pub fn finish(mut self, on_event: &mut dyn FnMut(BuildEvent)) -> Followed {
        let Self { decoder, steps, text } = &mut self;
        decoder.finish(&mut |piece| take(steps, text, piece, on_event));
        Followed {
            running: self.steps.running(),
            steps: self.steps.records(),
            text: self.text,
        }
    }
}

fn take(steps: &mut Steps, text: &mut Vec<String>, piece: Piece<'_>, on_event: &mut dyn FnMut(BuildEvent)) {
    match piece {
        Piece::Object(bytes) => match serde_json::from_slice::<Status>(bytes) {
            Ok(status) => steps.apply(status, on_event),
            Err(_) => keep(text, bytes),
        },
        Piece::Text(bytes) => keep(text, bytes),
    }
}

fn keep(text: &mut Vec<String>, bytes: &[u8]) {
    for line in String::from_utf8_lossy(bytes).lines() {
        let line = line.trim_end();
        if !line.is_empty() {
            if text.len() == MOST_TEXT_LINES {
                text.remove(0);
            }
            text.push(line.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILT: &[u8] = include_bytes!("../testdata/buildx-0.13.1-built.txt");
    const CACHED: &[u8] = include_bytes!("../testdata/buildx-0.13.1-cached.txt");
    const FAILED: &[u8] = include_bytes!("../testdata/buildx-0.13.1-failed.txt");

    fn follow(chunks: &[&[u8]]) -> (Followed, Vec<BuildEvent>) {
        let mut events = Vec::new();
        let mut progress = Progress::new();
        for chunk in chunks {
            progress.feed(chunk, &mut |event| events.push(event));
        }
        let followed = progress.finish(&mut |event| events.push(event));
        (followed, events)
    }

    fn step<'a>(followed: &'a Followed, part: &str) -> &'a StepRecord {
        followed
            .steps
            .iter()
            .find(|step| step.name.contains(part))
            .unwrap_or_else(|| panic!("no step names {part}: {:#?}", followed.steps))
    }

    /// The recorded stream as newer clients write it: one record a line.
    fn one_record_a_line(recorded: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut decoder = Decoder::default();
        let mut write = |piece: Piece<'_>| {
            match piece {
                Piece::Object(bytes) => {
                    let value: serde_json::Value = serde_json::from_slice(bytes).unwrap();
                    out.extend_from_slice(value.to_string().as_bytes());
                }
                Piece::Text(bytes) => out.extend_from_slice(bytes),
            }
            out.push(b'\n');
        };
        decoder.feed(recorded, &mut write);
        decoder.finish(&mut write);
        out
    }

    #[test]
    fn a_build_that_ran() {
        let (followed, events) = follow(&[BUILT]);
        assert_eq!(followed.text, Vec::<String>::new());
        assert_eq!(followed.running, Vec::<String>::new());
        let names: Vec<_> = followed.steps.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "[internal] load build definition from Dockerfile",
                "[internal] load .dockerignore",
                "[stage-1 3/3] RUN echo done > /done",
                "[stage-1 2/3] RUN --mount=type=cache,target=/u,uid=1000,id=ucache echo 1 >> /u/log; ls -la /u",
                "[internal] settings cache mount permissions",
                "[stage-1 1/3] RUN --mount=type=cache,target=/c echo 1 >> /c/log; cat /c/log; cat /c/log >&2",
                "[base 1/1] COPY rootfs/ /",
                "[internal] load build context",
            ]
        );
        let run = step(&followed, "target=/c");
        assert!(run.ran && !run.cached && run.error.is_none());
        assert_eq!(run.log, "1\n1\n");
        assert!(run.seconds.unwrap() > 0.0 && run.started.unwrap() > 0.0);
        assert!(events.contains(&BuildEvent::StepStarted { name: run.name.clone() }));
        assert!(events.contains(&BuildEvent::StepEnded {
            name: run.name.clone(),
            cached: false
        }));
    }

    #[test]
    fn intervals_of_one_step_are_summed() {
        let (followed, _) = follow(&[BUILT]);
        // Recorded: 05.164658517 to 05.164711946 and 05.164803542 to 05.176616987.
        let seconds = step(&followed, "load build definition").seconds.unwrap();
        assert!((seconds - (0.000_053_429 + 0.011_813_445)).abs() < 1e-9, "{seconds}");
    }

    #[test]
    fn a_build_from_the_layer_cache() {
        let (followed, events) = follow(&[CACHED]);
        let run = step(&followed, "RUN echo done");
        assert!(run.cached && !run.ran);
        assert_eq!(run.log, "");
        assert!(events.contains(&BuildEvent::StepEnded {
            name: run.name.clone(),
            cached: true
        }));
        assert!(step(&followed, "load build definition").ran);
    }

    #[test]
    fn a_build_that_failed() {
        let (followed, _) = follow(&[FAILED]);
        let failed = step(&followed, "going wrong");
        assert!(!failed.ran && !failed.cached);
        assert_eq!(failed.log, "second line\ngoing wrong\n");
        assert!(failed.error.as_deref().unwrap().ends_with("exit code: 7"));
        assert!(step(&followed, "echo before").ran);
        assert_eq!(followed.text[0], "Dockerfile.fail:4");
        assert!(followed.text.last().unwrap().starts_with("ERROR: failed to solve"));
    }

    #[test]
    fn any_cut_gives_the_same() {
        // The failed build has everything: records, logs, plain text.
        for form in [FAILED.to_vec(), one_record_a_line(FAILED)] {
            let whole = follow(&[&form]);
            assert!(!whole.0.steps.is_empty());
            for cut in 0..=form.len() {
                let (head, tail) = form.split_at(cut);
                assert_eq!(follow(&[head, tail]), whole, "cut at {cut}");
            }
        }
        for recorded in [BUILT, CACHED, FAILED] {
            let bytes: Vec<&[u8]> = recorded.chunks(1).collect();
            assert_eq!(follow(&bytes), follow(&[recorded]), "byte by byte");
        }
    }

    #[test]
    fn both_forms_say_the_same() {
        for recorded in [BUILT, CACHED, FAILED] {
            assert_eq!(follow(&[&one_record_a_line(recorded)]), follow(&[recorded]));
        }
    }

    #[test]
    fn a_stream_that_breaks_off_names_what_was_running() {
        let cut = FAILED.len()
            - FAILED
                .windows(b"\"logs\"".len())
                .rev()
                .position(|window| window == b"\"logs\"")
                .unwrap();
        let (followed, _) = follow(&[&FAILED[..cut - 10]]);
        assert_eq!(
            followed.running,
            ["[3/3] RUN echo going wrong; echo second line >&2; exit 7"]
        );
        assert!(!step(&followed, "going wrong").ran);
    }

    #[test]
    fn text_that_looks_like_a_record_is_kept_as_text() {
        let stream = b"{oops\n{\"vertexes\": 7}\n{\"a\": \"b\n{\"vertexes\":[{\"digest\":\"d\",\"name\":\"n\"}]}\nlast";
        let (followed, _) = follow(&[stream]);
        assert_eq!(followed.steps.len(), 1);
        assert_eq!(followed.text, ["{oops", "{\"vertexes\": 7}", "{\"a\": \"b", "last"]);
    }
}
