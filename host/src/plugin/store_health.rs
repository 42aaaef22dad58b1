//! How a state store does, as plain data for whoever asks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::load::Code;
use super::{Grants, Limits};
use crate::metrics::{Meter, PluginUse};
use crate::model::Digest;
use crate::state::StoreError;

/// A state store. It is the same from the start of the daemon to its end.
#[derive(Clone, Debug)]
pub struct StateStoreStatus {
    /// Its name in logs and metrics.
    pub name: String,
    /// Where its code comes from.
    pub source: String,
    /// What its code is known by.
    pub digest: Digest,
    /// What it imports, beside what language runtimes do on their own.
    pub asks: Vec<String>,
    /// What it may touch.
    pub grants: Grants,
    /// What a call may use.
    pub limits: Limits,
    /// What it has used.
    pub used: PluginUse,
    /// How often an instance was started to serve: the first, and one for each that was lost or could not be used further.
    pub starts: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What the last one was, also if all is well again.
    pub last_failure: Option<String>,
}

/// What is known of it from answer to answer.
pub(super) struct Health {
    known: StateStoreStatus,
    meter: Meter,
    course: Mutex<Course>,
}

#[derive(Default)]
struct Course {
    starts: u64,
    failures: u32,
    last_failure: Option<String>,
}

impl Health {
    /// Nothing was asked of it yet.
    pub(super) fn of(name: &str, code: &Code, limits: &Limits, grants: &Grants, meter: Meter) -> Self {
        let known = StateStoreStatus {
            name: name.to_owned(),
            source: code.source.to_string(),
            digest: code.digest,
            asks: Vec::new(),
            grants: grants.clone(),
            limits: limits.clone(),
            used: meter.used(),
            starts: 0,
            failures: 0,
            last_failure: None,
        };
        Self { known, meter, course: Mutex::default() }
    }

    /// An instance is started to serve, or does not start.
    pub(super) fn starts<T>(&self, started: Result<T, StoreError>) -> Result<T, StoreError> {
        self.course().starts += 1;
        if started.is_err() { self.answered(started) } else { started }
    }

    /// It has answered.
    pub(super) fn answered<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        let mut course = self.course();
        match &answer {
            Ok(_) => course.failures = 0,
            Err(error) => {
                course.failures = course.failures.saturating_add(1);
                course.last_failure = Some(error.source.to_string());
            }
        }
        answer
    }

    /// How it does, and what it asks for.
    pub(super) fn status(&self, asks: &[String]) -> StateStoreStatus {
        let Course { starts, failures, last_failure } = &*self.course();
        StateStoreStatus {
            asks: asks.to_vec(),
            used: self.meter.used(),
            starts: *starts,
            failures: *failures,
            last_failure: last_failure.clone(),
            ..self.known.clone()
        }
    }

    fn course(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Metrics;
    use crate::plugin::Source;
    use crate::state::StoreFailure;

    #[test]
    fn failures_count_until_it_answers_and_the_last_one_is_remembered() {
        let code = Code::new(Source::Bundled("sql".to_owned()), Vec::new());
        let meter = Metrics::default().calls.meter("state-store");
        let health = Health::of("state-store", &code, &Limits::of_state_store(), &Grants::default(), meter);
        let fail =
            |words: &str| Err::<(), _>(StoreError { kind: StoreFailure::Unavailable, source: words.to_owned().into() });
        let seen = || {
            let StateStoreStatus { starts, failures, last_failure, .. } = health.status(&[]);
            (starts, failures, last_failure)
        };
        assert_eq!(seen(), (0, 0, None));
        health.starts(fail("no instance")).unwrap_err();
        health.starts(Ok(())).unwrap();
        health.answered(fail("no answer")).unwrap_err();
        assert_eq!(seen(), (2, 2, Some("no answer".to_owned())));
        health.answered(Ok(())).unwrap();
        assert_eq!(seen(), (2, 0, Some("no answer".to_owned())));
    }
}
