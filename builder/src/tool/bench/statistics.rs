//! Order statistics of measured values.

/// Measured values in ascending order.
pub(super) struct Sorted<T>(Vec<T>);

impl<T: Copy + Default + Ord> Sorted<T> {
    pub(super) fn new(mut values: Vec<T>) -> Sorted<T> {
        values.sort_unstable();
        Sorted(values)
    }

    /// The value that `percent` of the values (0 to 100) do not exceed; 0 if there are none.
    pub(super) fn percentile(&self, percent: usize) -> T {
        self.at(self.last() * percent / 100)
    }

    pub(super) fn median(&self) -> T {
        self.percentile(50)
    }

    /// The interval that holds the median of the whole distribution with 95 % confidence: the order statistics at
    /// n/2 ± 0.98 √n. It is the interval of the sign test, which assumes nothing about how the values are spread.
    pub(super) fn median_interval(&self) -> [T; 2] {
        let count = self.0.len() as f64;
        let (half, reach) = (count / 2.0, 0.98 * count.sqrt());
        // A cast of a negative float gives 0.
        [(half - reach).floor(), (half + reach).ceil()]
            .map(|place| self.at((place as usize).min(self.last())))
    }

    fn last(&self) -> usize {
        self.0.len().saturating_sub(1)
    }

    fn at(&self, place: usize) -> T {
        self.0.get(place).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_taken_from_the_sorted_values() {
        let values = Sorted::new(vec![5, 1, 3, 2, 4]);
        assert_eq!((values.median(), values.percentile(100)), (3, 5));
        assert_eq!(Sorted::<i64>::new(Vec::new()).median(), 0);
    }

    #[test]
    fn more_values_give_a_narrower_interval_for_the_median() {
        let all: Vec<i64> = (0..100).collect();
        assert_eq!(Sorted::new(all.clone()).median_interval(), [40, 60]);
        assert_eq!(Sorted::new(all[..4].to_vec()).median_interval(), [0, 3]);
        assert_eq!(Sorted::<i64>::new(Vec::new()).median_interval(), [0, 0]);
    }
}
