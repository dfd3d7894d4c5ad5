//! Bootstrap resamples: all of them where they are few, else many drawn at random.

use super::random::SplitMix64;

/// How many are drawn where not all are taken.
pub(super) const DRAWN: usize = 9_999;
/// Up to this many distinct resamples all are taken: fewer evaluations than drawing, and exact.
const ALL_UP_TO: usize = 10_000;
/// Any number does; it is fixed so that the same runs give the same interval.
const SEED: u64 = 0x6361_6368_656d_6e74;

/// A statistic's bootstrap distribution: its values with their probabilities, ascending.
#[derive(Debug, Clone)]
pub(super) struct Distribution {
    values: Vec<(f64, f64)>,
    /// Whether every possible resample is in it.
    pub(super) exact: bool,
}

impl Distribution {
    /// Of a statistic of `size` things drawn with replacement from `size` things; `statistic` is
    /// given their indices.
    pub(super) fn of(size: usize, mut statistic: impl FnMut(&[usize]) -> f64) -> Self {
        if distinct(size) <= ALL_UP_TO {
            let mut values = Vec::new();
            let mut indices = Vec::with_capacity(size);
            // Of the `size^size` ordered resamples, each multiset stands for as many as it has
            // orders: `size! / (m1! m2! ...)`.
            let weight = factorial(size) / (size as f64).powi(i32::try_from(size).unwrap_or(0));
            multisets(size, 0, &mut indices, &mut |chosen| {
                values.push((statistic(chosen), weight / orders(chosen)));
            });
            return Self::new(values, true);
        }
        Self::new(drawn(size, &mut statistic, &mut SplitMix64::new(SEED)), false)
    }

    /// Of `function` of two statistics, each of a number of things drawn by themselves.
    pub(super) fn of_two(
        sizes: [usize; 2],
        mut first: impl FnMut(&[usize]) -> f64,
        mut second: impl FnMut(&[usize]) -> f64,
        function: impl Fn(f64, f64) -> f64,
    ) -> Self {
        if sizes.iter().all(|size| distinct(*size) <= ALL_UP_TO) {
            return Self::combined(&Self::of(sizes[0], first), &Self::of(sizes[1], second), function);
        }
        let mut random = SplitMix64::new(SEED);
        let left = drawn(sizes[0], &mut first, &mut random);
        let right = drawn(sizes[1], &mut second, &mut random);
        let values = left
            .iter()
            .zip(right)
            .map(|((a, p), (b, _))| (function(*a, b), *p))
            .collect();
        Self::new(values, false)
    }

    /// Of a function of two independent ones, both exact.
    fn combined(left: &Self, right: &Self, function: impl Fn(f64, f64) -> f64) -> Self {
        let mut values = Vec::with_capacity(left.values.len() * right.values.len());
        for (a, p) in &left.values {
            for (b, q) in &right.values {
                values.push((function(*a, *b), p * q));
            }
        }
        Self::new(values, true)
    }

    fn new(mut values: Vec<(f64, f64)>, exact: bool) -> Self {
        values.sort_unstable_by(|left, right| left.0.total_cmp(&right.0));
        // Medians take few values; equal ones become one.
        values.dedup_by(|next, kept| {
            let same = next.0.total_cmp(&kept.0).is_eq();
            if same {
                kept.1 += next.1;
            }
            same
        });
        Self { values, exact }
    }

    /// The value at which the probability from below reaches `part`, and the one at which it does
    /// from above.
    pub(super) fn tails(&self, part: f64) -> (f64, f64) {
        // Sums of probabilities fall short of round ones by rounding; exact ties count as reached.
        let part = part - 1e-12;
        let reach = |values: &mut dyn Iterator<Item = &(f64, f64)>| {
            let mut sum = 0.0;
            let mut last = f64::NAN;
            for (value, probability) in values {
                sum += probability;
                last = *value;
                if sum >= part {
                    break;
                }
            }
            last
        };
        (reach(&mut self.values.iter()), reach(&mut self.values.iter().rev()))
    }

    #[cfg(test)]
    pub(super) fn standard_deviation(&self) -> f64 {
        let mean: f64 = self.values.iter().map(|(value, p)| value * p).sum();
        let variance: f64 = self.values.iter().map(|(value, p)| (value - mean).powi(2) * p).sum();
        variance.sqrt()
    }
}

