//! The bundled state store `file`: one JSON file for each job, in the folder that is granted.

mod files;
mod job_file;
mod place;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/host/v0.1", "../../wit/state-store/v0.1"],
        world: "tidegate:state-store/state-store",
        generate_all,
    });
}

use std::cell::RefCell;
use std::collections::BTreeMap;

use bindings::exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};
use job_file::JobFile;

/// A job's texts by key.
type Entries = BTreeMap<String, String>;

struct FileStore;

impl Guest for FileStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        Ok(Store::new(JobStore { file: JobFile::of(&job.cluster, &job.job), pending: RefCell::default() }))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let found = files::jobs()?;
        Ok(found.into_iter().map(|(cluster, job)| JobKey { cluster, job }).collect())
    }
}

/// The file of one job, and what is to last after the next flush: `None` to forget.
struct JobStore {
    file: JobFile,
    pending: RefCell<BTreeMap<String, Option<String>>>,
}

impl JobStore {
    /// What the file would hold after a flush.
    fn entries(&self) -> Result<Entries, Failure> {
        let mut entries = self.file.read()?;
        for (key, text) in self.pending.borrow().iter() {
            match text {
                Some(text) => entries.insert(key.clone(), text.clone()),
                None => entries.remove(key),
            };
        }
        Ok(entries)
    }
}

impl GuestStore for JobStore {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        Ok(self.entries()?.into_iter().collect())
    }

    fn get(&self, key: String) -> Result<Option<String>, Failure> {
        Ok(self.entries()?.remove(&key))
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
        if !self.pending.borrow().is_empty() {
            self.file.write(&self.entries()?)?;
            self.pending.borrow_mut().clear();
        }
        Ok(())
    }

    fn is_valid(&self) -> bool {
        true
    }
}

bindings::export!(FileStore with_types_in bindings);
