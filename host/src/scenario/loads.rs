//! The shapes of load that a scenario's file can say, and what they come to over time.

use std::f64::consts::TAU;
use std::time::Duration;

use serde::Deserialize;

use super::number::{Amount, Count};
use crate::config::Span;
use crate::simulate::{Load, chance};

/// Chance of different kinds must not be the same.
const JITTER: u64 = 1 << 32;
const WALK: u64 = 2 << 32;
const PERMUTATIONS: u64 = 3 << 32;

/// Records per second at a source over time.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "lowercase")]
pub(super) enum LoadTable {
    /// Always the same.
    Constant { rate: Amount },
    /// From one rate to another in a straight line, then constant.
    Ramp { from: Amount, to: Amount, over: Span },
    /// A base rate with spikes on it, the first one `every` minus `width` after the beginning.
    Spikes { base: Amount, peak: Amount, every: Span, width: Span },
    /// A cosine, as of days; it begins at its top.
    Wave { mean: Amount, swing: Amount, period: Span },
    /// Rates that are each held for a while; the last one to the end. Each that differs from the one before is a change.
    Steps { hold: Span, rates: Vec<Amount> },
    /// Rates as they were recorded; none of them counts as a change.
    Series { every: Span, rates: Vec<Amount> },
    /// A step of chance, down or up, every so often.
    Walk { from: Amount, down: Amount, up: Amount, most: Amount, every: Span },
    /// 1 to `units` times `unit` in an order of chance, each held for a while; that order `repeats` times; all of this
    /// for so many orders. Each rate is a change.
    Permutations { unit: Amount, units: Count, permutations: Count, repeats: Count, hold: Span },
}

/// What is added to a load: up to `by` records per second more or less, another number every so often.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JitterTable {
    by: Amount,
    every: Span,
}

/// A load, and when it goes to another level.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Offered {
    pub(super) load: Load,
    pub(super) changes: Vec<Duration>,
}

impl LoadTable {
    /// This load for so long, as `seed` has it; `stream` tells one source's chance from another's.
    pub(super) fn offered(&self, lasts: Duration, seed: u64, stream: u64, jitter: Option<JitterTable>) -> Offered {
        let held = |hold: &Span, rates: Vec<f64>| {
            let mut from = Duration::ZERO;
            let mut step = |rate| {
                let begun = (from, rate);
                from += hold.0;
                begun
            };
            let steps: Vec<(Duration, f64)> = rates.into_iter().map(&mut step).collect();
            steps
        };
        let plain = |load| Offered { load, changes: vec![Duration::ZERO] };
        let offered = match self {
            Self::Constant { rate } => plain(Load::Constant(rate.0)),
            Self::Ramp { from, to, over } => plain(Load::Ramp { from: from.0, to: to.0, over: over.0 }),
            Self::Spikes { base, peak, every, width } => {
                plain(Load::Spikes { base: base.0, peak: peak.0, every: every.0, width: width.0 })
            }
            Self::Wave { mean, swing, period } => {
                let at = |at: Duration| mean.0 + swing.0 * (TAU * at.as_secs_f64() / period.0.as_secs_f64()).cos();
                // As fine as a hundredth of a percent of its swing.
                let every = (period.0 / 3600).max(Duration::from_secs(1));
                plain(Load::Steps(moments(lasts, every).map(|(_, moment)| (moment, at(moment + every / 2))).collect()))
            }
            Self::Steps { hold, rates } => {
                let steps = held(hold, rates.iter().map(|rate| rate.0).collect());
                Offered { changes: changes(&steps, lasts), load: Load::Steps(steps) }
            }
            Self::Series { every, rates } => plain(Load::Steps(held(every, rates.iter().map(|rate| rate.0).collect()))),
            Self::Walk { from, down, up, most, every } => {
                let mut rate = from.0;
                let walk = moments(lasts, every.0).map(|(step, at)| {
                    if step > 0 {
                        let moved = rate - down.0 + (down.0 + up.0) * chance(seed, WALK | stream, step);
                        rate = moved.clamp(0.0, most.0);
                    }
                    (at, rate)
                });
                plain(Load::Steps(walk.collect()))
            }
            Self::Permutations { unit, units, permutations, repeats, hold } => {
                let orders = (0..u64::from(permutations.0)).flat_map(|number| {
                    let order = order(units.0, seed, PERMUTATIONS | stream << 16 | number);
                    let repeats = repeats.0 as usize;
                    (0..repeats).flat_map(move |_| order.clone()).collect::<Vec<u32>>()
                });
                let steps = held(hold, orders.map(|units| f64::from(units) * unit.0).collect());
                let begun = steps.iter().map(|(at, _)| *at).filter(|at| *at < lasts);
                Offered { changes: begun.collect(), load: Load::Steps(steps) }
            }
        };
        match jitter {
            None => offered,
            Some(JitterTable { by, every }) => {
                let load = &offered.load;
                let steps = moments(lasts, every.0).map(|(step, at)| {
                    let off = by.0 * (2.0 * chance(seed, JITTER | stream, step) - 1.0);
                    (at, (load.rate(at) + off).max(0.0))
                });
                Offered { load: Load::Steps(steps.collect()), changes: offered.changes }
            }
        }
    }

    /// How often something happens by itself, where it does; at most a million times in a scenario.
    pub(super) fn every(&self) -> Option<Duration> {
        match self {
            Self::Walk { every, .. } => Some(every.0),
            Self::Wave { period, .. } => Some((period.0 / 3600).max(Duration::from_secs(1))),
            _ => None,
        }
    }
}

