//! What to expect elsewhere, and how to look after mounts.

use std::fmt::Write as _;

use super::format::{seconds, sentence};
use crate::results::Results;
use crate::scenario::Scenario;

/// Runners that start empty, told as it is.
pub(super) fn in_ci(results: &Results) -> String {
    let mut text = "## What to expect in CI\n\n\
        **Cache mounts do not travel with the layer cache.** BuildKit exports layers to `type=gha`, `type=registry`, \
        `type=local`, `type=s3` or inline caches, never the content of mounts. A runner that starts empty, such as GitHub's \
        own, starts with empty mounts, whatever it imports.\n\n\
        - Steps that come from the imported layer cache need no mount. "
        .to_owned();
    let warm = [Scenario::Unchanged, Scenario::Source];
    let _ = writeln!(
        text,
        "{}",
        sentence(&warm.map(|scenario| against(results, scenario)).join("; "))
    );
    text.push_str(
        "- A step that must run there, because dependencies or system packages changed, runs with empty mounts: it downloads \
        everything, as before this change.",
    );
    let before = |scenario| {
        let summary = results.summary.scenario(scenario)?;
        let wall = |variant: usize| Some(summary.figures.get(variant)?.as_ref()?.wall.median);
        Some((wall(0)?, wall(1)?))
    };
    if let Some((before, after)) = before(Scenario::Dependencies) {
        let _ = write!(
            text,
            " With the network of this report a changed dependency costs about {} s there, not {} s.",
            seconds(before),
            seconds(after)
        );
    }
    text.push_str(
        "\n- The gain of this report comes where the builder lives on: on a developer's machine, on a self-hosted runner with \
        its own Docker, with a remote BuildKit (`docker buildx create --driver remote` or `kubernetes`), or with a hosted \
        build service that keeps its disk.\n\
        - On fresh runners it comes only if the mounts themselves are saved and restored around the build, by a step of its \
        own (the action `reproducible-containers/buildkit-cache-dance` is one). That costs transfer time of its own and counts \
        against the 10 GB that GitHub gives a repository by default: measure it before keeping it.\n",
    );
    let _ = writeln!(
        text,
        "- What empty mounts cost shows where everything runs with them. {}",
        sentence(&against(results, Scenario::Cold))
    );
    text
}

/// What was measured of a scenario, as it is.
fn against(results: &Results, scenario: Scenario) -> String {
    let summary = results.summary.scenario(scenario);
    let Some((summary, comparison)) = summary.and_then(|summary| Some((summary, summary.comparison.as_ref()?))) else {
        return format!("*{scenario}* was not measured for both, so that nothing is known of it");
    };
    let judgement = if summary.notably_slower() {
        "**slower than before**"
    } else if comparison.clearly_faster() {
        "faster than before"
    } else {
        "no clear difference"
    };
    format!("*{scenario}*, after/before: {}, {judgement}", comparison.wall)
}

/// Commands.
pub(super) fn see_and_clear(results: &Results) -> String {
    let info = &results.environment.builder;
    let private = info.name == "private engine";
    let builder = if info.name.is_empty() || info.name == "default" || private {
        String::new()
    } else {
        format!(" --builder {}", info.name)
    };
    let id = results
        .mounts
        .iter()
        .find(|mount| mount.variant == 1)
        .map_or("ID", |mount| mount.id.as_str());
    format!(
        "## Seeing and clearing the mounts\n\n\
         ```sh\n\
         # what the builder holds, with the id at the end of each description\n\
         docker buildx du{builder} --verbose --filter type=exec.cachemount\n\
         # one mount: find its record, then remove that record\n\
         docker buildx du{builder} --verbose --filter type=exec.cachemount | grep -B 10 '{id}'\n\
         docker buildx prune{builder} --force --filter id=RECORD\n\
         # all cache mounts of this builder, and nothing else\n\
         docker buildx prune{builder} --force --filter type=exec.cachemount\n\
         # all layers, but no mounts\n\
         docker buildx prune{builder} --force --filter type=regular\n\
         ```\n\n\
         - `docker build --no-cache` empties the mounts that the build uses. To run steps again with warm mounts, change an \
         `ARG` that is declared before them.\n\
         - BuildKit's own garbage collection removes mounts too. Since BuildKit 0.31 its first default rule does so with mounts \
         that were idle for 48 hours, once the build cache is larger than 512 MB.\n\
         - Sizes shown by `du` may be stale right after a build.\n\
         - Whoever may build on the builder can write into a mount of the same id. Give builds that you do not trust a builder \
         or a mount namespace of their own.\n"
    )
}
