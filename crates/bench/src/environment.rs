//! What the figures were measured on.

use cachemount_buildkit::BuilderInfo;
use fs_err as fs;
use serde::{Deserialize, Serialize};

/// The machine that cachemount ran on, and the builder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// The builder.
    pub builder: BuilderInfo,
    /// Cores that this process may use.
    pub cores: usize,
    /// Memory in bytes, where known.
    pub memory_bytes: Option<u64>,
    /// The kernel's release.
    pub kernel: String,
    /// The architecture.
    pub architecture: String,
    /// When the run began, in RFC 3339.
    pub started: String,
    /// The version of cachemount.
    pub cachemount: String,
}

impl Environment {
    /// Asks the system.
    #[must_use]
    pub fn read(builder: BuilderInfo, started: String) -> Self {
        let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self {
            builder,
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_total(&memory),
            kernel: match kernel.trim() {
                "" => std::env::consts::OS.to_owned(),
                release => format!("Linux {release}"),
            },
            architecture: std::env::consts::ARCH.to_owned(),
            started,
            cachemount: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

fn memory_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory() {
        assert_eq!(memory_total("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert_eq!(memory_total(""), None);
    }
}
