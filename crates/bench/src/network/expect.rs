//! What a build would take over another line.

use super::Network;

/// The seconds to expect from a build at `to_bits_per_second` (decimal, not zero), from one
/// measured over `from`: what the measured build did besides downloading stays, and its downloads
/// take their bytes at the new bandwidth:
///
/// `max(0, measured_seconds - 8 · bytes / from) + 8 · bytes / to`
///
/// It assumes that downloads are not overlapped with work, as in a step that downloads, then
/// unpacks. Where they are (two stages at once, a tool that unpacks while it downloads), the true
/// time at a slower line is shorter than this and at a faster line longer, never outside
/// `measured_seconds` and the figure given; a report checks it by a run at a second bandwidth.
/// Latency, and the servers' own speed, are taken to stay as they are.
///
/// `None` where `from` leaves the bandwidth as it is: how much of the time was download is then
/// not known.
#[must_use]
pub fn predict_seconds(measured_seconds: f64, bytes: u64, from: Network, to_bits_per_second: u64) -> Option<f64> {
    let bits = bytes as f64 * 8.0;
    let downloading = bits / from.bits_per_second? as f64;
    let working = (measured_seconds - downloading).max(0.0);
    Some(working + bits / to_bits_per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MBIT: u64 = 1_000_000;

    fn at_50(measured: f64, bytes: u64, to: u64) -> f64 {
        predict_seconds(measured, bytes, Network::parse("50mbit/20ms").unwrap(), to).unwrap()
    }

    fn assert_close(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn the_download_is_scaled_and_the_work_is_not() {
        // 125 MB take 20 s at 50 Mbit/s, so 10 s are work.
        assert_close(at_50(30.0, 125_000_000, 20 * MBIT), 60.0);
        assert_close(at_50(30.0, 125_000_000, 50 * MBIT), 30.0);
        assert_close(at_50(30.0, 125_000_000, 100 * MBIT), 20.0);
        assert_close(at_50(30.0, 125_000_000, 1_000 * MBIT), 11.0);
    }

    #[test]
    fn a_build_without_downloads_stays_as_it_is() {
        assert_close(at_50(12.5, 0, 1_000 * MBIT), 12.5);
    }

    #[test]
    fn work_is_never_negative() {
        // More bytes than the line carried in that time: counted, but not waited for.
        assert_close(at_50(1.0, 125_000_000, 100 * MBIT), 10.0);
    }

    #[test]
    fn a_line_of_unknown_bandwidth_foretells_nothing() {
        assert_eq!(predict_seconds(30.0, 1, Network::AS_IS, MBIT), None);
    }
}
