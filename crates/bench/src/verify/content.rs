//! The second look: fetches the content of small files that really differ, and shows in what.

use std::collections::{BTreeMap, BTreeSet};

use similar::TextDiff;

use super::archive::Image;
use super::compare::{Aspect, Change, Difference};
use super::tarstream::{each_entry, truncated_or};
use super::tree::{Kind, Origin, Tree};
use super::{CompareOptions, VerifyError, volatile};

/// What all contents together may take up in memory, per image, in bytes.
const TOTAL_LIMIT: u64 = 64 << 20;
/// Lines around a change.
const CONTEXT: usize = 3;

pub(super) fn add_diffs(
    differences: &mut [Difference],
    before: (&Image, &Tree),
    after: (&Image, &Tree),
    options: &CompareOptions,
) -> Result<(), VerifyError> {
    let mut wanted = Vec::new();
    let mut total = 0;
    for (number, difference) in differences
        .iter()
        .enumerate()
        .filter(|(_, difference)| difference.is_real())
    {
        let Change::Changed { what } = &difference.kind else {
            continue;
        };
        let sizes = what.iter().find_map(|aspect| match aspect {
            &Aspect::Content {
                before_size,
                after_size,
                ..
            } => Some(before_size.max(after_size)),
            _ => None,
        });
        let Some(size) = sizes.filter(|&size| size <= options.text_limit && total + size <= TOTAL_LIMIT) else {
            continue;
        };
        let (Some(a), Some(b)) = (
            origin(before.1, &difference.raw_path),
            origin(after.1, &difference.raw_path),
        ) else {
            continue;
        };
        total += size;
        wanted.push((number, a, b));
    }
    let old = fetch(before.0, &wanted.iter().map(|&(_, a, _)| a).collect())?;
    let new = fetch(after.0, &wanted.iter().map(|&(_, _, b)| b).collect())?;
    for (number, a, b) in wanted {
        if let (Some(a), Some(b)) = (old.get(&a), new.get(&b)) {
            let difference = &mut differences[number];
            difference.diff = diff(&difference.raw_path, &difference.path, a, b);
        }
    }
    Ok(())
}

fn origin(tree: &Tree, path: &[u8]) -> Option<Origin> {
    match tree.nodes.get(path)?.kind {
        Kind::File { origin, .. } => Some(origin),
        _ => None,
    }
}

fn fetch(image: &Image, wanted: &BTreeSet<Origin>) -> Result<BTreeMap<Origin, Vec<u8>>, VerifyError> {
    let mut found = BTreeMap::new();
    let layers: BTreeSet<u32> = wanted.iter().map(|origin| origin.layer).collect();
    for layer in layers {
        image.read_layer(layer as usize, |mut reader| {
            each_entry(&mut reader, |ordinal, _, content| {
                let origin = Origin { layer, ordinal };
                if wanted.contains(&origin) {
                    let mut bytes = Vec::new();
                    content.read_to_end(&mut bytes).map_err(truncated_or)?;
                    found.insert(origin, bytes);
                }
                Ok(())
            })
        })?;
    }
    Ok(found)
}

/// Unified format, without the volatile parts where they are known; none if one of the two is not text.
fn diff(raw_path: &[u8], path: &str, before: &[u8], after: &[u8]) -> Option<String> {
    let normal = volatile::rule(raw_path).and_then(|rule| Some(((rule.normalise)(before)?, (rule.normalise)(after)?)));
    let (before, after) = normal.as_ref().map_or((before, after), |(a, b)| (a, b));
    let (before, after) = (text(before)?, text(after)?);
    let diff = TextDiff::from_lines(before, after);
    Some(
        diff.unified_diff()
            .context_radius(CONTEXT)
            .header(&format!("before{path}"), &format!("after{path}"))
            .to_string(),
    )
}

fn text(bytes: &[u8]) -> Option<&str> {
    str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'))
}
