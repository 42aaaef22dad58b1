//! The state of one job: what its ConfigMap holds, and what is to last after the next flush.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_kubernetes_kit::name::{of_data_key, to_data_key};
use tidegate_kubernetes_kit::room;
use tidegate_kubernetes_kit::text::{COMPRESSED, SAMPLES, decode, encode};

use crate::bindings::exports::tidegate::state_store::stores::{Failure, GuestStore, JobKey};
use crate::bindings::tidegate::host::log::{Level, write};
use crate::config_map::{ConfigMap, Written, create, delete, patch, read};
use crate::settings::Settings;

/// How often a flush is tried while others write the same ConfigMap.
const ATTEMPTS: usize = 5;

/// The state of one job.
pub(crate) struct JobStore {
    namespace: String,
    name: String,
    job: JobKey,
    known: RefCell<Known>,
    /// What is to last after the next flush: `None` to forget.
    pending: RefCell<BTreeMap<String, Option<String>>>,
}

/// What is known of the ConfigMap. Its texts are large, and the host has them.
#[derive(Clone)]
enum Known {
    Nothing,
    Absent,
    /// Its version, and of each of its texts the length and a digest.
    Present {
        version: String,
        texts: BTreeMap<String, Mark>,
    },
}

/// What tells a text from another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Mark {
    length: usize,
    digest: u64,
}

impl Mark {
    /// FNV-1a.
    fn of(text: &str) -> Self {
        let digest = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self { length: text.len(), digest }
    }
}

impl JobStore {
    pub(crate) fn of(settings: &Settings, job: JobKey) -> Result<Self, Failure> {
        let name = settings.config_map(&job)?;
        let namespace = settings.namespace.clone();
        Ok(Self { namespace, name, job, known: RefCell::new(Known::Nothing), pending: RefCell::default() })
    }

    /// The ConfigMap as it is now, if it is there. One that is another job's is not touched.
    fn look(&self) -> Result<Option<ConfigMap>, Failure> {
        let found = read(&self.namespace, &self.name)?;
        let known = match &found {
            None => Known::Absent,
            Some(ConfigMap { version, owner, data }) => {
                if let Some((cluster, job)) = owner
                    && (*cluster != self.job.cluster || *job != self.job.job)
                {
                    return Err(Failure::Rejected(format!(
                        "the ConfigMap `{}` is that of the job {cluster}/{job}: see the option `resource`",
                        self.name
                    )));
                }
                let texts = data.iter().map(|(key, text)| (key.clone(), Mark::of(text))).collect();
                Known::Present { version: version.clone(), texts }
            }
        };
        self.known.replace(known);
        Ok(found)
    }

    /// What the ConfigMap holds, as the host knows it.
    fn stored(&self) -> Result<BTreeMap<String, String>, Failure> {
        let mut entries = BTreeMap::new();
        for (data_key, text) in self.look()?.map(|found| found.data).unwrap_or_default() {
            let Some(key) = of_data_key(&data_key) else { continue };
            match decode(&key, &text) {
                Ok(text) => {
                    entries.insert(key, text);
                }
                Err(error) => {
                    let place = &self.name;
                    write(Level::Warn, &format!("`{key}` in ConfigMap `{place}` is left out, for {error}"));
                }
            }
        }
        Ok(entries)
    }

    /// What is to be written, in the form in which it is kept, with room for all of it.
    fn changes(&self) -> Result<BTreeMap<String, Option<String>>, Failure> {
        let pending = self.pending.borrow();
        let kept =
            |(key, text): (&String, &Option<String>)| (to_data_key(key), text.as_ref().map(|text| encode(key, text)));
        let mut changes: BTreeMap<String, Option<String>> = pending.iter().map(kept).collect();
        let stored = match &*self.known.borrow() {
            Known::Present { texts, .. } => texts.clone(),
            Known::Nothing | Known::Absent => BTreeMap::new(),
        };
        let length = |key: &str| match changes.get(key) {
            Some(text) => text.as_ref().map_or(0, String::len),
            None => stored.get(key).map_or(0, |mark| mark.length),
        };
        let others: usize = COMPRESSED.iter().filter(|key| **key != SAMPLES).map(|key| length(key)).sum();
        if length(SAMPLES) + others > room::MOST {
            let samples = match pending.get(SAMPLES) {
                Some(samples) => samples.clone(),
                None => self.stored()?.remove(SAMPLES),
            };
            if let Some(made) = samples.and_then(|samples| room::made(&samples, others)) {
                write(Level::Debug, "the oldest samples are left out, for a ConfigMap has room for 1 MB");
                changes.insert(SAMPLES.to_owned(), Some(made));
            }
        }
        Ok(changes)
    }

