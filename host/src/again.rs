//! What is tried again, and when: registries that did not give a plugin, and configurations that name one.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use crate::causes::in_one_text;
use crate::model::Digest;
use crate::plugin::Registry;

/// Longer and longer pauses between attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BackOff {
    next: Duration,
}

/// Before the second attempt, and at most.
const FIRST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(300);

impl Default for BackOff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl BackOff {
    /// How long to pause now; the next time it is twice as long.
    pub(crate) fn pause(&mut self) -> Duration {
        let pause = self.next;
        self.next = (pause * 2).min(LONGEST);
        pause
    }
}

/// Why the configuration has to be read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReloadCause {
    /// Its file holds this.
    Changed(Digest),
    /// It was refused for a reason that may have passed.
    Again,
}

/// When a configuration is tried again that could not be put in force.
#[derive(Default)]
pub(crate) struct Again {
    at: Option<Instant>,
    back_off: BackOff,
}

impl Again {
    /// It was refused, for a reason that may pass or not.
    pub(crate) fn refused(&mut self, may_pass: bool) {
        self.at = may_pass.then(|| Instant::now() + self.back_off.pause());
    }

    /// Waits until it is to be tried again, once; for ever if it is not.
    pub(crate) async fn due(&mut self) {
        match self.at {
            Some(at) => sleep_until(at).await,
            None => pending().await,
        }
        self.at = None;
    }
}

/// Asks registries again for the plugins that they did not give, until they do or the daemon stops. What is in service
/// meanwhile stays.
pub(crate) async fn fetch_again(registry: Arc<Registry>, mut stopped: Receiver<bool>) {
    let mut back_off = BackOff::default();
    loop {
        let pause = back_off.pause();
        tokio::select! {
            () = sleep(pause) => {}
            _ = stopped.wait_for(|stopped| *stopped) => return,
        }
        let lacking = registry.not_fetched();
        if lacking.is_empty() {
            back_off = BackOff::default();
        }
        for plugin in lacking {
            let offered = tokio::select! {
                offered = registry.refresh(&plugin) => offered,
                _ = stopped.wait_for(|stopped| *stopped) => return,
            };
            match offered {
                Ok(_) => info!(plugin, "plugin was fetched after all"),
                Err(error) => {
                    let error = in_one_text(&error);
                    warn!(plugin, error, "plugin is not there yet: it is tried again");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes() {
        let mut back_off = BackOff::default();
        let pauses: Vec<u64> = (0..9).map(|_| back_off.pause().as_secs()).collect();
        assert_eq!(pauses, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    }
}
