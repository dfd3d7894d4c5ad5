//! Control groups: where they are, and what they say about the processes in them.
//!
//! Both generations are in use: one tree for everything (v2), or one per controller (v1, also next to an empty v2 tree).

use std::path::{Path, PathBuf};

use fs_err as fs;

use crate::builder::BuilderUsage;

/// A mounted tree in which groups for processor and memory accounting can be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchy {
    pub(crate) mount: PathBuf,
    pub(crate) kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The one tree of v2.
    Unified,
    /// A v1 tree that accounts for processor time.
    Cpu,
    /// A v1 tree that accounts for memory.
    Memory,
    /// A v1 tree that does both.
    CpuAndMemory,
}

impl Kind {
    fn has_memory(self) -> bool {
        matches!(self, Self::Memory | Self::CpuAndMemory)
    }

    fn has_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::CpuAndMemory)
    }
}

/// The trees of this machine, from its table of mounts.
pub(crate) fn hierarchies() -> std::io::Result<Vec<Hierarchy>> {
    Ok(parse_mounts(&fs::read_to_string("/proc/self/mounts")?))
}

fn parse_mounts(table: &str) -> Vec<Hierarchy> {
    let mut v1: Vec<Hierarchy> = Vec::new();
    let mut v2 = None;
    for line in table.lines() {
        let mut fields = line.split_whitespace();
        let (Some(_), Some(mount), Some(kind), Some(options)) =
            (fields.next(), fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        let mount = PathBuf::from(mount);
        if kind == "cgroup2" {
            v2.get_or_insert(Hierarchy {
                mount,
                kind: Kind::Unified,
            });
        } else if kind == "cgroup" {
            let has = |name| options.split(',').any(|option| option == name);
            let kind = match (has("cpuacct"), has("memory")) {
                (true, true) => Kind::CpuAndMemory,
                (true, false) => Kind::Cpu,
                (false, true) => Kind::Memory,
                (false, false) => continue,
            };
            if v1.iter().all(|known| known.kind != kind) {
                v1.push(Hierarchy { mount, kind });
            }
        }
    }
    // With v1 controllers present the v2 tree has none of its own.
    if v1.is_empty() { v2.into_iter().collect() } else { v1 }
}

/// Reads what the processes of one group, and of all groups below it, have used.
///
/// The peak counters of the kernel include the page cache, which for a build that downloads much is most of it and
/// says nothing about need. So memory is sampled instead, without the cache; a peak between two samples is missed.
#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    cpu: Option<PathBuf>,
    memory: Option<PathBuf>,
    unified: bool,
}

impl Gauge {
    /// For the group with this path below the root of each tree.
    pub(crate) fn new(hierarchies: &[Hierarchy], group: &str) -> Self {
        let group = group.trim_start_matches('/');
        let find = |wanted: fn(Kind) -> bool| {
            hierarchies
                .iter()
                .find(|hierarchy| wanted(hierarchy.kind) || hierarchy.kind == Kind::Unified)
                .map(|hierarchy| hierarchy.mount.join(group))
        };
        Self {
            cpu: find(Kind::has_cpu),
            memory: find(Kind::has_memory),
            unified: hierarchies.iter().any(|hierarchy| hierarchy.kind == Kind::Unified),
        }
    }

    /// Processor seconds since the group was made.
    fn cpu_seconds(&self) -> Option<f64> {
        let group = self.cpu.as_deref()?;
        if self.unified {
            let micros = field(&read(group, "cpu.stat")?, "usage_usec")?;
            Some(micros as f64 / 1e6)
        } else {
            let nanos: u64 = read(group, "cpuacct.usage")?.trim().parse().ok()?;
            Some(nanos as f64 / 1e9)
        }
    }

    /// Bytes in use now: anonymous memory and files that live in memory only.
    fn memory_bytes(&self) -> Option<u64> {
        let stat = read(self.memory.as_deref()?, "memory.stat")?;
        let (anonymous, shared) = if self.unified {
            ("anon", "shmem")
        } else {
            ("total_rss", "total_shmem")
        };
        Some(field(&stat, anonymous)? + field(&stat, shared).unwrap_or(0))
    }
}

fn read(group: &Path, file: &str) -> Option<String> {
    fs::read_to_string(group.join(file)).ok()
}

fn field(text: &str, name: &str) -> Option<u64> {
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.trim().parse().ok())
}

