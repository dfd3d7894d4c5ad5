//! When the bytes of a shaped line arrive: arithmetic over a clock that the caller reads, so that
//! tests hold it against exact numbers.

use std::time::Duration;

use super::Network;

/// Time of the bandwidth that one chunk takes: small enough that connections take turns finely,
/// large enough that a fast line is not all bookkeeping.
const CHUNK_TIME: Duration = Duration::from_millis(2);
/// What an Ethernet packet carries of a TCP stream.
const SMALLEST_CHUNK: usize = 1_460;
const LARGEST_CHUNK: usize = 32 * 1024;

/// How far before the end of its last chunk a connection may hand in the next one.
///
/// A timer wakes up to some milliseconds late. Handing in early keeps the line's schedule filled
/// across that, without letting anything arrive before its time.
const AHEAD: Duration = Duration::from_millis(10);

/// The most that one direction of one connection ever holds, whatever the bandwidth-delay product.
const LARGEST_CAPACITY: usize = 64 * 1024 * 1024;

/// One direction of a line, shared by all connections.
///
/// It is a token bucket that saves nothing: a chunk starts when the line is free and is through
/// after `size / bandwidth`; idle time gives no credit. The largest burst is therefore one chunk
/// (2 ms of the bandwidth, at least 1,460 bytes, at most 32 KiB). Half the round trip is added
/// after that to every chunk by itself, as a longer cable would: chunks travel behind one another,
/// so latency costs time once and no bandwidth.
///
/// Connections are treated fairly because each hands in one chunk and then waits for its
/// [`Passage::next`], so those that have something to send take turns.
///
/// Not modelled: packet loss, slow start of TCP, and the handshake of a plain HTTP connection.
#[derive(Debug, Clone)]
pub struct Link {
    network: Network,
    free_at: Duration,
}

/// What becomes of a chunk. All times are on the caller's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// When its last byte has left.
    pub sent: Duration,
    /// When its last byte has arrived.
    pub arrives: Duration,
    /// When the same connection may hand in its next chunk.
    pub next: Duration,
}

impl Link {
    /// An idle line.
    #[must_use]
    pub fn new(network: Network) -> Self {
        Self {
            network,
            free_at: Duration::ZERO,
        }
    }

    /// Changes the line from now on; what is under way keeps its times.
    pub fn set_network(&mut self, network: Network) {
        self.network = network;
    }

    /// Hands in `bytes` at `now`, which must not run backwards.
    pub fn send(&mut self, now: Duration, bytes: usize) -> Passage {
        let Some(bits_per_second) = self.network.bits_per_second else {
            return Passage {
                sent: now,
                arrives: now + self.network.round_trip / 2,
                next: now,
            };
        };
        let sent = self.free_at.max(now) + transmission_time(bytes, bits_per_second);
        self.free_at = sent;
        Passage {
            sent,
            arrives: sent + self.network.round_trip / 2,
            next: sent.saturating_sub(AHEAD).max(now),
        }
    }

    /// The most bytes to hand in at once.
    #[must_use]
    pub fn chunk(&self) -> usize {
        match self.network.bits_per_second {
            None => LARGEST_CHUNK,
            Some(bits) => bytes_in(CHUNK_TIME, bits).clamp(SMALLEST_CHUNK, LARGEST_CHUNK),
        }
    }

    /// The most bytes one connection may have under way: what the line holds in half a round trip
    /// (and in the time a chunk is handed in early or a timer comes late), and two chunks. A
    /// client that does not read fills this and no more.
    #[must_use]
    pub fn capacity(&self) -> usize {
        let half = self.network.round_trip / 2;
        let Some(bits) = self.network.bits_per_second else {
            // The bandwidth is not known; latency without it is held up by this alone.
            return if half.is_zero() {
                4 * LARGEST_CHUNK
            } else {
                LARGEST_CAPACITY
            };
        };
        (bytes_in(half + 2 * AHEAD, bits) + 2 * self.chunk()).min(LARGEST_CAPACITY)
    }
}

