//! The network a benchmark runs in, which it owns.
//!
//! What a cache mount saves is downloads. A fast mirror next door hides that, a slow one flatters
//! it, and a busy line makes every run different. So builds are handed a forward proxy of our own
//! ([`Proxy`]) by the predefined proxy build arguments (which do not enter the cache key), and the
//! proxy gives every build the same line and counts what came over it, host by host.

mod credentials;
mod dial;
mod expect;
mod forward;
mod line;
mod proxy;
mod shaper;
mod traffic;
mod upstream;

#[cfg(test)]
mod tests;

pub use expect::predict_seconds;
pub use proxy::{LoopbackTargets, Proxy, ProxyError, Settings};
pub use shaper::{Link, Passage};
pub use traffic::{HostTraffic, Traffic};
pub use upstream::{Upstream, UpstreamError};

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A line to the outside world: what it carries per second and how long a question and its answer
/// travel.
///
/// Written `BANDWIDTH[/ROUND-TRIP]`, for example `50mbit/20ms`, `20mbit` or `as-is`; what
/// [`Display`](fmt::Display) writes, [`Network::parse`] reads back to the same value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Network {
    /// Bits per second in each direction, decimal (1 kbit = 1,000 bits); `None` leaves the
    /// bandwidth as it is.
    pub bits_per_second: Option<u64>,
    /// What is added to a round trip, half of it in each direction.
    pub round_trip: Duration,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "read the network `{text}`: {reason}; write a bandwidth (`500kbit`, `50mbit`, `1gbit`) with or \
     without a round trip (`50mbit/20ms`), or `as-is`"
)]
pub struct NetworkError {
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

const SLOWEST: u64 = 1_000;
const FASTEST: u64 = 1_000_000_000_000;
/// Longer than any line on Earth, and short enough that a mistyped unit is noticed.
const LONGEST_ROUND_TRIP: Duration = Duration::from_secs(10);

const BANDWIDTH_UNITS: [(&str, u64); 4] = [
    ("gbit", 1_000_000_000),
    ("mbit", 1_000_000),
    ("kbit", 1_000),
    ("bit", 1),
];
/// In nanoseconds. `ms` and `us` stand before `s`, which ends them.
const TIME_UNITS: [(&str, u64); 3] = [("ms", 1_000_000), ("us", 1_000), ("s", 1_000_000_000)];

impl Network {
    /// The line as the machine has it: counted, not shaped.
    pub const AS_IS: Self = Self {
        bits_per_second: None,
        round_trip: Duration::ZERO,
    };

    /// Reads `50mbit/20ms`, `1gbit/5ms`, `20mbit`, `1.5mbit`, `500kbit/100ms` or `as-is`
    /// (`as-is/20ms` adds latency only). Upper and lower case mean the same.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let error = |reason| NetworkError {
            text: text.to_owned(),
            reason,
        };
        let lower = text.trim().to_ascii_lowercase();
        let (bandwidth, round_trip) = match lower.split_once('/') {
            Some((bandwidth, round_trip)) => (bandwidth, Some(round_trip)),
            None => (lower.as_str(), None),
        };
        let bits_per_second = if bandwidth == "as-is" {
            None
        } else {
            let bits =
                quantity(bandwidth, &BANDWIDTH_UNITS).ok_or_else(|| error("the bandwidth is no number with a unit"))?;
            if !(SLOWEST..=FASTEST).contains(&bits) {
                return Err(error("the bandwidth lies outside 1kbit to 1000gbit"));
            }
            Some(bits)
        };
        let round_trip = match round_trip {
            None => Duration::ZERO,
            Some(written) => Duration::from_nanos(
                quantity(written, &TIME_UNITS).ok_or_else(|| error("the round trip is no number with a unit"))?,
            ),
        };
        if round_trip > LONGEST_ROUND_TRIP {
            return Err(error("the round trip is longer than 10s"));
        }
        Ok(Self {
            bits_per_second,
            round_trip,
        })
    }

    /// Whether anything at all is added to what the machine has.
    #[must_use]
    pub fn is_as_is(&self) -> bool {
        *self == Self::AS_IS
    }

    /// Bytes per second, where the bandwidth is shaped.
    #[must_use]
    pub fn bytes_per_second(&self) -> Option<f64> {
        self.bits_per_second.map(|bits| bits as f64 / 8.0)
    }
}

/// A decimal number with one of `units`, as a whole number of the smallest unit. Digits that do
/// not fit into it (`1.23456bit`) are refused, so that nothing is rounded in silence.
fn quantity(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, factor) = units
        .iter()
        .find_map(|(unit, factor)| Some((text.strip_suffix(unit)?.trim_end(), *factor)))?;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || number.ends_with('.') {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let mut value = whole.checked_mul(factor)?;
    let mut place = factor;
    for digit in fraction.bytes() {
        let digit = u64::from(digit - b'0');
        if digit != 0 && place % 10 != 0 {
            return None;
        }
        place /= 10;
        value = value.checked_add(digit * place)?;
    }
    Some(value)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.bits_per_second {
            None => f.write_str("as-is")?,
            Some(bits) => write_in_largest_unit(f, bits, &BANDWIDTH_UNITS)?,
        }
        if !self.round_trip.is_zero() {
            f.write_str("/")?;
            let nanoseconds = u64::try_from(self.round_trip.as_nanos()).unwrap_or(u64::MAX);
            // Milliseconds are how people write a round trip, even one of a second.
            if nanoseconds.is_multiple_of(1_000_000) {
                write!(f, "{}ms", nanoseconds / 1_000_000)?;
            } else if nanoseconds.is_multiple_of(1_000) {
                write!(f, "{}us", nanoseconds / 1_000)?;
            } else {
                write!(f, "{}.{:03}us", nanoseconds / 1_000, nanoseconds % 1_000)?;
            }
        }
        Ok(())
    }
}

fn write_in_largest_unit(f: &mut fmt::Formatter<'_>, value: u64, units: &[(&str, u64)]) -> fmt::Result {
    for (unit, factor) in units {
        if value.is_multiple_of(*factor) {
            return write!(f, "{}{unit}", value / factor);
        }
    }
    write!(f, "{value}bit")
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Network {
    type Error = NetworkError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Network> for String {
    fn from(network: Network) -> Self {
        network.to_string()
    }
}
