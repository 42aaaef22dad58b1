//! De-duplication: of the events of one key, the first in every interval passes, the others are counted.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tidegate_common::time::Timestamp;

use crate::model::{Event, EventKind, JobKey};

/// A warning that names no interval, told in every pass that fails the same way, is passed on this often.
const REPEATED_WARNING: Duration = Duration::from_secs(30 * 60);

/// Keys that are remembered of one job. Beyond that the oldest is forgotten: an event too many does less harm than a
/// policy that fills the memory.
const MOST_KEYS: usize = 1000;

/// Remembers what was told, and when.
#[derive(Debug, Default)]
pub struct Deduplicator {
    /// By the digest of reason and key, whose texts can be long.
    told: HashMap<JobKey, HashMap<u64, Told>>,
    hasher: RandomState,
}

#[derive(Debug)]
struct Told {
    at: Timestamp,
    /// When it can be forgotten.
    until: Timestamp,
    /// Events that were held back since.
    held: u32,
}

impl Deduplicator {
    /// How often `event` has happened since it was last told, this time included; `None` if it is held back now.
    pub fn admit(&mut self, job: &JobKey, event: &Event, now: Timestamp) -> Option<u32> {
        let interval = match (event.interval, event.kind) {
            (Some(interval), _) => interval,
            (None, EventKind::Warning) => REPEATED_WARNING,
            (None, EventKind::Normal) => return Some(1),
        };
        let of_job = self.told.entry(job.clone()).or_default();
        of_job.retain(|_, told| now < told.until);
        // An interval after it is over, nobody cares any more for what was held back.
        let told = Told { at: now, until: now.plus(interval).plus(interval), held: 0 };
        let digest = self.hasher.hash_one((&event.reason, event.key()));
        if of_job.len() >= MOST_KEYS && !of_job.contains_key(&digest) {
            forget_oldest(of_job);
        }
        match of_job.entry(digest) {
            Entry::Vacant(place) => {
                place.insert(told);
                Some(1)
            }
            Entry::Occupied(mut place) => {
                let last = place.get_mut();
                if last.at > now.minus(interval) {
                    last.held = last.held.saturating_add(1);
                    return None;
                }
                let count = last.held.saturating_add(1);
                *last = told;
                Some(count)
            }
        }
    }

    /// Forgets a job that is gone.
    pub fn forget(&mut self, job: &JobKey) {
        self.told.remove(job);
    }
}

fn forget_oldest(told: &mut HashMap<u64, Told>) {
    let oldest = told.iter().min_by_key(|(_, told)| told.at).map(|(digest, _)| *digest);
    if let Some(digest) = oldest {
        told.remove(&digest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobId;

    fn event(message: &str, key: Option<&str>, interval: Option<u64>) -> Event {
        Event {
            kind: EventKind::Normal,
            reason: "ScalingReport".to_owned(),
            message: message.to_owned(),
            message_key: key.map(str::to_owned),
            interval: interval.map(Duration::from_secs),
        }
    }

    #[test]
    fn one_event_of_a_key_passes_in_an_interval_and_says_how_many_it_stands_for() {
        let job = JobKey { cluster: "c".to_owned(), id: JobId::from_u128(1) };
        let mut dedup = Deduplicator::default();
        let mut admit = |event: &Event, second: i64| dedup.admit(&job, event, Timestamp::from_millis(second * 1000));
        let keyed = event("a", Some("k"), Some(10));
        assert_eq!(admit(&keyed, 100), Some(1));
        assert_eq!(admit(&event("b", Some("k"), Some(10)), 101), None, "another text, the same key");
        assert_eq!(admit(&event("b", None, Some(10)), 101), Some(1), "without a key the text is the key");
        assert_eq!(admit(&keyed, 109), None);
        assert_eq!(admit(&keyed, 110), Some(3));
        assert_eq!(admit(&keyed, 111), None);
        assert_eq!(admit(&keyed, 145), Some(1), "long after, what was held back is forgotten");
        assert_eq!(admit(&event("a", Some("k"), None), 145), Some(1), "no interval, no de-duplication");
    }

    #[test]
    fn a_warning_of_every_pass_is_told_once_in_a_while() {
        let job = JobKey { cluster: "c".to_owned(), id: JobId::from_u128(1) };
        let mut dedup = Deduplicator::default();
        let warning = Event { kind: EventKind::Warning, ..event("no answer", None, None) };
        let told = (0..360).filter_map(|pass| dedup.admit(&job, &warning, Timestamp::from_millis(pass * 10_000)));
        assert_eq!(told.collect::<Vec<_>>(), [1, 180]);
    }

    #[test]
    fn what_is_remembered_of_a_job_has_an_end() {
        let job = JobKey { cluster: "c".to_owned(), id: JobId::from_u128(1) };
        let mut dedup = Deduplicator::default();
        let numbered = |number: usize| event(&number.to_string(), None, Some(u64::MAX / 1000));
        for number in 0..3 * MOST_KEYS {
            assert_eq!(dedup.admit(&job, &numbered(number), Timestamp::from_millis(number as i64)), Some(1));
        }
        assert_eq!(dedup.told[&job].len(), MOST_KEYS);
        let now = Timestamp::from_millis(3 * MOST_KEYS as i64);
        assert_eq!(dedup.admit(&job, &numbered(3 * MOST_KEYS - 1), now), None, "the latest are remembered");
    }

    #[test]
    fn jobs_do_not_hide_each_others_events() {
        let mut dedup = Deduplicator::default();
        let job = |id| JobKey { cluster: "c".to_owned(), id: JobId::from_u128(id) };
        let event = event("a", None, Some(10));
        assert_eq!(dedup.admit(&job(1), &event, Timestamp::from_millis(0)), Some(1));
        assert_eq!(dedup.admit(&job(2), &event, Timestamp::from_millis(0)), Some(1));
        dedup.forget(&job(1));
        assert_eq!(dedup.admit(&job(1), &event, Timestamp::from_millis(1)), Some(1));
    }
}
