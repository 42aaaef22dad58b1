//! The bundled state store `sql`: the table of the Java autoscaler, in the database that is granted as `main`.

mod dialect;
mod job_key;
mod table;

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
use table::Table;

/// What is to last after the next flush: `None` to forget.
type Changes = BTreeMap<String, Option<String>>;

struct SqlStore;

impl Guest for SqlStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        let job_key = job_key::to_text(&job.cluster, &job.job);
        Ok(Store::new(JobStore { job_key, pending: RefCell::default() }))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let keys = Table::open()?.job_keys()?;
        let of_text = |text: String| {
            let (cluster, job) = job_key::of_text(&text);
            JobKey { cluster, job }
        };
        Ok(keys.into_iter().map(of_text).collect())
    }
}

/// The rows of one job.
struct JobStore {
    job_key: String,
    pending: RefCell<Changes>,
}

impl GuestStore for JobStore {
    fn all(&self) -> Result<Vec<(String, String)>, Failure> {
        let mut entries: BTreeMap<String, String> = Table::open()?.read(&self.job_key)?.into_iter().collect();
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
        let mut pending = self.pending.borrow_mut();
        if !pending.is_empty() {
            Table::open()?.write(&self.job_key, &pending)?;
            pending.clear();
        }
        Ok(())
    }

    fn is_valid(&self) -> bool {
        true
    }
}

bindings::export!(SqlStore with_types_in bindings);