impl JitterTable {
    pub(super) fn every(&self) -> Duration {
        self.every.0
    }
}

/// The moments `every` apart within `lasts`, numbered.
fn moments(lasts: Duration, every: Duration) -> impl Iterator<Item = (u64, Duration)> {
    let mut next = Some(Duration::ZERO);
    let at = std::iter::from_fn(move || {
        let now = next.filter(|now| *now < lasts)?;
        next = now.checked_add(every);
        Some(now)
    });
    (0..).zip(at)
}

/// When a rate is another one than before; the beginning included.
fn changes(steps: &[(Duration, f64)], lasts: Duration) -> Vec<Duration> {
    let before = std::iter::once(None).chain(steps.iter().map(|(_, rate)| Some(*rate)));
    let changed = steps.iter().zip(before).filter(|((at, rate), before)| *at < lasts && *before != Some(*rate));
    changed.map(|((at, _), _)| *at).collect()
}

/// 1 to `units` in an order of chance.
fn order(units: u32, seed: u64, stream: u64) -> Vec<u32> {
    let drawn = (1..=units).map(|unit| (chance(seed, stream, u64::from(unit)), unit));
    let mut drawn: Vec<(f64, u32)> = drawn.collect();
    drawn.sort_by(|one, other| one.0.total_cmp(&other.0));
    drawn.into_iter().map(|(_, unit)| unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn load(text: &str) -> LoadTable {
        #[derive(Deserialize)]
        struct Holder {
            load: LoadTable,
        }
        toml::from_str::<Holder>(text).unwrap().load
    }

    #[test]
    fn every_shape_is_what_it_says() {
        let hour = s(3600);
        for (text, at, expected) in [
            ("load.constant = { rate = 7 }", s(10), 7.0),
            ("load.ramp = { from = 0, to = 10, over = '10s' }", s(5), 5.0),
            ("load.spikes = { base = 1, peak = 9, every = '60s', width = '20s' }", s(50), 9.0),
            ("load.wave = { mean = 100, swing = 50, period = '1h' }", s(0), 150.0),
            ("load.wave = { mean = 100, swing = 50, period = '1h' }", s(1800), 50.0),
            ("load.steps = { hold = '10s', rates = [1, 2, 3] }", s(19), 2.0),
            ("load.steps = { hold = '10s', rates = [1, 2, 3] }", s(99), 3.0),
            ("load.series = { every = '1min', rates = [5, 6.5] }", s(61), 6.5),
            ("load.walk = { from = 5, down = 0, up = 0, most = 9, every = '1min' }", s(600), 5.0),
        ] {
            let found = load(text).offered(hour, 1, 0, None).load.rate(at);
            assert!((found - expected).abs() < 0.01, "{text} at {at:?}: {found}");
        }
    }

    #[test]
    fn a_change_is_another_level_and_nothing_else() {
        let of = |text: &str| load(text).offered(s(60), 1, 0, None).changes;
        assert_eq!(of("load.steps = { hold = '10s', rates = [0, 2, 2, 1] }"), [s(0), s(10), s(30)]);
        assert_eq!(of("load.steps = { hold = '30s', rates = [1, 2, 3] }"), [s(0), s(30)], "the end comes first");
        assert_eq!(of("load.series = { every = '10s', rates = [0, 2, 1] }"), [s(0)]);
        let all = "load.permutations = { unit = 1, units = 2, permutations = 2, repeats = 2, hold = '10s' }";
        assert_eq!(of(all).len(), 6, "a minute holds six of the eight");
    }

    #[test]
    fn permutations_hold_every_unit_and_come_back_in_the_same_order() {
        let text = "load.permutations = { unit = 700, units = 10, permutations = 6, repeats = 2, hold = '10min' }";
        let rates = |seed| {
            let Load::Steps(steps) = load(text).offered(s(72_000), seed, 0, None).load else { panic!("no steps") };
            steps.into_iter().map(|(_, rate)| rate).collect::<Vec<f64>>()
        };
        let first = rates(1);
        assert_eq!(first.len(), 120);
        for order in first.chunks(20) {
            assert_eq!(order[..10], order[10..]);
            let mut sorted = order[..10].to_vec();
            sorted.sort_by(f64::total_cmp);
            assert_eq!(sorted, (1..=10).map(|unit| 700.0 * f64::from(unit)).collect::<Vec<_>>());
        }
        assert_ne!(first[..10], first[20..30]);
        assert_eq!(first, rates(1));
        assert_ne!(first, rates(2));
    }

    #[test]
    fn jitter_stays_within_its_bounds_and_changes_nothing_else() {
        let steps = load("load.steps = { hold = '30s', rates = [100, 200] }");
        let jitter = JitterTable { by: Amount(10.0), every: Span::seconds(1) };
        let offered = steps.offered(s(60), 5, 0, Some(jitter));
        let rates: Vec<f64> = (0..60).map(|second| offered.load.rate(s(second))).collect();
        assert!(rates[..30].iter().all(|rate| (90.0..=110.0).contains(rate)), "{rates:?}");
        assert!(rates[30..].iter().all(|rate| (190.0..=210.0).contains(rate)), "{rates:?}");
        assert_ne!(rates[0], rates[1]);
        assert_eq!(offered.changes, [s(0), s(30)]);
    }
}
