//! A store that answers, but slowly: said once while it lasts, and once when it is over.

use std::time::{Duration, Instant};

/// A call that takes longer keeps its pass waiting.
const SLOW: Duration = Duration::from_secs(1);

/// After so long without such a call it is over: one that is slow now and then is slow all the time.
const QUIET: Duration = Duration::from_secs(10);

/// Whether a store is slow.
#[derive(Debug, Default)]
pub(super) struct Slowness(Option<Slow>);

/// A store that is slow.
#[derive(Debug)]
struct Slow {
    since: Instant,
    /// When a call was slow last.
    last: Instant,
    slowest: Duration,
}

/// What there is to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum News {
    /// A call took so long, and none before it.
    Slow {
        /// How long.
        took: Duration,
    },
    /// Calls are quick again.
    Quick {
        /// How long they were not.
        after: Duration,
        /// What the slowest of them took.
        slowest: Duration,
    },
}

impl Slowness {
    /// A call was answered at `now` and took so long, the wait for its turn included.
    pub(super) fn answered(&mut self, now: Instant, took: Duration) -> Option<News> {
        let is_slow = took >= SLOW;
        match &mut self.0 {
            Some(slow) if is_slow => {
                slow.last = now;
                slow.slowest = slow.slowest.max(took);
                None
            }
            Some(slow) if now.duration_since(slow.last) >= QUIET => {
                let news = News::Quick { after: slow.last.duration_since(slow.since), slowest: slow.slowest };
                self.0 = None;
                Some(news)
            }
            None if is_slow => {
                let since = now.checked_sub(took).unwrap_or(now);
                self.0 = Some(Slow { since, last: now, slowest: took });
                Some(News::Slow { took })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slowness_is_told_once_and_so_is_its_end() {
        let start = Instant::now();
        let seconds = Duration::from_secs;
        let mut slowness = Slowness::default();
        for (at, took, expected) in [
            (2, 0, None),
            (5, 2, Some(News::Slow { took: seconds(2) })),
            (6, 0, None),
            (12, 4, None),
            (13, 1, None),
            (14, 0, None),
            (22, 0, None),
            (23, 0, Some(News::Quick { after: seconds(10), slowest: seconds(4) })),
            (24, 0, None),
            (40, 1, Some(News::Slow { took: seconds(1) })),
        ] {
            assert_eq!(slowness.answered(start + seconds(at), seconds(took)), expected, "at {at}");
        }
    }
}
