//! Figures against published values, and intervals against data whose truth is known.

use super::random::SplitMix64;
use super::*;

fn assert_close(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-9, "{left} is not {right}");
}

/// Miles per gallon of 32 cars: Motor Trend 1974, by H. V. Henderson and P. F. Velleman, *Building
/// multiple regression models interactively*, Biometrics 37 (1981) 391–411; R's `mtcars$mpg`.
const CARS: [f64; 32] = [
    21.0, 21.0, 22.8, 21.4, 18.7, 18.1, 14.3, 24.4, 22.8, 19.2, 17.8, 16.4, 17.3, 15.2, 10.4, 10.4, 14.7, 32.4, 30.4,
    33.9, 21.5, 15.5, 15.2, 13.3, 19.2, 27.3, 26.0, 30.4, 15.8, 19.7, 15.0, 21.4,
];

#[test]
fn quantiles_as_r_gives_them() {
    // quantile(mtcars$mpg): 10.400 15.425 19.200 22.800 33.900
    let summary = Summary::of(&CARS).unwrap();
    assert_eq!(summary.runs, 32);
    assert_close(summary.minimum, 10.4);
    assert_close(summary.lower_quartile, 15.425);
    assert_close(summary.median, 19.2);
    assert_close(summary.upper_quartile, 22.8);
    assert_close(summary.maximum, 33.9);
    assert_close(summary.range(), 23.5);
    assert_close(range(&CARS).unwrap(), 23.5);
    // mad(mtcars$mpg) is 5.41149, scaled by 1.4826.
    assert_close(summary.mad * 1.4826, 5.411_49);
}

#[test]
fn mad_as_in_the_examples_of_rs_manual() {
    let mut values: Vec<f64> = (1..=9).map(f64::from).collect();
    assert_close(mad(&values).unwrap(), 2.0);
    values[8] = 100.0;
    assert_close(mad(&values).unwrap(), 2.0);
    assert_close(mad(&[1.0, 2.0, 3.0, 5.0, 7.0, 8.0]).unwrap(), 2.5);
}

#[test]
fn edges_of_quantiles() {
    assert_eq!(median(&[]), None);
    assert_eq!(median(&[3.0]), Some(3.0));
    assert_eq!(median(&[4.0, 1.0]), Some(2.5));
    assert_eq!(quantile(&[1.0, 2.0], 1.1), None);
    assert_eq!(quantile(&[5.0, 1.0, 2.0], 1.0), Some(5.0));
    assert_eq!(range(&[]), None);
}

#[test]
fn geometric_means() {
    // The example of the Python manual, `statistics.geometric_mean`.
    assert_close(geometric_mean(&[54.0, 24.0, 36.0]).unwrap(), 36.0);
    // What Fleming and Wallace show: whichever machine is the reference, two others compare alike.
    let machines = [
        [417.0, 83.0, 66.0, 39_449.0],
        [244.0, 70.0, 153.0, 33_527.0],
        [134.0, 70.0, 135.0, 66_000.0],
    ];
    let mean = |of: usize, by: usize| {
        let ratios: Vec<f64> = (0..4)
            .map(|benchmark| machines[of][benchmark] / machines[by][benchmark])
            .collect();
        geometric_mean(&ratios).unwrap()
    };
    assert_close(mean(1, 0) / mean(2, 0), mean(1, 2));
    assert_close(mean(1, 0) * mean(0, 1), 1.0);
    assert_eq!(geometric_mean(&[1.0, 0.0]), None);
    assert_eq!(geometric_mean(&[]), None);
}

#[test]
fn modified_z_scores_by_hand() {
    // Median 3.3, MAD 0.2: 0.6745 · 4.8 / 0.2 = 16.188.
    let values = [3.2, 3.3, 8.1, 3.2, 2.9, 3.7, 3.1, 3.5, 3.3];
    let scores = modified_z_scores(&values);
    assert_close(scores[2], 16.188);
    assert_close(scores[4], -1.349);
    assert_eq!(outliers(&values), [2]);
    // The example that z-scores are known to miss, since the outlier hides itself: its ordinary
    // score is 2.47. Grubbs' test data of the NIST/SEMATECH handbook, section 1.3.5.17.1.
    let grubbs = [199.31, 199.53, 200.19, 200.82, 201.92, 201.95, 202.18, 245.57];
    assert_eq!(outliers(&grubbs), [7]);
}

