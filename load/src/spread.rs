//! How times are spread.

use std::time::Duration;

/// Times in their order.
#[derive(Clone, Debug, Default)]
pub struct Spread(Vec<Duration>);

impl Spread {
    /// Of these times.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    /// The time that so many per cent do not exceed (nearest rank); zero of none.
    pub fn percentile(&self, percent: f64) -> Duration {
        let rank = (self.0.len() as f64 * percent / 100.0).ceil().max(1.0) as usize;
        self.0.get(rank - 1).copied().unwrap_or_default()
    }

    /// The longest; zero of none.
    pub fn longest(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    /// How many times there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_times() {
        let ms = Duration::from_millis;
        let spread = Spread::of((1..=200).rev().map(ms).collect());
        for (percent, expected) in [(0.0, 1), (50.0, 100), (99.0, 198), (99.9, 200), (100.0, 200)] {
            assert_eq!(spread.percentile(percent), ms(expected), "{percent} %");
        }
        assert_eq!(Spread::default().percentile(99.0), Duration::ZERO);
    }
}
