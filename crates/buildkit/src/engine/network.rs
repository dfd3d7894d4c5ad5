//! An address for the engine's bridge that collides with nothing.

use std::net::Ipv4Addr;
use std::process::Command;

use super::program;
use crate::client::ask;
use crate::error::BuildError;

/// The range reserved for benchmarks of network devices (RFC 2544): nobody routes it.
const RANGE: u32 = u32::from_be_bytes([198, 18, 0, 0]);
/// A network of the range has 8 addresses; there are this many.
const NETWORKS: u32 = 1 << 14;
const PREFIX_LENGTH: u32 = 29;

/// `address/prefix` of a free network, different for different ids as a rule.
pub(super) fn free_address(id: &str) -> Result<String, BuildError> {
    let program = program::find("ip").ok_or_else(|| {
        BuildError::NoBuilder(
            "there is no program `ip`, which a private engine needs; on Debian `apt-get install iproute2` brings it"
                .to_owned(),
        )
    })?;
    let mut command = Command::new(program);
    command.args(["-4", "route", "show", "table", "all"]);
    choose(id, &ask(command)?).ok_or_else(|| {
        BuildError::NoBuilder(
            "all of 198.18.0.0/15, from which a private engine takes its address, is routed elsewhere".to_owned(),
        )
    })
}

fn choose(id: &str, routes: &str) -> Option<String> {
    let taken: Vec<(u32, u32)> = routes
        .split_whitespace()
        .filter_map(network)
        // Wide routes, as of tunnels for everything, give way to narrow ones.
        .filter(|(_, length)| *length > 8)
        .collect();
    // Any spread will do.
    let first = id
        .bytes()
        .fold(0u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(u32::from(byte)));
    (0..NETWORKS)
        .map(|offset| RANGE + (first.wrapping_add(offset) % NETWORKS) * 8)
        .find(|&candidate| {
            taken.iter().all(|&(address, length)| {
                let mask = mask(length.min(PREFIX_LENGTH));
                candidate & mask != address & mask
            })
        })
        .map(|network| format!("{}/{PREFIX_LENGTH}", Ipv4Addr::from(network + 1)))
}

fn network(word: &str) -> Option<(u32, u32)> {
    let (address, length) = word.split_once('/').unwrap_or((word, "32"));
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    Some((address.into(), length))
}

fn mask(length: u32) -> u32 {
    u32::MAX.checked_shl(32 - length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(routes: &str) -> Option<(u32, u32)> {
        choose("abcdefgh", routes).as_deref().and_then(network)
    }

    #[test]
    fn inside_the_range_and_usable() {
        let (address, length) = chosen("default via 192.0.2.1 dev eth0\n0.0.0.0/1 dev tun0").unwrap();
        assert_eq!(length, 29);
        assert_eq!(address & mask(15), RANGE);
        assert_eq!(address & 7, 1);
    }

    #[test]
    fn what_is_routed_is_avoided() {
        let (first, _) = chosen("").unwrap();
        let text = Ipv4Addr::from(first).to_string();
        for route in [
            format!("{text} dev x"),
            format!("{}/29 dev x", Ipv4Addr::from(first & mask(29))),
            format!("{}/20 dev x", Ipv4Addr::from(first & mask(20))),
        ] {
            let (other, _) = chosen(&route).unwrap();
            let length = network(route.split_whitespace().next().unwrap()).unwrap().1;
            assert_ne!(other & mask(length.min(29)), first & mask(length.min(29)), "{route}");
        }
    }

    #[test]
    fn different_ids_get_different_networks() {
        assert_ne!(choose("aaaaaaaa", ""), choose("aaaaaaab", ""));
    }

    #[test]
    fn a_range_that_is_taken() {
        assert_eq!(chosen("198.18.0.0/15 dev corp"), None);
    }
}
