//! The part of an image's configuration that a container sees.

use serde::Serialize;
use serde_json::Value;

/// What the image is for.
const TOP: &[&str] = &["architecture", "os", "variant", "os.version"];

/// How a container starts.
const FIELDS: &[&str] = &[
    "Env",
    "Cmd",
    "Entrypoint",
    "WorkingDir",
    "User",
    "Labels",
    "ExposedPorts",
    "Volumes",
    "StopSignal",
    "Healthcheck",
    "Shell",
    "OnBuild",
];

/// One field of the configuration that differs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfigDifference {
    /// The field's name in the image configuration.
    pub field: &'static str,
    /// Its value before; null if unset or empty.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

pub(super) fn compare(before: &Value, after: &Value) -> Vec<ConfigDifference> {
    let top = TOP.iter().map(|&field| (field, &before[field], &after[field]));
    let inner = FIELDS
        .iter()
        .map(|&field| (field, &before["config"][field], &after["config"][field]));
    top.chain(inner)
        .map(|(field, a, b)| ConfigDifference {
            field,
            before: unset_if_empty(a),
            after: unset_if_empty(b),
        })
        .filter(|difference| difference.before != difference.after)
        .collect()
}

/// Engines write an unset field as null, as an empty list or not at all.
fn unset_if_empty(value: &Value) -> Value {
    match value {
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::Object(map) if map.is_empty() => Value::Null,
        Value::String(text) if text.is_empty() => Value::Null,
        value => value.clone(),
    }
}
