//! How it was measured, and on what.

use std::fmt::Write as _;

use super::format::{bytes, table};
use crate::instrument::STATE_ARGUMENT;
use crate::results::Results;

/// The method, precise enough to repeat.
pub(super) fn method(results: &Results) -> String {
    let settings = &results.settings;
    let mut text = "## Method\n\n".to_owned();
    let mut point = |line: String| {
        // Writing into a String cannot fail.
        let _ = writeln!(text, "1. {line}");
    };
    point(format!(
        "The build context ({} files, {}, without what the ignore file excludes) was copied once. All builds use the copy; \
         the original was not touched. The top `.git` folder is left out unless a step takes it.",
        settings.context_files,
        bytes(settings.context_bytes as f64)
    ));
    point(format!(
        "Each variant's Dockerfile was built as it is, with the line `ARG {STATE_ARGUMENT}` added behind every `FROM`. The \
         argument's value names run (`{}`), variant and cold repetition. It is part of the cache key of every `RUN`, so that \
         variants share no `RUN` layers with each other or with anything else on the builder. It changes no file. \
         `--no-cache` was not used: it empties the mounts of the build.",
        results.run
    ));
    point(format!(
        "Mounts are in namespaces of their own: `--build-arg BUILDKIT_CACHE_MOUNT_NS=cachemount-{}-VARIANT-REPETITION`. They \
         were removed at the end. Layers stay in the builder's layer cache until it is pruned.",
        results.run
    ));
    point(
        "Before the first build the base images (and the whole context, where a step copies it) were brought to the builder by \
         a build of their own, so that no variant pays for them. No image is pulled through the measured network."
            .to_owned(),
    );
    point(format!(
        "*cold*: a new argument value and a new, empty namespace; {} per variant. What the last cold build left is the state \
         that the other scenarios start from. They are repeated: {} per variant; each repetition has content of its own, so that it \
         needs no new cold build. Mounts keep what earlier repetitions of the same variant added to them.",
        times(settings.cold_runs),
        times(settings.runs)
    ));
    point(
        "A file is changed in content: a comment at its end (white space in JSON), with a text that no build has seen and of \
         the same length for all variants. It is put back after the build. For *system* one small package that was not in the \
         list is added to it, the same for all variants, another one each repetition."
            .to_owned(),
    );
    point(
        "Order: one repetition of every scenario after another; the variants take turns, AB, BA, AB and so on. Builds never \
         overlap."
            .to_owned(),
    );
    point(
        "Every build is held against what its scenario means. From the Dockerfile follows which steps must run and which must \
         come from the layer cache; the builder's progress events say what they did. One step that did otherwise, and the \
         build is no measurement: the scenario ends with the pairs before it, or is not measured where there is none."
            .to_owned(),
    );
    point(if settings.counted {
        format!(
            "Network: builds get the predefined proxy arguments (`HTTP_PROXY` and so on, which enter no cache key) with a \
             forward proxy of our own. It was set to `{}` and counts what comes from each host. Traffic that does not go \
             through a proxy (git over ssh, for one) is neither shaped nor counted.",
            settings.network
        )
    } else {
        "Network: as it is. Build steps of this builder cannot reach a proxy on this machine, so nothing was shaped or counted."
            .to_owned()
    });
    point(
        "Seconds are wall time of the client's build command, without exporting an image (`--output type=cacheonly`). Seconds \
         of steps are the builder's."
            .to_owned(),
    );
    point(
        "Medians, ranges, and the ratio of medians with a 95 % percentile bootstrap interval over pairs of one repetition. With \
         fewer than six pairs the interval is the range that resampling can give, and holds the truth less often than 95 %; see \
         the warnings."
            .to_owned(),
    );
    point(
        "Mounts were looked into by a helper build that mounts the same id and lists the files, before and after one build \
         more of *dependencies* and one of *system* for each variant that has mounts. These builds were made between the cold \
         ones and the first repetition, with content and a package of their own; they are not counted, since a look brings the \
         mounts' folders into memory. Before the build all access times are set back; a file whose access time moved was \
         read."
            .to_owned(),
    );
    text
}

fn times(count: usize) -> String {
    if count == 1 {
        "once".to_owned()
    } else {
        format!("{count} times")
    }
}

/// What it was measured on.
pub(super) fn environment(results: &Results) -> String {
    let environment = &results.environment;
    let builder = &environment.builder;
    let row = |name: &str, value: String| vec![name.to_owned(), value];
    let rows = [
        row("date", environment.started.clone()),
        row("cachemount", environment.cachemount.clone()),
        row(
            "builder",
            format!(
                "{} ({}, {})",
                builder.name,
                builder.driver,
                if builder.local { "on this machine" } else { "elsewhere" }
            ),
        ),
        row("versions", builder.version.clone()),
        row(
            "this machine",
            format!(
                "{} cores, {}, {}",
                environment.cores,
                environment.memory_bytes.map_or_else(
                    || "memory unknown".to_owned(),
                    |memory| format!("{} of memory", bytes(memory as f64))
                ),
                environment.architecture
            ),
        ),
        row("kernel", environment.kernel.clone()),
        row(
            "stage built",
            results.target.clone().unwrap_or_else(|| "the last one".to_owned()),
        ),
    ];
    format!("## Environment\n\n{}", table(&["", "value"], &rows))
}
