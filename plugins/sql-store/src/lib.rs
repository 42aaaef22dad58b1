//! The bundled state store `sql`: the table of the Java autoscaler, in the database that is granted as `main`.

mod job_key;
mod statements;
mod table;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/host/v0.1", "../../wit/state-store/v0.1"],
        world: "tidegate:state-store/state-store",
        generate_all,
    });
}

use bindings::exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};
use table::Table;
use tidegate_store_kit::{Changes, Entries, Pending, guest_store};

struct SqlStore;

impl Guest for SqlStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        let job_key = job_key::to_text(&job.cluster, &job.job);
        Ok(Store::new(JobStore { job_key, pending: Pending::default() }))
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
    pending: Pending,
}

impl JobStore {
    fn stored(&self) -> Result<Entries, Failure> {
        Table::open()?.read(&self.job_key)
    }

    fn store(&self, changes: &Changes) -> Result<(), Failure> {
        Table::open()?.write(&self.job_key, changes)
    }
}

guest_store!(JobStore);

bindings::export!(SqlStore with_types_in bindings);
