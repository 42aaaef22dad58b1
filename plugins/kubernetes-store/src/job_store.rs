//! The state of one job: what its ConfigMap holds, and what is to last after the next flush.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_kubernetes_kit::name::{of_data_key, to_data_key};
use tidegate_kubernetes_kit::room;
use tidegate_kubernetes_kit::text::{COMPRESSED, SAMPLES, decode, encode};
use tidegate_store_kit::{Changes, Entries, Pending, guest_store};

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
    pending: Pending,
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
        Ok(Self { namespace, name, job, known: RefCell::new(Known::Nothing), pending: Pending::default() })
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
    fn stored(&self) -> Result<Entries, Failure> {
        let mut entries = Entries::new();
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
    fn packed(&self, pending: &Changes) -> Result<Changes, Failure> {
        let kept =
            |(key, text): (&String, &Option<String>)| (to_data_key(key), text.as_ref().map(|text| encode(key, text)));
        let mut changes: Changes = pending.iter().map(kept).collect();
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
    fn write(&self, changes: &Changes) -> Result<Written, Failure> {
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
    fn look_again(&self, before: &Known, pending: &Changes, reason: String) -> Result<(), Failure> {
        let texts = |known: &Known| match known {
            Known::Present { texts, .. } => texts.clone(),
            Known::Nothing | Known::Absent => BTreeMap::new(),
        };
        self.look()?;
        let (before, now) = (texts(before), texts(&self.known.borrow()));
        let is_theirs = |key: &String| before.get(&to_data_key(key)) != now.get(&to_data_key(key));
        match pending.keys().find(|key| is_theirs(key)) {
            Some(key) => Err(Failure::Conflict(format!("somebody else has changed `{key}`: {reason}"))),
            None => Ok(()),
        }
    }

    fn store(&self, pending: &Changes) -> Result<(), Failure> {
        if matches!(*self.known.borrow(), Known::Nothing) {
            self.look()?;
        }
        let mut last = String::new();
        for _ in 0..ATTEMPTS {
            let changes = self.packed(pending)?;
            let before = self.known.borrow().clone();
            match self.write(&changes)? {
                Written::Done(_) => return Ok(()),
                Written::Overtaken(reason) => {
                    self.look_again(&before, pending, reason.clone())?;
                    last = reason;
                }
            }
        }
        Err(Failure::Conflict(last))
    }
}

guest_store!(JobStore);
