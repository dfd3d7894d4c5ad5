//! The records of the stream, as far as they are of use here.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// One record. Transfer counters and warnings are left out.
#[derive(Debug, Deserialize)]
pub(super) struct Status {
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) vertexes: Vec<Vertex>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub(super) logs: Vec<Log>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Vertex {
    pub(super) digest: String,
    #[serde(default)]
    pub(super) name: String,
    pub(super) started: Option<Timestamp>,
    pub(super) completed: Option<Timestamp>,
    #[serde(default)]
    pub(super) cached: bool,
    #[serde(default)]
    pub(super) error: String,
}

#[derive(Debug, Deserialize)]
pub(super) struct Log {
    pub(super) vertex: String,
    #[serde(default, deserialize_with = "base64")]
    pub(super) data: Vec<u8>,
}

/// Go writes an empty list as `null`.
fn null_is_empty<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

fn base64<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
    decode_base64(&text).ok_or_else(|| serde::de::Error::custom("no base64"))
}

/// Standard alphabet, padding optional.
fn decode_base64(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for byte in text.trim_end_matches('=').bytes() {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push(u8::try_from((bits >> held) & 0xff).ok()?);
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_padding() {
        let cases = [
            ("", Some("")),
            ("Zg==", Some("f")),
            ("Zm8=", Some("fo")),
            ("Zm9v", Some("foo")),
            ("Zm9vYmE=", Some("fooba")),
            ("Z*9v", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(
                decode_base64(text),
                bytes.map(|bytes| bytes.as_bytes().to_vec()),
                "{text}"
            );
        }
        assert_eq!(decode_base64("/+8="), Some(vec![0xff, 0xef]));
    }
}
