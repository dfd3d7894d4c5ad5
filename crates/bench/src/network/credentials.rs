//! The one-time password of a proxy.
//!
//! While it runs, the proxy would serve anybody who can reach the address it listens on, other
//! users of the machine and other containers of the bridge among them. It therefore answers only
//! who knows a word made for this run. apt, curl, pip, uv and npm all send what stands in the
//! proxy's URL; the predefined proxy arguments, in which that URL reaches a build, are neither
//! kept in the image nor part of the cache key.

use std::collections::hash_map::RandomState;
use std::fmt::Write as _;
use std::hash::{BuildHasher, Hasher};

/// The user name; it says in other programs' messages whose proxy this is.
pub(super) const USER: &str = "cachemount";

/// A word for one run, and the header value that proves one knows it.
#[derive(Debug)]
pub(super) struct Credentials {
    token: String,
    expected: String,
}

impl Credentials {
    pub(super) fn generate() -> Self {
        // The standard library's hasher is SipHash with keys from the system's random source: a
        // pseudo-random function, whose outputs on distinct inputs say nothing of each other.
        let state = RandomState::new();
        let mut token = String::new();
        for part in 0..2_u64 {
            let mut hasher = state.build_hasher();
            hasher.write_u64(part);
            // Writing to a string does not fail.
            let _ = write!(token, "{:016x}", hasher.finish());
        }
        let expected = base64(format!("{USER}:{token}").as_bytes());
        Self { token, expected }
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether a `Proxy-Authorization` value is Basic (RFC 7617) with our word.
    pub(super) fn accept(&self, value: &[u8]) -> bool {
        let Some((scheme, given)) = value.split_at_checked(6) else {
            return false;
        };
        let given = given.trim_ascii();
        // Looks at every byte, so that the time taken does not tell how many were right.
        scheme.eq_ignore_ascii_case(b"basic ")
            && given.len() == self.expected.len()
            && given
                .iter()
                .zip(self.expected.bytes())
                .fold(0, |differing, (left, right)| differing | (left ^ right))
                == 0
    }
}

/// Base64 with padding (RFC 4648, section 4).
pub(super) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let value = group
            .iter()
            .fold(0_usize, |value, byte| value << 8 | usize::from(*byte))
            << (8 * (3 - group.len()));
        for place in 0..4 {
            if place <= group.len() {
                text.push(char::from(ALPHABET[value >> (18 - 6 * place) & 63]));
            } else {
                text.push('=');
            }
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_in_the_examples_of_rfc_4648() {
        for (plain, encoded) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
        // RFC 7617, section 2.
        assert_eq!(base64(b"Aladdin:open sesame"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
    }

    #[test]
    fn only_the_word_of_this_run_opens() {
        let credentials = Credentials::generate();
        let other = Credentials::generate();
        let header = |credentials: &Credentials| format!("Basic {}", credentials.expected);
        assert!(credentials.accept(header(&credentials).as_bytes()));
        assert!(credentials.accept(format!("basic  {}", credentials.expected).as_bytes()));
        assert!(!credentials.accept(header(&other).as_bytes()));
        assert!(!credentials.accept(b"Basic "));
        assert!(!credentials.accept(b""));
        assert!(!credentials.accept(format!("Bearer {}", credentials.token).as_bytes()));
        assert_eq!(credentials.token.len(), 32);
    }
}
