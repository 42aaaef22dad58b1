//! Waiting for something that another process brings about.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::HarnessError;

const PAUSE: Duration = Duration::from_millis(250);

/// Looks again and again until what is seen is as wanted, and returns it.
///
/// A look that fails counts as not yet seen: servers that start or jobs that restart answer with errors in between.
///
/// # Errors
///
/// [`HarnessError::TimedOut`] with what was seen last.
pub fn eventually<T: std::fmt::Debug>(
    what: &str,
    within: Duration,
    mut look: impl FnMut() -> Result<T, HarnessError>,
    wanted: impl Fn(&T) -> bool,
) -> Result<T, HarnessError> {
    let started = Instant::now();
    loop {
        let seen = look();
        match seen {
            Ok(seen) if wanted(&seen) => return Ok(seen),
            seen if started.elapsed() >= within => {
                return Err(HarnessError::TimedOut { what: what.to_owned(), within, last: format!("{seen:?}") });
            }
            _ => thread::sleep(PAUSE),
        }
    }
}

/// Looks again and again for a while, and returns everything that was seen, oldest first.
///
/// # Errors
///
/// The first look that fails.
pub fn throughout<T>(
    duration: Duration,
    mut look: impl FnMut() -> Result<T, HarnessError>,
) -> Result<Vec<T>, HarnessError> {
    let started = Instant::now();
    let mut seen = Vec::new();
    while started.elapsed() < duration {
        seen.push(look()?);
        thread::sleep(PAUSE);
    }
    Ok(seen)
}