#[test]
fn mostly_equal_values() {
    assert_eq!(outliers(&[10.0; 8]), [0; 0]);
    // The MAD is zero; the mean deviation is 11.25, so the score is 90 / 14.1.
    let scores = modified_z_scores(&[10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 100.0]);
    assert_close(scores[7], 90.0 / (1.253_314 * 11.25));
    assert!(modified_z_scores(&[]).is_empty());
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let separate = |before: &[f64], after: &[f64]| ratio(before, after, Pairing::Separate);
    assert_eq!(separate(&[], &[1.0]).unwrap_err(), StatsError::Empty);
    let error = separate(&[1.0, f64::NAN], &[1.0]).unwrap_err();
    assert_eq!(error, StatsError::NotADuration { number: 2 });
    assert_eq!(separate(&[0.0], &[1.0]).unwrap_err(), StatsError::ZeroMedian);
    let error = ratio(&[1.0, 2.0], &[1.0], Pairing::Interleaved).unwrap_err();
    assert_eq!(error.to_string(), "pair 2 runs before with 1 runs after");
}

#[test]
fn one_run_has_no_interval() {
    let estimate = ratio(&[100.0], &[42.0], Pairing::Interleaved).unwrap();
    assert_close(estimate.ratio, 0.42);
    assert_eq!(estimate.interval, None);
    assert_eq!(estimate.method, Method::None);
    assert_eq!(estimate.verdict(), Verdict::Unknown);
    assert_eq!(estimate.to_string(), "0.42 (one run, no interval)");
    assert_close(estimate.attainable(), 0.0);
}

#[test]
fn few_runs_by_hand() {
    // The resamples of two pairs: (1,1), (1,2), (2,1), (2,2): 0.5, 7/12, 7/12, 2/3.
    let estimate = ratio(&[10.0, 14.0], &[5.0, 7.0], Pairing::Interleaved).unwrap();
    assert_eq!(estimate.interval, Some(Interval { low: 0.5, high: 0.5 }));
    let estimate = ratio(&[10.0, 9.0], &[5.0, 6.0], Pairing::Interleaved).unwrap();
    let interval = estimate.interval.unwrap();
    assert_close(interval.low, 0.5);
    assert_close(interval.high, 2.0 / 3.0);
    assert_eq!(estimate.method, Method::AllResamples);
    assert_eq!(estimate.verdict(), Verdict::Faster);
    assert_eq!(estimate.to_string(), "0.58 (0.50 to 0.67)");
    assert_close(estimate.attainable(), 0.5);
    // Apart, every after meets every before.
    let estimate = ratio(&[10.0, 8.0], &[5.0, 6.0], Pairing::Separate).unwrap();
    let interval = estimate.interval.unwrap();
    assert_close(interval.low, 0.5);
    assert_close(interval.high, 0.75);
}

#[test]
fn verdicts() {
    let verdict = |after: [f64; 5]| {
        ratio(&[10.0, 10.1, 9.9, 10.2, 9.8], &after, Pairing::Interleaved)
            .unwrap()
            .verdict()
    };
    assert_eq!(verdict([4.0, 4.1, 3.9, 4.0, 4.2]), Verdict::Faster);
    assert_eq!(verdict([12.0, 12.1, 11.9, 12.0, 12.2]), Verdict::Slower);
    assert_eq!(verdict([10.1, 10.0, 10.0, 10.1, 9.9]), Verdict::NoDifference);
}

/// Pairs struck by the same disturbance are compared within the pair.
#[test]
fn pairing_takes_out_what_both_shared() {
    let before = [10.0, 20.0, 30.0, 40.0, 50.0];
    let after = before.map(|value| value * 0.8);
    let width = |pairing| {
        let interval = ratio(&before, &after, pairing).unwrap().interval.unwrap();
        interval.high - interval.low
    };
    assert_close(width(Pairing::Interleaved), 0.0);
    assert!(width(Pairing::Separate) > 1.0);
}

#[test]
fn the_same_runs_give_the_same_interval() {
    let mut random = SplitMix64::new(3);
    let before = simulated(&mut random, 20, 1.0);
    let after = simulated(&mut random, 20, 0.7);
    for pairing in [Pairing::Interleaved, Pairing::Separate] {
        let estimate = ratio(&before, &after, pairing).unwrap();
        assert_eq!(estimate.method, Method::DrawnResamples { count: 9_999 });
        assert_eq!(ratio(&before, &after, pairing).unwrap(), estimate);
    }
}