fn transmission_time(bytes: usize, bits_per_second: u64) -> Duration {
    let nanoseconds = bytes as u128 * 8 * 1_000_000_000 / u128::from(bits_per_second);
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

fn bytes_in(time: Duration, bits_per_second: u64) -> usize {
    let bytes = time.as_nanos() * u128::from(bits_per_second) / 8 / 1_000_000_000;
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(network: &str) -> Link {
        Link::new(Network::parse(network).unwrap())
    }

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// What a connection with endless data does: hand in a chunk, wait for `next`, hand in the
    /// next one, each time `late`. Returns every passage.
    fn transfer(link: &mut Link, bytes: usize, late: Duration) -> Vec<Passage> {
        let mut now = Duration::ZERO;
        let mut left = bytes;
        let mut passages = Vec::new();
        while left > 0 {
            let size = left.min(link.chunk());
            let passage = link.send(now, size);
            passages.push(passage);
            left -= size;
            if passage.next > now {
                now = passage.next + late;
            }
        }
        passages
    }

    #[test]
    fn fifty_megabit_carry_6_25_megabytes_in_a_second() {
        let mut link = link("50mbit");
        assert_eq!(link.chunk(), 12_500);
        let passages = transfer(&mut link, 6_250_000, Duration::ZERO);
        assert_eq!(passages.len(), 500);
        assert_eq!(passages[0].arrives, ms(2));
        assert_eq!(passages[1].arrives, ms(4));
        assert_eq!(passages[499].arrives, ms(1_000));
    }

    #[test]
    fn latency_is_added_once_and_not_per_chunk() {
        let mut link = link("50mbit/20ms");
        let passages = transfer(&mut link, 6_250_000, Duration::ZERO);
        assert_eq!(passages[0].arrives, ms(12));
        assert_eq!(passages[499].arrives, ms(1_010));
    }

    #[test]
    fn late_timers_cost_no_bandwidth() {
        let mut link = link("50mbit/20ms");
        let passages = transfer(&mut link, 6_250_000, ms(9));
        assert_eq!(passages.last().unwrap().arrives, ms(1_010));
    }

    #[test]
    fn idle_time_gives_no_credit() {
        let mut link = link("8mbit");
        assert_eq!(link.send(ms(0), 1_000).sent, ms(1));
        assert_eq!(link.send(ms(5_000), 2_000).sent, ms(5_002));
        assert_eq!(link.send(ms(5_000), 1_000).sent, ms(5_003));
    }

    #[test]
    fn two_connections_share_alike_even_if_one_came_first() {
        let mut link = link("50mbit");
        let chunk = link.chunk();
        // The first has the line to itself for a while, handing in ahead as it may.
        let mut first = link.send(ms(0), chunk);
        while first.next == Duration::ZERO {
            first = link.send(ms(0), chunk);
        }
        let mut sent = [0_usize; 2];
        let mut next = [first.next, Duration::ZERO];
        while sent[0] + sent[1] < 1_000 {
            let turn = usize::from(next[1] < next[0]);
            let passage = link.send(next[turn], chunk);
            next[turn] = passage.next;
            sent[turn] += 1;
        }
        assert!(
            sent[0].abs_diff(sent[1]) <= 8,
            "the newcomer is behind by what it may hand in ahead: {sent:?}"
        );
        // Together they were as fast as one: 6 chunks alone, 1,000 shared.
        assert_eq!(link.free_at, ms(2 * 1_006));
    }

    #[test]
    fn as_is_holds_nothing_back() {
        let mut link = link("as-is");
        let passage = link.send(ms(7), 1_000_000_000);
        assert_eq!((passage.arrives, passage.next), (ms(7), ms(7)));
    }

    #[test]
    fn latency_without_a_bandwidth() {
        let passage = link("as-is/30ms").send(ms(7), 1_000_000_000);
        assert_eq!((passage.arrives, passage.next), (ms(22), ms(7)));
    }

    #[test]
    fn a_line_changes_while_it_runs() {
        let mut link = link("8mbit");
        assert_eq!(link.send(ms(0), 10_000).sent, ms(10));
        link.set_network(Network::parse("80mbit").unwrap());
        assert_eq!(link.send(ms(0), 10_000).sent, ms(11));
    }

    #[test]
    fn chunks_and_capacity_follow_the_bandwidth() {
        assert_eq!(link("500kbit").chunk(), SMALLEST_CHUNK);
        assert_eq!(link("1gbit").chunk(), LARGEST_CHUNK);
        // 50 Mbit/s hold 62,500 bytes in 10 ms and 125,000 in the slack of 20 ms.
        assert_eq!(link("50mbit/20ms").capacity(), 187_500 + 25_000);
        assert_eq!(link("100gbit/10s").capacity(), LARGEST_CAPACITY);
    }

    /// The capacity must never be what limits a connection whose client keeps reading.
    #[test]
    fn a_reading_client_never_meets_the_capacity() {
        for network in ["50mbit/20ms", "1gbit/5ms", "500kbit/100ms", "20mbit"] {
            let mut link = link(network);
            let mut now = Duration::ZERO;
            let mut under_way: Vec<(Duration, usize)> = Vec::new();
            for _ in 0..2_000 {
                let size = link.chunk();
                let passage = link.send(now, size);
                under_way.retain(|(arrives, _)| *arrives > now);
                under_way.push((passage.arrives, size));
                let held: usize = under_way.iter().map(|(_, size)| size).sum();
                assert!(held <= link.capacity(), "{network}: {held}");
                now = passage.next;
            }
        }
    }
}
