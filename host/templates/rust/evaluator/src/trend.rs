//! A straight line through what was measured, continued.

/// Rates that a trend is read from, at least.
const LEAST: usize = 3;

/// How many times the mean rate the rate will be after `horizon` seconds, if it goes on like this; 1 where that cannot be
/// told. `arrived` is how much has arrived until which second, oldest first.
pub fn growth(arrived: &[(f64, f64)], horizon: f64) -> f64 {
    // Each rate belongs to the middle between two samples. Where less has arrived than before, counters began anew.
    let rates: Vec<(f64, f64)> = arrived
        .windows(2)
        .map(|pair| ((pair[0].0 + pair[1].0) / 2.0, (pair[1].1 - pair[0].1) / (pair[1].0 - pair[0].0)))
        .filter(|(_, rate)| rate.is_finite() && *rate >= 0.0)
        .collect();
    let Some((last, _)) = rates.last().filter(|_| rates.len() >= LEAST) else { return 1.0 };
    let count = rates.len() as f64;
    let (mean_time, mean_rate) =
        rates.iter().fold((0.0, 0.0), |sums, (time, rate)| (sums.0 + time / count, sums.1 + rate / count));
    let (mut above, mut below) = (0.0, 0.0);
    for (time, rate) in &rates {
        above += (time - mean_time) * (rate - mean_rate);
        below += (time - mean_time) * (time - mean_time);
    }
    let forecast = mean_rate + above / below * (last + horizon - mean_time);
    if mean_rate > 0.0 && forecast.is_finite() { forecast / mean_rate } else { 1.0 }
}
