//! Room in a ConfigMap: the oldest samples go where there is too little.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::text::{SAMPLES, encode};

/// The most characters of history, tracking and samples together, as they are kept. The Java autoscaler's limit.
pub const MOST: usize = 1_000_000;

/// Samples as they are kept, without as many of the oldest as it takes to fit beside `others` characters. None where they
/// fit as they are, or are no map that samples could be taken out of.
pub fn made(samples: &str, others: usize) -> Option<String> {
    let fits = |kept: &str| kept.len() + others <= MOST;
    if fits(&encode(SAMPLES, samples)) {
        return None;
    }
    let all: BTreeMap<&str, &RawValue> = serde_json::from_str(samples).ok()?;
    let mut all: Vec<(&str, &RawValue)> = all.into_iter().collect();
    // A text with a fraction of a second comes after the one without.
    all.sort_by_key(|(at, _)| at.trim_end_matches('Z'));
    let without = |oldest: usize| {
        let rest: BTreeMap<&str, &RawValue> = all.iter().skip(oldest).copied().collect();
        encode(SAMPLES, &serde_json::to_string(&rest).unwrap_or_default())
    };
    // The fewest that do, by halves: the more are gone, the shorter the rest.
    let (mut too_few, mut enough) = (0, all.len());
    while enough - too_few > 1 {
        let half = too_few + (enough - too_few) / 2;
        if fits(&without(half)) {
            enough = half;
        } else {
            too_few = half;
        }
    }
    Some(without(enough))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::decode;

    /// Samples that hardly can be packed.
    fn samples(number: usize, bytes: usize) -> String {
        let mut state = 1_u64;
        let mut noise = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[(state >> 33) as usize % 62])
        };
        let entry = |second: usize| {
            let text: String = (0..bytes).map(|_| noise()).collect();
            (format!("2023-11-15T16:{:02}:{:02}Z", second / 60, second % 60), text)
        };
        serde_json::to_string(&(0..number).map(entry).collect::<BTreeMap<_, _>>()).unwrap()
    }

    #[test]
    fn the_oldest_samples_make_room_and_no_more_than_needed() {
        let all = samples(60, 20_000);
        for (others, fewest, most) in [(0, 49, 51), (500_000, 24, 26), (990_000, 0, 1), (2_000_000, 0, 0)] {
            let kept = made(&all, others).unwrap();
            let left: BTreeMap<String, String> = serde_json::from_str(&decode(SAMPLES, &kept).unwrap()).unwrap();
            assert!((fewest..=most).contains(&left.len()), "{others}: {} are left", left.len());
            assert!(kept.len() + others <= MOST || left.is_empty());
            assert!(left.is_empty() || left.contains_key("2023-11-15T16:00:59Z"), "the latest stays");
        }
        assert_eq!(made(&samples(10, 100), 0), None);
        assert_eq!(made(&samples(60, 20_000).replace(':', " "), 0), None, "no samples at all");
    }
}