    /// One attempt to write `changes` over what is known.
    fn write(&self, changes: &BTreeMap<String, Option<String>>) -> Result<Written, Failure> {
        let known = self.known.borrow().clone();
        // Whatever comes of it: until there is an answer, nothing is known.
        self.known.replace(Known::Nothing);
        let texts = match &known {
            Known::Present { texts, .. } => texts.clone(),
            Known::Nothing | Known::Absent => BTreeMap::new(),
        };
        let mut after = texts;
        for (key, text) in changes {
            match text {
                Some(text) => after.insert(key.clone(), Mark::of(text)),
                None => after.remove(key),
            };
        }
        let (done, is_gone) = match &known {
            Known::Present { version, .. } if after.is_empty() => (delete(&self.namespace, &self.name, version)?, true),
            Known::Present { version, .. } => (patch(&self.namespace, &self.name, &self.job, version, changes)?, false),
            Known::Nothing | Known::Absent if after.is_empty() => (Written::Done(String::new()), true),
            Known::Nothing | Known::Absent => {
                let texts = changes.iter().filter_map(|(key, text)| Some((key.clone(), text.clone()?))).collect();
                (create(&self.namespace, &self.name, &self.job, &texts)?, false)
            }
        };
        if let Written::Done(version) = &done {
            let now = if is_gone { Known::Absent } else { Known::Present { version: version.clone(), texts: after } };
            self.known.replace(now);
        }
        Ok(done)
    }

    /// Looks again after somebody else has written; an error if they have changed what we are about to.
    fn look_again(&self, before: &Known, reason: String) -> Result<(), Failure> {
        let texts = |known: &Known| match known {
            Known::Present { texts, .. } => texts.clone(),
            Known::Nothing | Known::Absent => BTreeMap::new(),
        };
        self.look()?;
        let (before, now) = (texts(before), texts(&self.known.borrow()));
        let is_theirs = |key: &String| before.get(&to_data_key(key)) != now.get(&to_data_key(key));
        match self.pending.borrow().keys().find(|key| is_theirs(key)) {
            Some(key) => Err(Failure::Conflict(format!("somebody else has changed `{key}`: {reason}"))),
            None => Ok(()),
        }
    }
}

impl GuestStore for JobStore {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut entries = self.stored()?;
        for (key, text) in self.pending.borrow().iter() {
            match text {
                Some(text) => entries.insert(key.clone(), text.clone()),
                None => entries.remove(key),
            };
        }
        Ok(entries.into_iter().collect())
    }

    fn get(&self, key: String) -> Result<Option<String>, Failure> {
        Ok(self.all()?.into_iter().find(|(held, _)| *held == key).map(|(_, text)| text))
    }

    fn put(&self, key: String, text: String) -> Result<(), Failure> {
        self.pending.borrow_mut().insert(key, Some(text));
        Ok(())
    }

    fn remove(&self, key: String) -> Result<(), Failure> {
        self.pending.borrow_mut().insert(key, None);
        Ok(())
    }

    fn flush(&self) -> Result<(), Failure> {
        if self.pending.borrow().is_empty() {
            return Ok(());
        }
        if matches!(*self.known.borrow(), Known::Nothing) {
            self.look()?;
        }
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let changes = self.changes()?;
            let before = self.known.borrow().clone();
            match self.write(&changes)? {
                Written::Done(_) => {
                    self.pending.borrow_mut().clear();
                    return Ok(());
                }
                Written::Overtaken(reason) => {
                    self.look_again(&before, reason.clone())?;
                    last = reason;
                }
            }
        }
        Err(Failure::Conflict(last))
    }

    fn is_valid(&self) -> bool {
        true
    }
}