/// The statistic of [`DRAWN`] resamples, each with its probability, in the order drawn.
fn drawn(size: usize, statistic: &mut impl FnMut(&[usize]) -> f64, random: &mut SplitMix64) -> Vec<(f64, f64)> {
    let mut indices = vec![0; size];
    std::iter::repeat_with(|| {
        indices.fill_with(|| random.below(size));
        (statistic(&indices), 1.0 / DRAWN as f64)
    })
    .take(DRAWN)
    .collect()
}

/// How many multisets of `size` out of `size` there are: `(2n - 1) choose n`.
fn distinct(size: usize) -> usize {
    (1..=size).fold(1_usize, |count, step| count.saturating_mul(size - 1 + step) / step)
}

/// Calls `found` with every ascending sequence of indices.
fn multisets(size: usize, from: usize, chosen: &mut Vec<usize>, found: &mut impl FnMut(&[usize])) {
    if chosen.len() == size {
        found(chosen);
        return;
    }
    for index in from..size {
        chosen.push(index);
        multisets(size, index, chosen, found);
        chosen.pop();
    }
}

/// The product of the factorials of how often each index occurs.
fn orders(ascending: &[usize]) -> f64 {
    ascending
        .chunk_by(|left, right| left == right)
        .map(|group| factorial(group.len()))
        .product()
}

fn factorial(of: usize) -> f64 {
    (1..=of).map(|factor| factor as f64).product()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::median;

    /// Efron and Tibshirani (1993), table 2.1: survival in days of the treated mice; the standard
    /// errors stand in the columns for infinitely many resamples of tables 2.1 and 2.2.
    const TREATED: [f64; 7] = [94.0, 197.0, 16.0, 38.0, 99.0, 141.0, 23.0];

    fn pick(indices: &[usize]) -> Vec<f64> {
        indices.iter().map(|index| TREATED[*index]).collect()
    }

    fn mean_of(indices: &[usize]) -> f64 {
        pick(indices).iter().sum::<f64>() / 7.0
    }

    fn median_of(indices: &[usize]) -> f64 {
        median(&pick(indices)).unwrap()
    }

    #[test]
    fn all_resamples_give_the_published_standard_errors() {
        let mean = Distribution::of(7, mean_of);
        assert!(mean.exact);
        assert!((mean.standard_deviation() - 23.36).abs() < 0.005);
        let middle = Distribution::of(7, median_of);
        assert!((middle.standard_deviation() - 37.83).abs() < 0.005);
    }

    #[test]
    fn drawn_resamples_come_close_to_all() {
        let mut random = SplitMix64::new(SEED);
        let values = drawn(7, &mut median_of, &mut random);
        let drawn = Distribution::new(values, false);
        assert!((drawn.standard_deviation() - 37.83).abs() < 1.0);
        assert_eq!(drawn.tails(0.025), Distribution::of(7, median_of).tails(0.025));
    }

    #[test]
    fn probabilities_sum_to_one() {
        for size in 1..=8 {
            let mut number = 0.0;
            let distribution = Distribution::of(size, |_| {
                number += 1.0;
                number
            });
            let sum: f64 = distribution.values.iter().map(|(_, p)| p).sum();
            assert!((sum - 1.0).abs() < 1e-12);
            assert_eq!(distribution.values.len(), distinct(size));
        }
        assert_eq!(distinct(8), 6_435);
        assert!(!Distribution::of(9, |_| 1.0).exact);
        assert!(distinct(1_000) > ALL_UP_TO);
    }

    #[test]
    fn tails_are_symmetric_and_hold_their_part() {
        let four = Distribution::new((1..=4).map(|v| (f64::from(v), 0.25)).collect(), true);
        assert_eq!(four.tails(0.25), (1.0, 4.0));
        assert_eq!(four.tails(0.26), (2.0, 3.0));
        let sum = Distribution::combined(&four, &four, |a, b| a + b);
        assert_eq!(sum.values.len(), 7);
        assert_eq!(sum.tails(1.0 / 16.0), (2.0, 8.0));
        assert_eq!(sum.tails(3.0 / 16.0), (3.0, 7.0));
    }
}
