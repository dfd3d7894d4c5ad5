//! After against before, and how sure that is.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::resample::{DRAWN, Distribution};
use super::{StatsError, check, median};

const CONFIDENCE: f64 = 0.95;

/// How the runs of the two variants belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Pairing {
    /// Run `i` of one was made next to run `i` of the other. What the machine did at that time
    /// struck both, and pairs are resampled together.
    Interleaved,
    /// The runs were made apart; each variant is resampled by itself.
    Separate,
}

/// How many times as long the second variant took, with what the runs say of its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RatioEstimate {
    /// The median after by the median before. Below one: faster.
    pub ratio: f64,
    /// Where the true ratio lies with [`confidence`](Self::confidence); `None` where the runs
    /// say nothing of it.
    pub interval: Option<Interval>,
    /// The confidence that was aimed at, 0.95. With fewer than six runs it cannot be reached; see
    /// [`attainable`](Self::attainable).
    pub confidence: f64,
    /// How the interval was found.
    pub method: Method,
    /// How the runs were paired.
    pub pairing: Pairing,
    /// Runs of the variant that has fewer.
    pub runs: usize,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// How an interval was found: the percentile method (Efron and Tibshirani 1993, chapter 13).
///
/// Not `BCa`, which is more accurate for smooth statistics: its acceleration comes from the
/// jackknife, which fails for the median (Efron and Tibshirani 1993, section 11.6: leaving one
/// value out moves a median by one of two steps only, however many values there are), so that its
/// correction would be noise here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// None: a variant has one run.
    None,
    /// Percentiles of all possible resamples.
    AllResamples,
    /// Percentiles of resamples drawn at random, the same for the same runs.
    DrawnResamples {
        /// How many.
        count: usize,
    },
}

/// What an estimate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The whole interval is below one.
    Faster,
    /// The whole interval is above one.
    Slower,
    /// The interval holds one: these runs show no difference.
    NoDifference,
    /// There is no interval.
    Unknown,
}

impl RatioEstimate {
    /// What the estimate says.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.interval {
            None => Verdict::Unknown,
            Some(interval) if interval.high < 1.0 => Verdict::Faster,
            Some(interval) if interval.low > 1.0 => Verdict::Slower,
            Some(_) => Verdict::NoDifference,
        }
    }

    /// The confidence that this number of runs can give at best: the range from the smallest to
    /// the largest of `n` values holds the median of where they come from with probability
    /// `1 - 2^(1 - n)` (H. A. David, H. N. Nagaraja, *Order statistics*, 3rd ed. 2003, section
    /// 7.1), and no resample lies outside the range. 50 % with two runs, 75 % with three, 94 %
    /// with five.
    #[must_use]
    pub fn attainable(&self) -> f64 {
        attainable(self.runs)
    }
}

pub(super) fn attainable(runs: usize) -> f64 {
    1.0 - 2.0_f64.powi(1 - i32::try_from(runs).unwrap_or(i32::MAX))
}

/// `0.42 (0.39 to 0.45)`
impl fmt::Display for RatioEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.2}", self.ratio)?;
        match self.interval {
            Some(Interval { low, high }) => write!(f, " ({low:.2} to {high:.2})"),
            None => f.write_str(" (one run, no interval)"),
        }
    }
}

/// The median of `after` by the median of `before`, with a 95 % bootstrap interval.
///
/// Values are durations (or bytes, or whatever is not negative) in any unit, the same for both.
/// Up to eight interleaved pairs all resamples are gone through and the interval is exact; it is
/// then the same whatever the random numbers. With few runs it is hardly more than the range of
/// what the runs allow, and [`RatioEstimate::attainable`] says how much confidence that gives.
pub fn ratio(before: &[f64], after: &[f64], pairing: Pairing) -> Result<RatioEstimate, StatsError> {
    check(before)?;
    check(after)?;
    if pairing == Pairing::Interleaved && before.len() != after.len() {
        return Err(StatsError::Unpaired {
            before: before.len(),
            after: after.len(),
        });
    }
    let (Some(middle_before), Some(middle_after)) = (median(before), median(after)) else {
        return Err(StatsError::Empty);
    };
    if middle_before == 0.0 {
        return Err(StatsError::ZeroMedian);
    }
    let runs = before.len().min(after.len());
    let (interval, method) = if runs < 2 {
        (None, Method::None)
    } else {
        let distribution = distribution(before, after, pairing);
        let (low, high) = distribution.tails((1.0 - CONFIDENCE) / 2.0);
        let method = if distribution.exact {
            Method::AllResamples
        } else {
            Method::DrawnResamples { count: DRAWN }
        };
        (Some(Interval { low, high }), method)
    };
    Ok(RatioEstimate {
        ratio: middle_after / middle_before,
        interval,
        confidence: CONFIDENCE,
        method,
        pairing,
        runs,
    })
}

fn distribution(before: &[f64], after: &[f64], pairing: Pairing) -> Distribution {
    match pairing {
        Pairing::Interleaved => Distribution::of(before.len(), |indices| {
            median_of(after, indices) / median_of(before, indices)
        }),
        Pairing::Separate => Distribution::of_two(
            [after.len(), before.len()],
            |indices| median_of(after, indices),
            |indices| median_of(before, indices),
            |after, before| after / before,
        ),
    }
}

/// The median of what `indices`, not empty, choose.
fn median_of(values: &[f64], indices: &[usize]) -> f64 {
    let mut chosen: Vec<f64> = indices.iter().map(|index| values[*index]).collect();
    let middle = chosen.len() / 2;
    let (below, upper, _) = chosen.select_nth_unstable_by(middle, f64::total_cmp);
    if indices.len() % 2 == 1 {
        return *upper;
    }
    let lower = below.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    f64::midpoint(lower, *upper)
}
