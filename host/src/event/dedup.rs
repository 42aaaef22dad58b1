//! De-duplication: of the events of one key, the first in every interval passes, the others are counted.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

use tidegate_common::time::Timestamp;

use crate::fnv::fnv1a;
use crate::model::{Event, EventKind, JobId};

/// A warning that names no interval, told in every pass that fails the same way, is passed on this often.
const REPEATED_WARNING: Duration = Duration::from_secs(30 * 60);

/// Keys that are remembered of one job. Beyond that the oldest is forgotten: an event too many does less harm than a
/// policy that fills the memory.
const MOST_KEYS: usize = 1000;

/// Remembers what was told of one job, and when.
#[derive(Debug, Default)]
pub(super) struct Deduplicator {
    /// By the digest of the submission's id, the reason and the key, whose texts can be long.
    told: BTreeMap<u64, Told>,
}

/// The last time that an event of a key was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) at: Timestamp,
    /// When it can be forgotten.
    pub(super) until: Timestamp,
    /// Events that were held back since.
    pub(super) held: u32,
}

impl Deduplicator {
    /// How often `event` has happened since it was last told, this time included; `None` if it is held back now.
    pub(super) fn admit(&mut self, job: JobId, event: &Event, now: Timestamp) -> Option<u32> {
        let interval = match (event.interval, event.kind) {
            (Some(interval), _) => interval,
            (None, EventKind::Warning) => REPEATED_WARNING,
            (None, EventKind::Normal) => return Some(1),
        };
        self.told.retain(|_, told| now < told.until);
        // An interval after it is over, nobody cares any more for what was held back.
        let told = Told { at: now, until: now.plus(interval).plus(interval), held: 0 };
        let digest = digest(job, event);
        if self.told.len() >= MOST_KEYS && !self.told.contains_key(&digest) {
            self.forget_oldest();
        }
        match self.told.entry(digest) {
            Entry::Vacant(place) => {
                place.insert(told);
                Some(1)
            }
            Entry::Occupied(mut place) => {
                let last = place.get_mut();
                // A clock that was once far ahead must not silence anybody for long.
                if last.at > now.minus(interval) && last.at <= now.plus(interval) {
                    last.held = last.held.saturating_add(1);
                    return None;
                }
                let count = last.held.saturating_add(1);
                *last = told;
                Some(count)
            }
        }
    }

    /// What is remembered, by digest.
    pub(super) fn told(&self) -> &BTreeMap<u64, Told> {
        &self.told
    }

    /// Remembers what an earlier process has told. What this one knows itself is newer.
    pub(super) fn remember(&mut self, told: impl IntoIterator<Item = (u64, Told)>) {
        for (digest, told) in told.into_iter().take(MOST_KEYS) {
            self.told.entry(digest).or_insert(told);
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.told.iter().min_by_key(|(_, told)| told.at).map(|(digest, _)| *digest);
        if let Some(digest) = oldest {
            self.told.remove(&digest);
        }
    }
}

/// The same in every process: an event that was told before a restart is known after it. Another submission of the job is
/// told anew.
fn digest(job: JobId, event: &Event) -> u64 {
    let job = job.to_string();
    // A byte that no text has stands between the parts.
    let parts = [job.as_str(), &event.reason, event.key()];
    fnv1a(parts.into_iter().flat_map(|part| part.bytes().chain([0xff])))
}

#[cfg(test)]
mod tests {
    use super::*;

    const JOB: JobId = JobId::from_u128(1);

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
        let mut dedup = Deduplicator::default();
        let mut admit = |event: &Event, second: i64| dedup.admit(JOB, event, Timestamp::from_millis(second * 1000));
        let keyed = event("a", Some("k"), Some(10));
        assert_eq!(admit(&keyed, 100), Some(1));
        assert_eq!(admit(&event("b", Some("k"), Some(10)), 101), None, "another text, the same key");
        assert_eq!(admit(&event("b", None, Some(10)), 101), Some(1), "without a key the text is the key");
        assert_eq!(admit(&keyed, 109), None);
        assert_eq!(admit(&keyed, 110), Some(3));
        assert_eq!(admit(&keyed, 111), None);
        assert_eq!(admit(&keyed, 145), Some(1), "long after, what was held back is forgotten");
        assert_eq!(admit(&event("a", Some("k"), None), 145), Some(1), "no interval, no de-duplication");
        assert_eq!(admit(&keyed, 20), Some(1), "the clock was wrong for a while");
        assert_eq!(admit(&keyed, 21), None);
    }

    #[test]
    fn a_warning_of_every_pass_is_told_once_in_a_while() {
        let mut dedup = Deduplicator::default();
        let warning = Event { kind: EventKind::Warning, ..event("no answer", None, None) };
        let told = (0..360).filter_map(|pass| dedup.admit(JOB, &warning, Timestamp::from_millis(pass * 10_000)));
        assert_eq!(told.collect::<Vec<_>>(), [1, 180]);
    }

    #[test]
    fn what_is_remembered_of_a_job_has_an_end() {
        let mut dedup = Deduplicator::default();
        let numbered = |number: usize| event(&number.to_string(), None, Some(u64::MAX / 1000));
        for number in 0..3 * MOST_KEYS {
            assert_eq!(dedup.admit(JOB, &numbered(number), Timestamp::from_millis(number as i64)), Some(1));
        }
        assert_eq!(dedup.told.len(), MOST_KEYS);
        let now = Timestamp::from_millis(3 * MOST_KEYS as i64);
        assert_eq!(dedup.admit(JOB, &numbered(3 * MOST_KEYS - 1), now), None, "the latest are remembered");
    }

    #[test]
    fn digests_are_the_same_in_every_version_and_tell_submissions_apart() {
        let keyed = event("a", Some("k"), None);
        assert_eq!(digest(JOB, &keyed), 0xbe64_7a94_1b55_72f9);
        assert_ne!(digest(JobId::from_u128(2), &keyed), digest(JOB, &keyed));
        let shifted = Event { reason: "ScalingReportk".to_owned(), ..event("a", Some(""), None) };
        assert_ne!(digest(JOB, &shifted), digest(JOB, &keyed));
    }
}
