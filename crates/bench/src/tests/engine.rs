//! A layer cache in memory: a step is cached if the same step was run on the same steps before, with the same contents.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use cachemount_buildkit::{BuildError, BuildRecord, BuildRequest, Output, Scripted, StepRecord};
use cachemount_store::{Atime, Entry, Listing, RESET_MOMENT};
use fs_err as fs;

use super::argument;
use crate::pattern::source_takes;

/// What a test wants to be otherwise.
#[derive(Default)]
pub(super) struct Quirks {
    /// Reports a `RUN` that contains the first text as cached, in states that contain the second.
    pub(super) always_cached: Option<(&'static str, &'static str)>,
    /// Fails a `RUN` that contains the first text, in states that contain the second.
    pub(super) fails: Option<(&'static str, &'static str)>,
    /// Fails in this build, counted from 0 among those of a state.
    pub(super) fails_at: Option<usize>,
    /// Is interrupted in this build, counted from 0 among the measured ones.
    pub(super) interrupted_at: Option<usize>,
    /// What looks find in every mount: files before, whether a build reads them.
    pub(super) mount: Option<(u64, bool)>,
}

pub(super) fn engine(quirks: Quirks) -> Scripted {
    let mut layers: HashSet<String> = HashSet::new();
    let mut count = 0;
    let mut looks = 0;
    Scripted::new(move |request| {
        if request
            .target
            .as_deref()
            .is_some_and(|target| target.starts_with("cachemount-"))
        {
            return Ok(BuildRecord::default());
        }
        let text = fs::read_to_string(&request.dockerfile)?;
        let Some(state) = argument(request, "CACHEMOUNT_STATE") else {
            looks += 1;
            return look(request, &text, looks, quirks.mount);
        };
        count += 1;
        if quirks.interrupted_at == Some(count - 1) {
            return Err(BuildError::Interrupted);
        }
        if quirks.fails_at == Some(count - 1) {
            return Err(BuildError::Client("failed by order".into()));
        }
        if let Output::ImageArchive(path) = &request.output {
            fs::write(path, "no archive")?;
        }
        build(request, &text, state, &mut layers, &quirks)
    })
}

fn build(
    request: &BuildRequest,
    text: &str,
    state: &str,
    layers: &mut HashSet<String>,
    quirks: &Quirks,
) -> Result<BuildRecord, BuildError> {
    let here = |quirk: Option<(&str, &str)>, line: &str| {
        quirk.is_some_and(|(part, of)| line.contains(part) && state.contains(of))
    };
    let mut key = String::new();
    let mut declared = false;
    let mut record = BuildRecord::default();
    for line in text.lines() {
        key.push_str(line);
        declared |= line == "ARG CACHEMOUNT_STATE";
        let is_run = line.starts_with("RUN ");
        if is_run && declared {
            key.push_str(state);
        }
        if let Some(sources) = line.strip_prefix("COPY ") {
            let mut words: Vec<&str> = sources.split(' ').collect();
            words.pop();
            key.push_str(&contents(&request.context, &words));
        } else if !is_run {
            continue;
        }
        let mut step = StepRecord {
            name: format!("[stage-0 {}/9] {line}", record.steps.len() + 2),
            cached: !layers.insert(key.clone()) || here(quirks.always_cached, line),
            ..StepRecord::default()
        };
        if here(quirks.fails, line) {
            step.error = Some("exit code: 7".into());
            record.steps.push(step);
            return Err(BuildError::Failed {
                message: format!("`{line}` failed with exit code 7"),
                record: Box::new(record),
            });
        }
        step.ran = !step.cached;
        if step.ran {
            let seconds = if line.contains("--mount") { 3.0 } else { 10.0 };
            step.started = Some(record.wall.as_secs_f64());
            step.seconds = Some(seconds);
            record.wall += Duration::from_secs_f64(seconds);
        }
        record.steps.push(step);
    }
    record.wall += Duration::from_secs(1);
    Ok(record)
}

/// Contents only, as BuildKit compares them: times do not count.
fn contents(context: &Path, sources: &[&str]) -> String {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(context).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if sources.iter().any(|source| source_takes(source, &name)) {
            all.insert(name, fs::read_to_string(entry.path()).unwrap());
        }
    }
    format!("{all:?}")
}

/// Writes the listings that a helper build would export. Every second look comes after a build.
fn look(
    request: &BuildRequest,
    text: &str,
    number: usize,
    mount: Option<(u64, bool)>,
) -> Result<BuildRecord, BuildError> {
    let Output::Files(folder) = &request.output else {
        return Err(BuildError::Client("a look that exports nothing".into()));
    };
    fs::create_dir_all(folder)?;
    let (files, read) = mount.unwrap_or((2, true));
    let is_after = number.is_multiple_of(2);
    let entry = |index: u64| {
        let atime = if is_after && read { 2_000_000_000 } else { RESET_MOMENT };
        let entry = Entry {
            raw_mode: 0o100_644,
            size: 1000,
            mtime: 1,
            atime,
            ctime: 1,
            uid: 0,
            gid: 0,
        };
        (format!("archives/{index}.deb").into_bytes(), entry)
    };
    let listing = Listing {
        started: 2_000_000_001,
        atime: Atime::Works,
        copies_seen: true,
        reset: (!is_after).then_some(RESET_MOMENT),
        entries: (0..files).map(entry).collect(),
    };
    for index in (0..).take_while(|index| text.contains(&format!("COPY look-{index}.sh"))) {
        let script = fs::read_to_string(request.context.join(format!("look-{index}.sh")))?;
        assert!(script.contains(if is_after { "reset=0" } else { "reset=1" }));
        fs::write(folder.join(index.to_string()), listing.to_bytes())?;
    }
    Ok(BuildRecord::default())
}
