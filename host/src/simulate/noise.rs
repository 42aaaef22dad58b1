//! Chance that is the same on every machine and in every build: a number for each seed, stream and step.

use std::time::Duration;

/// How much the capacity of a job's vertices wavers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Noise {
    /// The most that it is off, as a share of itself; from 0 up to, not including, 1.
    pub share: f64,
    /// How long it stays as it is.
    pub every: Duration,
    /// What chance begins with.
    pub seed: u64,
}

impl Default for Noise {
    fn default() -> Self {
        Self { share: 0.0, every: Duration::from_secs(10), seed: 0 }
    }
}

impl Noise {
    /// What the capacity of the vertex at `index` is multiplied with, so long after the beginning.
    pub fn factor(&self, index: usize, at: Duration) -> f64 {
        if self.share <= 0.0 {
            return 1.0;
        }
        let step = at.as_millis() / self.every.as_millis().max(1);
        1.0 + self.share * (2.0 * chance(self.seed, index as u64, step as u64) - 1.0)
    }
}

/// An even number from 0 up to, not including, 1: always the same for the same arguments.
///
/// The finalizer of SplitMix64 over each argument in turn. No crate: those with generators promise the same numbers only
/// for one version, and a generator has to be asked in order, while time can be looked at from anywhere.
pub fn chance(seed: u64, stream: u64, step: u64) -> f64 {
    let mixed = [seed, stream, step].into_iter().fold(0, |state, part| mix(state ^ part));
    // The upper 53 bits are what a double holds exactly.
    (mixed >> 11) as f64 / (1u64 << 53) as f64
}

fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_is_even_and_the_same_every_time() {
        let drawn: Vec<f64> = (0..10_000).map(|step| chance(7, 1, step)).collect();
        assert!(drawn.iter().all(|number| (0.0..1.0).contains(number)));
        let mean = drawn.iter().sum::<f64>() / 10_000.0;
        assert!((mean - 0.5).abs() < 0.02, "{mean}");
        assert_eq!(drawn, (0..10_000).map(|step| chance(7, 1, step)).collect::<Vec<_>>());
        assert_ne!(chance(7, 1, 0), chance(8, 1, 0));
        assert_ne!(chance(7, 1, 0), chance(7, 2, 0));
    }

    #[test]
    fn noise_holds_for_its_time_and_stays_within_its_share() {
        let noise = Noise { share: 0.1, every: Duration::from_secs(10), seed: 3 };
        let at = |seconds| noise.factor(0, Duration::from_secs(seconds));
        assert_eq!(at(0), at(9));
        assert_ne!(at(0), at(10));
        assert!((0..1000).all(|seconds| (0.9..=1.1).contains(&at(seconds))));
        assert_eq!(Noise::default().factor(0, Duration::from_secs(5)), 1.0);
    }
}
