//! What was odd about a series of runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::median;
use super::ratio::attainable;

/// Iglewicz and Hoaglin (1993) recommend it for the modified z-score.
const OUTLIER: f64 = 3.5;
/// `1 / 1.4826`: the MAD of normally distributed values in standard deviations.
const NORMAL_MAD: f64 = 0.6745;
/// `sqrt(π / 2)`: makes the mean absolute deviation of normally distributed values one standard
/// deviation.
const NORMAL_MEAN_DEVIATION: f64 = 1.253_314;
/// Runs from which the aimed-at confidence of 95 % can be reached.
const ENOUGH_RUNS: usize = 6;
/// Runs below which no outlier can be told: two of three are always near each other.
const FEWEST_FOR_OUTLIERS: usize = 5;
/// What a first run must take beyond the median of the rest to be worth a word.
const SLOW_FIRST: f64 = 1.1;
/// Runs from which a series is said to drift: three are in order by chance every third time.
const FEWEST_FOR_DRIFT: usize = 4;
/// What the slowest run of a drift must take beyond the fastest to be worth a word.
const DRIFT: f64 = 1.2;

/// A reason to read figures with care; its text says what to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Warning {
    /// There is one run.
    OneRun,
    /// There are fewer runs than an interval of 95 % needs.
    FewRuns {
        /// How many there are.
        runs: usize,
        /// The confidence that so many can give at best.
        attainable: f64,
    },
    /// The first run stands out from the rest.
    SlowFirstRun {
        /// What the first took.
        first: f64,
        /// The median of the others.
        rest: f64,
    },
    /// Each run took longer than the one before it, or each less.
    Drift {
        /// What the first took.
        first: f64,
        /// What the last took.
        last: f64,
    },
    /// Runs stand out from the others.
    Outliers {
        /// Their places, counted from one.
        numbers: Vec<usize>,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneRun => f.write_str(
                "one run says nothing of how much runs differ: no interval is given; repeat at \
                 least three times, better six",
            ),
            Self::FewRuns { runs, attainable } => write!(
                f,
                "with {runs} runs the interval is the range of what resampling them can give, and \
                 holds the truth {:.0} % of the time at best, not 95 %; six runs reach it",
                attainable * 100.0
            ),
            Self::SlowFirstRun { first, rest } => write!(
                f,
                "the first run took {:.2} times as long as the others ({first:.1} against \
                 {rest:.1}): something was not warm yet, such as the builder's own caches; add a \
                 run that is not counted",
                first / rest
            ),
            Self::Drift { first, last } => write!(
                f,
                "drift: every run took {} than the one before it, from {first:.1} to {last:.1} in all; something grows or \
                 warms up from run to run, such as a mount or a machine's temperature; a median of such runs depends on how \
                 many there are",
                if last > first { "longer" } else { "less" }
            ),
            Self::Outliers { numbers } => {
                let list: Vec<String> = numbers.iter().map(ToString::to_string).collect();
                let (noun, verb) = match numbers.len() {
                    1 => ("run", "stands"),
                    _ => ("runs", "stand"),
                };
                write!(
                    f,
                    "{noun} {} {verb} out from the others: other work on the machine or the \
                     network, most likely; medians bear it, but look at what ran then, and repeat \
                     on a quiet machine",
                    list.join(", ")
                )
            }
        }
    }
}

/// How far each value is from the median, by the modified z-score of Iglewicz and Hoaglin (1993,
/// section 3.3): `0.6745·(x - median) / MAD`.
///
/// Where more than half the values are equal the MAD is zero; the mean absolute deviation times
/// 1.253314 takes its place, as in IBM SPSS. All zero where all are equal.
#[must_use]
pub fn modified_z_scores(values: &[f64]) -> Vec<f64> {
    let Some(center) = median(values) else {
        return Vec::new();
    };
    let distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    let mad = median(&distances).unwrap_or(0.0);
    let unit = if mad > 0.0 {
        mad / NORMAL_MAD
    } else {
        NORMAL_MEAN_DEVIATION * distances.iter().sum::<f64>() / values.len() as f64
    };
    values
        .iter()
        .map(|value| if unit > 0.0 { (value - center) / unit } else { 0.0 })
        .collect()
}

/// The indices of values whose modified z-score is beyond 3.5, to either side.
#[must_use]
pub fn outliers(values: &[f64]) -> Vec<usize> {
    modified_z_scores(values)
        .iter()
        .enumerate()
        .filter(|(_, score)| score.abs() > OUTLIER)
        .map(|(index, _)| index)
        .collect()
}

/// What is odd about the runs of one variant, which are in the order they were made.
///
/// A first run is called slow if it took longer than every other, more than 1.1 times the median
/// of the others, and beyond their upper end by more than their whole range (our own rule; the
/// common one by z-scores needs more runs than builds usually get). It is then not called an
/// outlier as well.
///
/// Runs drift if each of at least four took longer than the one before it, or each less, and the slowest took more than
/// 1.2 times as long as the fastest (our own rule as well).
#[must_use]
pub fn warnings(values: &[f64]) -> Vec<Warning> {
    let mut found = Vec::new();
    match values.len() {
        0 => return found,
        1 => found.push(Warning::OneRun),
        runs if runs < ENOUGH_RUNS => found.push(Warning::FewRuns {
            runs,
            attainable: attainable(runs),
        }),
        _ => {}
    }
    let slow_first = slow_first_run(values);
    let skipped = usize::from(slow_first.is_some());
    found.extend(slow_first);
    found.extend(drift(values));
    let considered = &values[skipped..];
    if considered.len() >= FEWEST_FOR_OUTLIERS {
        let numbers: Vec<usize> = outliers(considered)
            .into_iter()
            .map(|index| index + skipped + 1)
            .collect();
        if !numbers.is_empty() {
            found.push(Warning::Outliers { numbers });
        }
    }
    found
}

fn slow_first_run(values: &[f64]) -> Option<Warning> {
    let (&first, rest) = values.split_first()?;
    if rest.len() < 2 {
        return None;
    }
    let slowest = rest.iter().copied().reduce(f64::max)?;
    let fastest = rest.iter().copied().reduce(f64::min)?;
    let middle = median(rest)?;
    (first > SLOW_FIRST * middle && first - slowest > slowest - fastest)
        .then_some(Warning::SlowFirstRun { first, rest: middle })
}

fn drift(values: &[f64]) -> Option<Warning> {
    if values.len() < FEWEST_FOR_DRIFT {
        return None;
    }
    let (first, last) = (*values.first()?, *values.last()?);
    let steady = values.is_sorted_by(|a, b| a < b) || values.is_sorted_by(|a, b| a > b);
    (steady && first.max(last) > DRIFT * first.min(last)).then_some(Warning::Drift { first, last })
}
