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

    /// Sends one body.
    pub(crate) fn send(&mut self, target: &Target, body: &str) -> Result<(), String> {
        let mut pause = self.back_off;
        let mut attempt = 1;
        loop {
            match send(target, body) {
                Ok(()) => return Ok(()),
                Err(Failure::ForGood(reason)) => return Err(reason),
                Err(Failure::ForNow(reason)) if attempt >= self.most || Instant::now() + pause >= self.until => {
                    return Err(format!("{reason} (attempt {attempt}, the last)"));
                }
                Err(Failure::ForNow(reason)) => {
                    write(Level::Debug, &format!("{reason} (attempt {attempt})"));
                    thread::sleep(pause);
                    pause = pause.saturating_mul(2);
                    attempt += 1;
                }
            }
        }
    }
}
