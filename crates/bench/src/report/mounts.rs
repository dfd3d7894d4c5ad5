//! The cache mounts: where they point and what they did.

use std::fmt::Write as _;

use super::builds::network;
use super::format::{bytes, or_dash, sentence, table};
use crate::results::{MountResult, MountState, Results};

/// The mounts of the variant after; of the others only where they have some.
fn of_variant(results: &Results, variant: usize) -> Vec<&MountResult> {
    let mounts = results.mounts.iter();
    mounts.filter(|mount| mount.variant == variant).collect()
}

/// The table of ids and targets.
pub(super) fn where_they_point(results: &Results) -> String {
    if results.mounts.is_empty() {
        return String::new();
    }
    let mut text = "## Where each mount points\n\n".to_owned();
    for (variant, name) in results.variants.iter().enumerate() {
        let mounts = of_variant(results, variant);
        if mounts.is_empty() {
            let _ = writeln!(text, "`{name}` has no cache mounts.\n");
            continue;
        }
        let rows: Vec<Vec<String>> = mounts
            .iter()
            .map(|mount| {
                let lines: Vec<String> = mount.lines.iter().map(ToString::to_string).collect();
                vec![
                    format!("`{}`", mount.target),
                    format!("`{}`", mount.id),
                    mount.sharing.clone(),
                    mount.owner.clone().unwrap_or_else(|| "root".to_owned()),
                    mount.tool.clone().unwrap_or_else(|| "–".to_owned()),
                    lines.join(", "),
                ]
            })
            .collect();
        let _ = writeln!(
            text,
            "`{name}`:\n\n{}",
            table(
                &["mount point", "id", "sharing", "owner", "tool", "used in line"],
                &rows
            )
        );
    }
    text.push_str(
        "A mount is kept by its builder, under its id, outside every image. Builds on the same builder that name the same id \
         (and owner, mode and seed) share it.\n",
    );
    text
}

/// What was seen in them around warm builds.
pub(super) fn what_they_served(results: &Results) -> String {
    if results.mounts.is_empty() {
        return String::new();
    }
    let mut rows = Vec::new();
    let mut remarks = String::new();
    for mount in &results.mounts {
        let name = results.variants.get(mount.variant).map_or("?", String::as_str);
        match &mount.state {
            MountState::Dead { reason } => {
                let _ = writeln!(
                    remarks,
                    "- **`{}` ({name}) is dead.** It {}",
                    mount.target,
                    sentence_end(reason)
                );
            }
            MountState::Unknown { reason } => {
                let _ = writeln!(
                    remarks,
                    "- `{}` ({name}): what it served is not known. {}",
                    mount.target,
                    sentence(reason)
                );
            }
            MountState::Serves | MountState::NotExercised => {}
        }
        for look in &mount.looks {
            let figures = look.figures.as_ref();
            let state = match (look.exercised, figures) {
                (false, _) => "not exercised".to_owned(),
                (true, None) => "not seen".to_owned(),
                (true, Some(figures)) if !figures.reads_visible => "reads not visible".to_owned(),
                (true, Some(figures)) => format!(
                    "{} in {} files",
                    bytes(figures.served_bytes as f64),
                    figures.served_files
                ),
            };
            rows.push(vec![
                format!("`{}` ({name})", mount.target),
                look.scenario.to_string(),
                or_dash(figures.map(|f| f.bytes_before as f64), bytes),
                or_dash(figures.map(|f| f.bytes_after as f64), bytes),
                state,
                or_dash(figures.map(|f| f.added_bytes as f64), bytes),
                or_dash(figures.filter(|_| look.exercised).and_then(|f| f.share), |share| {
                    format!("{:.1} %", share * 100.0)
                }),
            ]);
        }
        if mount.looks.is_empty() {
            let _ = writeln!(
                remarks,
                "- `{}` ({name}) was not looked into: no scenario that would use it was built.",
                mount.target
            );
        }
    }
    let mut text = format!(
        "## What each mount served\n\n{} Each mount was looked into before and after the first warm build of a scenario. \
         Served: files that were there before, that the build read and left as they were. Added: files that it had to fetch \
         or make. Share: served in served and added. Only files that save a download count.\n\n",
        network(results)
    );
    if !rows.is_empty() {
        text.push_str(&table(
            &[
                "mount",
                "scenario",
                "size before",
                "size after",
                "served",
                "added",
                "share",
            ],
            &rows,
        ));
        text.push('\n');
    }
    text.push_str(&remarks);
    text
}

fn sentence_end(reason: &str) -> String {
    if reason.ends_with('.') {
        reason.to_owned()
    } else {
        format!("{reason}.")
    }
}
