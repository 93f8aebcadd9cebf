//! Whether a figure that was looked at again and again has a direction.

use std::time::Duration;

/// By how much a figure grows in an hour: the median of the slopes between all pairs of samples (Theil 1950, Sen 1968), in
/// the figure's own unit. Up to 29 % of the samples may be anything; what comes and goes does not tilt it, as it would tilt
/// a line of least squares. Zero of fewer than two samples.
pub fn slope_per_hour(samples: &[(Duration, f64)]) -> f64 {
    let mut slopes: Vec<f64> = Vec::with_capacity(samples.len() * samples.len().saturating_sub(1) / 2);
    for (first, (began, before)) in samples.iter().enumerate() {
        for (ended, after) in &samples[first + 1..] {
            let hours = (ended.as_secs_f64() - began.as_secs_f64()) / 3_600.0;
            if hours > 0.0 {
                slopes.push((after - before) / hours);
            }
        }
    }
    slopes.sort_unstable_by(f64::total_cmp);
    match slopes.len() {
        0 => 0.0,
        count if count % 2 == 1 => slopes[count / 2],
        count => f64::midpoint(slopes[count / 2 - 1], slopes[count / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An hour and three quarters, once a minute.
    fn samples(figure: impl Fn(u32) -> f64) -> Vec<(Duration, f64)> {
        (0..105).map(|minute| (Duration::from_secs(60) * minute, figure(minute))).collect()
    }

    /// Up and down by as much as 4, never twice the same way, without a direction.
    fn noise(minute: u32) -> f64 {
        f64::from(minute.wrapping_mul(2_654_435_761) >> 16 & 0xff) / 32.0
    }

    #[test]
    fn a_leak_is_found_under_noise_and_noise_alone_is_flat() {
        let check = |per_hour: f64| {
            let found =
                slope_per_hour(&samples(|minute| 60.0 + noise(minute) + per_hour * f64::from(minute) / 60.0));
            assert!((found - per_hour).abs() < 0.5, "{found} of {per_hour}");
        };
        [0.0, 2.0, 20.0, -3.0].into_iter().for_each(check);
    }

    #[test]
    fn single_peaks_and_a_child_that_comes_and_goes_are_no_direction() {
        let found =
            slope_per_hour(&samples(|minute| if minute % 5 == 4 { 900.0 + f64::from(minute) } else { 60.0 }));
        assert!(found.abs() < 0.1, "{found}");
    }

    #[test]
    fn of_nothing_there_is_no_slope() {
        assert_eq!(slope_per_hour(&[]), 0.0);
        assert_eq!(slope_per_hour(&[(Duration::ZERO, 7.0)]), 0.0);
        assert_eq!(slope_per_hour(&[(Duration::ZERO, 7.0), (Duration::from_secs(1_800), 8.0)]), 2.0);
    }
}
