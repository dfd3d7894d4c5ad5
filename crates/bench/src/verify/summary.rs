//! The comparison in words.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::compare::{Aspect, Change, Class, Difference};
use super::{Comparison, ImageFacts};

/// More than these are counted, not shown.
const SHOWN: usize = 40;
const DIFF_LINES: usize = 60;

pub(super) fn to_text(comparison: &Comparison) -> String {
    let mut out = String::new();
    let real: Vec<_> = comparison.real().collect();
    let count = real.len() + comparison.config.len();
    let verdict = if count == 0 {
        "The images are the same".to_owned()
    } else {
        format!(
            "The images differ in {count} {}",
            if count == 1 { "place" } else { "places" }
        )
    };
    // Writing into a String cannot fail, here and below.
    let _ = writeln!(
        out,
        "{verdict}: {} paths compared, {} of them files.",
        comparison.paths, comparison.files
    );
    let _ = writeln!(out, "  before: {}", facts(&comparison.before));
    let _ = writeln!(out, "  after:  {}", facts(&comparison.after));
    volatile(&mut out, comparison);
    stubs(&mut out, comparison);
    for difference in &comparison.config {
        let _ = writeln!(
            out,
            "  config {}: {} -> {}",
            difference.field, difference.before, difference.after
        );
    }
    for difference in real.iter().take(SHOWN) {
        one(&mut out, difference);
    }
    if real.len() > SHOWN {
        let _ = writeln!(out, "  and {} more", real.len() - SHOWN);
    }
    out
}

fn facts(image: &ImageFacts) -> String {
    format!(
        "{} layer{}, {} ({} stored)",
        image.layers,
        if image.layers == 1 { "" } else { "s" },
        size(image.layer_bytes),
        size(image.stored_bytes)
    )
}

fn volatile(out: &mut String, comparison: &Comparison) {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    let mut caches: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    for difference in &comparison.differences {
        match (&difference.class, &difference.kind) {
            (Class::Volatile { reason }, _) => *reasons.entry(reason).or_default() += 1,
            (Class::RemovedCache { target }, Change::Removed { size, .. }) => {
                let entry = caches.entry(target).or_default();
                entry.0 += 1;
                entry.1 += size;
            }
            _ => {}
        }
    }
    let total: usize = reasons.values().sum();
    if total > 0 {
        let _ = writeln!(out, "  {total} differ only in what varies from build to build:");
        for (reason, count) in reasons {
            let _ = writeln!(out, "    {count:>6}  {reason}");
        }
    }
    for (target, (count, bytes)) in caches {
        let _ = writeln!(
            out,
            "  {count} paths ({}, each name counted) of a cache are no longer in the image: {target} is a mount",
            size(bytes)
        );
    }
}

fn stubs(out: &mut String, comparison: &Comparison) {
    for difference in &comparison.differences {
        if let Class::MountStub { uid, gid } = difference.class {
            let what = match difference.kind {
                Change::Added { .. } => "left behind, empty",
                Change::Removed { .. } => "gone; it was empty",
                Change::Changed { .. } => "changed, empty",
            };
            let _ = writeln!(out, "  mount point {}: {what} (owner {uid}:{gid})", difference.path);
        }
    }
}

fn one(out: &mut String, difference: &Difference) {
    let _ = match &difference.kind {
        Change::Added { file_type, size: bytes } => {
            writeln!(out, "  added {}: {}", difference.path, sized(file_type, *bytes))
        }
        Change::Removed { file_type, size: bytes } => {
            writeln!(out, "  removed {}: {}", difference.path, sized(file_type, *bytes))
        }
        Change::Changed { what } => {
            let what: Vec<_> = what.iter().map(aspect).collect();
            writeln!(out, "  changed {}: {}", difference.path, what.join("; "))
        }
    };
    if let Class::Real { hint: Some(hint) } = &difference.class {
        let _ = writeln!(out, "    hint: {hint}");
    }
    if let Some(diff) = &difference.diff {
        for line in diff.lines().take(DIFF_LINES) {
            let _ = writeln!(out, "    {line}");
        }
        let lines = diff.lines().count();
        if lines > DIFF_LINES {
            let _ = writeln!(out, "    … {} more lines", lines - DIFF_LINES);
        }
    }
}

fn sized(file_type: &str, bytes: u64) -> String {
    if file_type == "file" {
        format!("file, {}", size(bytes))
    } else {
        file_type.to_owned()
    }
}

fn aspect(aspect: &Aspect) -> String {
    match aspect {
        Aspect::Type { before, after } => format!("type {before} -> {after}"),
        Aspect::Mode { before, after } => format!("mode {before} -> {after}"),
        Aspect::Owner { before, after } => format!("owner {before} -> {after}"),
        Aspect::Content {
            before_size,
            after_size,
            ..
        } => format!("content, {before_size} -> {after_size} bytes"),
        Aspect::LinkTarget { before, after } => format!("link {before} -> {after}"),
        Aspect::Device { before, after } => format!("device {before} -> {after}"),
        Aspect::Xattrs { names } => format!("extended attributes {}", names.join(", ")),
    }
}

/// Bytes for people, in powers of 1000.
fn size(bytes: u64) -> String {
    match bytes {
        0..1000 => format!("{bytes} B"),
        1000..1_000_000 => format!("{:.1} kB", bytes as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", bytes as f64 / 1e6),
        _ => format!("{:.2} GB", bytes as f64 / 1e9),
    }
}