/// One measurement with a gauge, from its start to its end.
#[derive(Debug)]
pub(crate) struct Measurement<'a> {
    gauge: Option<&'a Gauge>,
    cpu_before: Option<f64>,
    peak: Option<u64>,
}

impl<'a> Measurement<'a> {
    pub(crate) fn start(gauge: Option<&'a Gauge>) -> Self {
        Self {
            gauge,
            cpu_before: gauge.and_then(Gauge::cpu_seconds),
            peak: gauge.and_then(Gauge::memory_bytes),
        }
    }

    /// Looks at the memory once more.
    pub(crate) fn sample(&mut self) {
        if let Some(now) = self.gauge.and_then(Gauge::memory_bytes) {
            self.peak = self.peak.max(Some(now));
        }
    }

    pub(crate) fn finish(mut self) -> Option<BuilderUsage> {
        self.sample();
        let after = self.gauge?.cpu_seconds()?;
        Some(BuilderUsage {
            cpu_seconds: after - self.cpu_before?,
            peak_memory_bytes: self.peak,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mount_and_kind(table: &str) -> Vec<(String, Kind)> {
        parse_mounts(table)
            .into_iter()
            .map(|hierarchy| (hierarchy.mount.display().to_string(), hierarchy.kind))
            .collect()
    }

    #[test]
    fn one_tree() {
        let table = "proc /proc proc rw 0 0\n\
                     cgroup2 /sys/fs/cgroup cgroup2 rw,nosuid,nsdelegate 0 0\n";
        assert_eq!(mount_and_kind(table), [("/sys/fs/cgroup".to_owned(), Kind::Unified)]);
    }

    #[test]
    fn a_tree_per_controller_with_an_empty_v2_beside() {
        let table = "cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n\
                     cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0\n\
                     cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0\n\
                     cgroup /sys/fs/cgroup/pids cgroup rw,pids 0 0\n";
        assert_eq!(
            mount_and_kind(table),
            [
                ("/sys/fs/cgroup/cpu,cpuacct".to_owned(), Kind::Cpu),
                ("/sys/fs/cgroup/memory".to_owned(), Kind::Memory),
            ]
        );
    }

    #[test]
    fn reads_v2_files() {
        let dir = tempfile::tempdir().unwrap();
        let group = dir.path().join("g");
        fs::create_dir(&group).unwrap();
        fs::write(group.join("cpu.stat"), "usage_usec 1500000\nuser_usec 1\n").unwrap();
        fs::write(group.join("memory.stat"), "anon 100\nfile 900\nshmem 20\n").unwrap();
        let tree = [Hierarchy {
            mount: dir.path().to_owned(),
            kind: Kind::Unified,
        }];
        let gauge = Gauge::new(&tree, "/g");
        let mut measurement = Measurement::start(Some(&gauge));
        fs::write(group.join("memory.stat"), "anon 400\nshmem 20\n").unwrap();
        measurement.sample();
        fs::write(group.join("memory.stat"), "anon 7\nshmem 0\n").unwrap();
        fs::write(group.join("cpu.stat"), "usage_usec 4000000\n").unwrap();
        let usage = measurement.finish().unwrap();
        assert!((usage.cpu_seconds - 2.5).abs() < 1e-9);
        assert_eq!(usage.peak_memory_bytes, Some(420));
    }

    #[test]
    fn reads_v1_files() {
        let dir = tempfile::tempdir().unwrap();
        let trees: Vec<Hierarchy> = [("cpuacct", Kind::Cpu), ("memory", Kind::Memory)]
            .into_iter()
            .map(|(name, kind)| Hierarchy {
                mount: dir.path().join(name),
                kind,
            })
            .collect();
        for tree in &trees {
            fs::create_dir_all(tree.mount.join("g")).unwrap();
        }
        fs::write(dir.path().join("cpuacct/g/cpuacct.usage"), "2000000000\n").unwrap();
        fs::write(
            dir.path().join("memory/g/memory.stat"),
            "rss 1\ntotal_cache 50\ntotal_rss 30\ntotal_shmem 4\n",
        )
        .unwrap();
        let gauge = Gauge::new(&trees, "g");
        assert_eq!(gauge.cpu_seconds(), Some(2.0));
        assert_eq!(gauge.memory_bytes(), Some(34));
    }

    #[test]
    fn no_gauge_no_figures() {
        assert_eq!(Measurement::start(None).finish(), None);
    }
}
