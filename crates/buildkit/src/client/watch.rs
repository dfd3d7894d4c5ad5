//! The processes of a running client: their memory, and signals to all of them.

use std::collections::BTreeSet;

use fs_err as fs;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;

/// Watches a client's process and those it starts.
#[derive(Debug)]
pub(super) struct Watch {
    leader: u32,
    peak: Option<u64>,
}

impl Watch {
    /// `leader` is the client, which leads a process group of its own and was not waited for yet.
    pub(super) fn new(leader: u32) -> Self {
        Self { leader, peak: None }
    }

    /// Looks at the memory of all processes.
    pub(super) fn sample(&mut self) {
        for process in self.tree() {
            self.peak = self.peak.max(high_water(process));
        }
    }

    /// The highest resident set that any one of the processes had.
    pub(super) fn peak_rss_bytes(&self) -> Option<u64> {
        self.peak
    }

    /// The client itself has ended and waits to be waited for.
    pub(super) fn leader_has_ended(&self) -> bool {
        let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        i32::try_from(self.leader).is_ok_and(|leader| {
            waitid(Id::Pid(Pid::from_raw(leader)), flags).is_ok_and(|status| status != WaitStatus::StillAlive)
        })
    }

    /// Sends a signal to the group, and to children that have left it (the client runs its plugins in various ways).
    pub(super) fn signal(&self, signal: Signal) {
        let others = self.tree();
        let Ok(leader) = i32::try_from(self.leader) else {
            return;
        };
        // A process that has just ended is what we want anyway.
        let _ = killpg(Pid::from_raw(leader), signal);
        for process in others {
            let outside = fs::read_to_string(format!("/proc/{process}/stat"))
                .ok()
                .and_then(|stat| group_of(&stat))
                .is_some_and(|group| group != leader);
            if outside && let Ok(process) = i32::try_from(process) {
                let _ = kill(Pid::from_raw(process), signal);
            }
        }
    }

    fn tree(&self) -> BTreeSet<u32> {
        let mut found = BTreeSet::new();
        let mut open = vec![self.leader];
        while let Some(process) = open.pop() {
            if found.insert(process) {
                open.extend(children(process));
            }
        }
        found
    }
}

fn children(process: u32) -> Vec<u32> {
    // Each thread lists the children that it started.
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else {
        return Vec::new();
    };
    threads
        .flatten()
        .filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok())
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|number| number.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect()
}

fn high_water(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// The process group, the third field after the name, which is in parentheses and may hold anything.
fn group_of(stat: &str) -> Option<i32> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace().nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_of_a_process_with_a_strange_name() {
        assert_eq!(group_of("12 (a) b (c) S 1 77 12 0 -1"), Some(77));
    }

    #[test]
    fn own_memory_can_be_read() {
        assert!(high_water(std::process::id()).unwrap() > 100_000);
    }
}
