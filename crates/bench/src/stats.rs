//! The statistics of a benchmark: how long, how sure, and what was odd.
//!
//! Medians throughout, because the runs of a build are few and skewed to the slow side: a busy
//! disk makes a run longer, nothing makes one shorter. Every formula names its source:
//!
//! - Quantiles: R. J. Hyndman, Y. Fan, *Sample quantiles in statistical packages*, The American
//!   Statistician 50 (1996) 361–365, definition 7.
//! - Median absolute deviation: F. R. Hampel, *The influence curve and its role in robust
//!   estimation*, JASA 69 (1974) 383–393.
//! - Outliers: B. Iglewicz, D. C. Hoaglin, *How to detect and handle outliers*, ASQC Quality Press
//!   (1993), section 3.3.
//! - Geometric mean of ratios: P. J. Fleming, J. J. Wallace, *How not to lie with statistics: the
//!   correct way to summarize benchmark results*, CACM 29 (1986) 218–221.
//! - Bootstrap: B. Efron, R. J. Tibshirani, *An introduction to the bootstrap*, Chapman & Hall
//!   (1993), chapters 6 and 13.
//!
//! Nothing here reads a clock or a random source: the same runs give the same figures.

mod random;
mod ratio;
mod resample;
mod warning;

pub use ratio::{Interval, Method, Pairing, RatioEstimate, Verdict, ratio};
pub use warning::{Warning, modified_z_scores, outliers, warnings};

use serde::{Deserialize, Serialize};

/// Runs that no figure can be made of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatsError {
    /// There is none.
    #[error("summarize no runs at all")]
    Empty,
    /// A duration that is negative, infinite or no number.
    #[error("summarize run {number}: its value is no duration")]
    NotADuration {
        /// Its place, counted from one.
        number: usize,
    },
    /// Interleaved runs come in pairs.
    #[error("pair {before} runs before with {after} runs after")]
    Unpaired {
        /// Runs of the first variant.
        before: usize,
        /// Runs of the second variant.
        after: usize,
    },
    /// The ratio's denominator.
    #[error("compare with runs of which half took no time")]
    ZeroMedian,
}

/// What one figure of one variant was over all runs, in the figure's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// How many runs.
    pub runs: usize,
    /// The middle one.
    pub median: f64,
    /// A quarter of the runs lies below.
    pub lower_quartile: f64,
    /// A quarter of the runs lies above.
    pub upper_quartile: f64,
    /// The fastest.
    pub minimum: f64,
    /// The slowest.
    pub maximum: f64,
    /// The median of the distances from the median, not scaled.
    pub mad: f64,
}

impl Summary {
    /// Summarizes runs in any order.
    pub fn of(values: &[f64]) -> Result<Self, StatsError> {
        check(values)?;
        let sorted = sorted(values);
        Ok(Self {
            runs: values.len(),
            median: quantile_of_sorted(&sorted, 0.5),
            lower_quartile: quantile_of_sorted(&sorted, 0.25),
            upper_quartile: quantile_of_sorted(&sorted, 0.75),
            minimum: sorted[0],
            maximum: sorted[sorted.len() - 1],
            mad: mad(values).unwrap_or(0.0),
        })
    }

    /// From the fastest to the slowest.
    #[must_use]
    pub fn range(&self) -> f64 {
        self.maximum - self.minimum
    }
}

/// The middle value, or the mean of the two in the middle; `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    quantile(values, 0.5)
}

/// The value below which the part `p` of the values lies, by definition 7 of Hyndman and Fan
/// (1996): a straight line between the order statistics, `h = (n - 1)·p + 1` of them from below.
/// It is what R and `NumPy` answer unasked. `None` of nothing, or for `p` outside 0 to 1.
#[must_use]
pub fn quantile(values: &[f64], p: f64) -> Option<f64> {
    (!values.is_empty() && (0.0..=1.0).contains(&p)).then(|| quantile_of_sorted(&sorted(values), p))
}

/// The median absolute deviation (Hampel 1974): the median of the distances from the median, in
/// the values' unit, not scaled; times 1.4826 it estimates the standard deviation of normally
/// distributed values. `None` of nothing.
#[must_use]
pub fn mad(values: &[f64]) -> Option<f64> {
    let center = median(values)?;
    let distances: Vec<f64> = values.iter().map(|value| (value - center).abs()).collect();
    median(&distances)
}

/// The largest less the smallest; `None` of nothing.
#[must_use]
pub fn range(values: &[f64]) -> Option<f64> {
    let smallest = values.iter().copied().reduce(f64::min)?;
    let largest = values.iter().copied().reduce(f64::max)?;
    Some(largest - smallest)
}

/// The mean for ratios (Fleming and Wallace 1986): it does not depend on which of the two was the
/// denominator. `None` of nothing, or where one is not above zero.
#[must_use]
pub fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    if ratios.is_empty() || !ratios.iter().all(|ratio| *ratio > 0.0) {
        return None;
    }
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    Some((logarithms / ratios.len() as f64).exp())
}

fn check(values: &[f64]) -> Result<(), StatsError> {
    if values.is_empty() {
        return Err(StatsError::Empty);
    }
    match values.iter().position(|value| !value.is_finite() || *value < 0.0) {
        Some(index) => Err(StatsError::NotADuration { number: index + 1 }),
        None => Ok(()),
    }
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// `sorted` is not empty and `p` lies in 0 to 1.
fn quantile_of_sorted(sorted: &[f64], p: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * p;
    // Positions are far below 2^52, and not negative.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let below = position.floor() as usize;
    let above = (below + 1).min(sorted.len() - 1);
    let part = position - position.floor();
    sorted[below] + part * (sorted[above] - sorted[below])
}

#[cfg(test)]
mod tests;
