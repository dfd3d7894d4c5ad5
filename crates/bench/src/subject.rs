//! What is measured, and how.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use cachemount_lint::outline::Outline;

use crate::network::Network;
use crate::scenario::{Change, Scenario};

/// What is built: a context, and how the user builds it.
#[derive(Debug, Clone, Default)]
pub struct Subject {
    /// A name for reports, such as `backend`.
    pub name: String,
    /// The build context's folder. It is copied, never written to.
    pub context: PathBuf,
    /// The stage to build; the last one if `None`.
    pub target: Option<String>,
    /// `--build-arg` pairs.
    pub build_args: Vec<(String, String)>,
    /// `--build-context` pairs.
    pub build_contexts: Vec<(String, String)>,
    /// The ignore file that belongs to the Dockerfile (`<Dockerfile>.dockerignore`), where there is one. `BuildKit` then
    /// does not look at the context's `.dockerignore`.
    pub ignore_file: Option<PathBuf>,
}

/// One Dockerfile to measure.
#[derive(Debug, Clone, Default)]
pub struct Variant {
    /// Its name in reports: `before`, `after`.
    pub name: String,
    /// Its text.
    pub dockerfile: String,
    /// Its outline, made from exactly this text.
    pub outline: Outline,
}

/// How to measure.
#[derive(Debug, Clone)]
pub struct Options {
    /// The scenarios to measure. Whatever they are, the states they start from come from a cold build.
    pub scenarios: Vec<Scenario>,
    /// Repetitions of every scenario but the cold one.
    pub runs: usize,
    /// Repetitions of the cold scenario.
    pub cold_runs: usize,
    /// The line that builds get.
    pub network: Network,
    /// Lines at which the dependencies scenario is built once more, to check what was predicted for them.
    pub check_networks: Vec<Network>,
    /// Bandwidths to predict for, in bits per second.
    pub prediction_bits: Vec<u64>,
    /// Names this run: its mount namespaces and the argument that gives it layers of its own. Two runs on one builder
    /// must not have the same; the default comes from the clock.
    pub seed: u64,
    /// What to change in a scenario, where it should not be chosen from the Dockerfile.
    pub changes: Vec<(Scenario, Change)>,
}

impl Default for Options {
    fn default() -> Self {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // The low 64 bits of the nanoseconds wrap after 584 years.
        #[expect(clippy::cast_possible_truncation)]
        let nanoseconds = clock.as_nanos() as u64;
        Self {
            scenarios: Scenario::ALL.to_vec(),
            runs: 3,
            cold_runs: 1,
            network: Network::AS_IS,
            check_networks: Vec::new(),
            prediction_bits: vec![20_000_000, 100_000_000, 1_000_000_000],
            seed: nanoseconds ^ (u64::from(std::process::id()) << 40),
            changes: Vec::new(),
        }
    }
}

impl Options {
    /// Two lines to check predictions at: of 20, 100 and 1000 Mbit/s the two slowest that are not `network` itself, with
    /// its round trip. None where `network` has no bandwidth, for then nothing is predicted.
    #[must_use]
    pub fn usual_checks(network: Network) -> Vec<Network> {
        if network.bits_per_second.is_none() {
            return Vec::new();
        }
        [20_000_000, 100_000_000, 1_000_000_000]
            .into_iter()
            .filter(|bits| Some(*bits) != network.bits_per_second)
            .take(2)
            .map(|bits| Network {
                bits_per_second: Some(bits),
                round_trip: network.round_trip,
            })
            .collect()
    }

    /// The run's name, made of the seed: sixteen hexadecimal digits.
    #[must_use]
    pub fn run_id(&self) -> String {
        format!("{:016x}", self.seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_other_lines_than_the_measured_one() {
        let at = |text: &str| {
            Options::usual_checks(Network::parse(text).unwrap())
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(at("50mbit/20ms"), ["20mbit/20ms", "100mbit/20ms"]);
        assert_eq!(at("20mbit/5ms"), ["100mbit/5ms", "1gbit/5ms"]);
        assert!(at("as-is").is_empty());
    }
}
