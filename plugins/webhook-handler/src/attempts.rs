//! Sends, and sends again where that may help: not for longer than the host waits for this handler.

use std::thread;
use std::time::{Duration, Instant};

use crate::bindings::tidegate::host::log::{Level, write};
use crate::request::{Failure, Target, send};

/// The attempts of one call.
pub(crate) struct Attempts {
    most: u32,
    back_off: Duration,
    until: Instant,
}

impl Attempts {
    /// At most so many for each body, twice as long apart each time, none after `patience`.
    pub(crate) fn new(most: u32, back_off: Duration, patience: Duration) -> Self {
        Self { most, back_off, until: Instant::now() + patience }
    }

    /// Sends one body. Before the next attempt passes what the receiver asks for, and the back-off at least.
    pub(crate) fn send(&mut self, target: &Target, body: &str) -> Result<(), String> {
        let mut back_off = self.back_off;
        let mut attempt = 1;
        loop {
            let (reason, wait) = match send(target, body) {
                Ok(()) => return Ok(()),
                Err(Failure::ForGood(reason)) => return Err(reason),
                Err(Failure::ForNow { reason, wait }) => (reason, wait),
            };
            let left = self.until.saturating_duration_since(Instant::now());
            if let Some(wait) = wait.filter(|wait| *wait >= left) {
                let wait = wait.as_secs();
                return Err(format!(
                    "{reason} and asks for {wait} s of rest, more than `patience` leaves ({left:.0?})"
                ));
            }
            let pause = back_off.max(wait.unwrap_or_default());
            if attempt >= self.most || pause >= left {
                return Err(format!("{reason} (attempt {attempt}, the last)"));
            }
            write(Level::Debug, &format!("{reason} (attempt {attempt}, the next in {pause:?})"));
            thread::sleep(pause);
            back_off = back_off.saturating_mul(2);
            attempt += 1;
        }
    }
}