#[test]
fn warnings_say_what_is_odd() {
    assert_eq!(warnings(&[]), []);
    assert_eq!(warnings(&[1.0]), [Warning::OneRun]);
    let attainable = 0.75;
    let found = warnings(&[10.0, 10.2, 10.1]);
    assert_eq!(found, [Warning::FewRuns { runs: 3, attainable }]);
    assert!(found[0].to_string().contains("75 % of the time"));
    let calm = [10.0, 10.1, 9.9, 10.0, 10.2, 9.8];
    let with_first = |first: f64| [&[first], calm.as_slice()].concat();
    assert_eq!(warnings(&calm), []);
    let found = warnings(&with_first(15.0));
    assert_eq!(
        found,
        [Warning::SlowFirstRun {
            first: 15.0,
            rest: 10.0
        }]
    );
    assert!(found[0].to_string().contains("1.50 times as long"));
    assert_eq!(warnings(&with_first(10.3)), []);
    // A slow first run among wild ones is nothing of its own.
    assert_eq!(warnings(&[15.0, 10.0, 14.0, 9.0, 13.0, 8.0]), []);
    let mut late = with_first(10.0);
    late[4] = 30.0;
    assert_eq!(warnings(&late), [Warning::Outliers { numbers: vec![5] }]);
    late[0] = 100.0;
    late[4] = 10.0;
    late[6] = 30.0;
    let slow = Warning::SlowFirstRun {
        first: 100.0,
        rest: 10.05,
    };
    assert_eq!(warnings(&late), [slow, Warning::Outliers { numbers: vec![7] }]);
}

/// Durations around `scale`, skewed to the slow side: `exp` of 0.1 times a normal deviate, which is
/// the sum of twelve uniform ones less six. Their median is `scale`.
fn simulated(random: &mut SplitMix64, runs: usize, scale: f64) -> Vec<f64> {
    std::iter::repeat_with(|| {
        let sum: f64 = (0..12).map(|_| random.next() as f64 / 2.0_f64.powi(64)).sum();
        scale * (0.1 * (sum - 6.0)).exp()
    })
    .take(runs)
    .collect()
}

/// How often the interval holds the true ratio, 0.7. The runs of a pair share what the machine did
/// at that time, if `shared`.
fn coverage(runs: usize, trials: usize, pairing: Pairing, shared: bool) -> f64 {
    let mut random = SplitMix64::new(42);
    let held = (0..trials)
        .filter(|_| {
            let mut before = simulated(&mut random, runs, 1.0);
            let mut after = simulated(&mut random, runs, 0.7);
            if shared {
                let machine = simulated(&mut random, runs, 1.0);
                for (run, factor) in machine.iter().enumerate() {
                    before[run] *= factor;
                    after[run] *= factor;
                }
            }
            let interval = ratio(&before, &after, pairing).unwrap().interval.unwrap();
            (interval.low..=interval.high).contains(&0.7)
        })
        .count();
    held as f64 / trials as f64
}

#[test]
fn few_runs_reach_what_is_attainable_and_no_more() {
    for runs in 2..=5 {
        let held = coverage(runs, 1_000, Pairing::Interleaved, false);
        let attainable = attainable_with(runs);
        assert!((held - attainable).abs() < 0.03, "{runs} runs: {held} of {attainable}");
    }
}

fn attainable_with(runs: usize) -> f64 {
    ratio(&vec![1.0; runs], &vec![1.0; runs], Pairing::Interleaved)
        .unwrap()
        .attainable()
}

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    for (runs, trials, pairing, shared) in [
        (6, 400, Pairing::Interleaved, false),
        (6, 400, Pairing::Interleaved, true),
        (6, 400, Pairing::Separate, false),
        (8, 80, Pairing::Interleaved, true),
        (15, 40, Pairing::Interleaved, true),
    ] {
        let held = coverage(runs, trials, pairing, shared);
        // Two points, and twice the standard error of so many trials.
        let slack = 0.02 + 2.0 * (0.95 * 0.05 / trials as f64).sqrt();
        assert!((held - 0.95).abs() < slack, "{runs} runs, {pairing:?}: {held}");
    }
}

#[test]
fn runs_that_drift() {
    let drifts = |values: &[f64]| {
        let mut found = warnings(values).into_iter();
        found.find(|warning| matches!(warning, Warning::Drift { .. }))
    };
    let up = drifts(&[10.0, 10.5, 11.5, 12.5]);
    assert_eq!(
        up,
        Some(Warning::Drift {
            first: 10.0,
            last: 12.5
        })
    );
    assert!(up.unwrap().to_string().starts_with("drift: every run took longer"));
    assert!(drifts(&[12.5, 11.5, 10.5, 10.0]).unwrap().to_string().contains("less"));
    assert!(drifts(&[10.0, 11.0, 12.5]).is_none(), "too few");
    assert!(drifts(&[10.0, 12.5, 11.0, 13.0]).is_none(), "not steady");
    assert!(drifts(&[10.0, 10.1, 10.2, 11.9]).is_none(), "too little");
    assert!(drifts(&[10.0; 6]).is_none());
}
