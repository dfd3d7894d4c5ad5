use std::time::Duration;

use proptest::prelude::*;

use crate::network::Network;

#[test]
fn accepted_forms() {
    let network = |bits, milliseconds| Network {
        bits_per_second: bits,
        round_trip: Duration::from_millis(milliseconds),
    };
    for (text, expected, shown) in [
        ("as-is", Network::AS_IS, "as-is"),
        ("50mbit/20ms", network(Some(50_000_000), 20), "50mbit/20ms"),
        ("1gbit/5ms", network(Some(1_000_000_000), 5), "1gbit/5ms"),
        ("20mbit", network(Some(20_000_000), 0), "20mbit"),
        ("500kbit/100ms", network(Some(500_000), 100), "500kbit/100ms"),
        (" 1.5MBit/0.2s", network(Some(1_500_000), 200), "1500kbit/200ms"),
        ("as-is/20ms", network(None, 20), "as-is/20ms"),
        ("1001bit", network(Some(1_001), 0), "1001bit"),
    ] {
        let read = Network::parse(text).unwrap();
        assert_eq!(read, expected, "{text}");
        assert_eq!(read.to_string(), shown);
    }
    let half = Network::parse("20mbit/500us").unwrap();
    assert_eq!(half.round_trip, Duration::from_micros(500));
    assert_eq!(half.to_string(), "20mbit/500us");
    assert!(!half.is_as_is());
    assert_eq!(half.bytes_per_second(), Some(2_500_000.0));
}

#[test]
fn a_wrong_form_is_told_what_is_right() {
    for (text, reason) in [
        ("", "the bandwidth is no number with a unit"),
        ("50", "the bandwidth is no number with a unit"),
        ("50mb", "the bandwidth is no number with a unit"),
        ("-5mbit", "the bandwidth is no number with a unit"),
        ("5.mbit", "the bandwidth is no number with a unit"),
        ("1.2345kbit", "the bandwidth is no number with a unit"),
        ("0mbit", "the bandwidth lies outside 1kbit to 1000gbit"),
        ("2000gbit", "the bandwidth lies outside 1kbit to 1000gbit"),
        ("50mbit/", "the round trip is no number with a unit"),
        ("50mbit/20", "the round trip is no number with a unit"),
        ("50mbit/11s", "the round trip is longer than 10s"),
    ] {
        let error = Network::parse(text).unwrap_err();
        assert_eq!(error.reason, reason, "{text}");
        assert!(error.to_string().contains("`50mbit/20ms`"));
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(
        bits in proptest::option::of(1_000_u64..=1_000_000_000_000),
        nanoseconds in 0_u64..=10_000_000_000,
    ) {
        let network = Network {
            bits_per_second: bits,
            round_trip: Duration::from_nanos(nanoseconds),
        };
        prop_assert_eq!(Network::parse(&network.to_string()).unwrap(), network);
        let json = serde_json::to_string(&network).unwrap();
        prop_assert_eq!(serde_json::from_str::<Network>(&json).unwrap(), network);
    }
}
