//! How many records arrive at a source, as a function of time.

use std::time::Duration;

/// Records per second over time, counted from the moment that the load is applied. Negative rates count as 0.
#[derive(Clone, Debug, PartialEq)]
pub enum Load {
    /// Always the same.
    Constant(f64),
    /// From one rate to another in a straight line, then constant.
    Ramp {
        /// The rate at the beginning.
        from: f64,
        /// The rate in the end.
        to: f64,
        /// How long the way takes.
        over: Duration,
    },
    /// A base rate with spikes on it, the first one `every` minus `width` after the beginning.
    Spikes {
        /// The rate between spikes.
        base: f64,
        /// The rate within a spike.
        peak: f64,
        /// From the end of one spike to the end of the next.
        every: Duration,
        /// How long a spike lasts.
        width: Duration,
    },
    /// A day: a sine that begins at its mean and rises first.
    Daily {
        /// The rate in the middle.
        mean: f64,
        /// How far the rate goes above and below it.
        swing: f64,
        /// How long a day is.
        period: Duration,
    },
    /// Rates that each hold from a moment on; 0 before the first one. Moments must rise.
    Steps(Vec<(Duration, f64)>),
}

impl Load {
    /// Records per second `at` after the beginning; at least 0.
    pub fn rate(&self, at: Duration) -> f64 {
        let rate = match self {
            Self::Constant(rate) => *rate,
            Self::Ramp { from, to, over } => from + (to - from) * share(at, *over).min(1.0),
            Self::Spikes { base, peak, every, width } => {
                let phase = share(at, *every).fract();
                if phase >= 1.0 - share(*width, *every).min(1.0) { *peak } else { *base }
            }
            Self::Daily { mean, swing, period } => mean + swing * (std::f64::consts::TAU * share(at, *period)).sin(),
            Self::Steps(steps) => {
                let begun = steps.partition_point(|(from, _)| *from <= at);
                begun.checked_sub(1).and_then(|last| steps.get(last)).map_or(0.0, |(_, rate)| *rate)
            }
        };
        rate.max(0.0)
    }
}

/// `part` of `whole`; everything is the whole of nothing.
fn share(part: Duration, whole: Duration) -> f64 {
    if whole.is_zero() { 1.0 } else { part.as_secs_f64() / whole.as_secs_f64() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_load_is_a_function_of_time() {
        let ramp = Load::Ramp { from: 100.0, to: 300.0, over: s(10) };
        let spikes = Load::Spikes { base: 10.0, peak: 90.0, every: s(60), width: s(20) };
        let daily = Load::Daily { mean: 100.0, swing: 150.0, period: s(40) };
        let steps = Load::Steps(vec![(s(5), 1.0), (s(10), 2.0)]);
        for (load, at, expected) in [
            (&Load::Constant(7.0), s(1000), 7.0),
            (&ramp, s(0), 100.0),
            (&ramp, s(5), 200.0),
            (&ramp, s(50), 300.0),
            (&spikes, s(39), 10.0),
            (&spikes, s(41), 90.0),
            (&spikes, s(61), 10.0),
            (&spikes, s(119), 90.0),
            (&daily, s(0), 100.0),
            (&daily, s(10), 250.0),
            (&daily, s(30), 0.0),
            (&steps, s(4), 0.0),
            (&steps, s(5), 1.0),
            (&steps, s(99), 2.0),
        ] {
            assert!((load.rate(at) - expected).abs() < 1e-9, "{load:?} at {at:?}: {}", load.rate(at));
        }
    }

    #[test]
    fn a_ramp_of_no_length_is_at_its_end() {
        let ramp = Load::Ramp { from: 1.0, to: 2.0, over: Duration::ZERO };
        assert!((ramp.rate(Duration::ZERO) - 2.0).abs() < 1e-9);
    }
}
