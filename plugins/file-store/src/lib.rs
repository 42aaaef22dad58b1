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

use bindings::exports::tidegate::state_store::stores::{Failure, Guest, GuestStore, JobKey, Store};
use job_file::JobFile;
use tidegate_store_kit::{Changes, Entries, Pending, changed, guest_store};

struct FileStore;

impl Guest for FileStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        Ok(Store::new(JobStore { file: JobFile::of(&job.cluster, &job.job), pending: Pending::default() }))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        let found = files::jobs()?;
        Ok(found.into_iter().map(|(cluster, job)| JobKey { cluster, job }).collect())
    }
}

/// The file of one job.
struct JobStore {
    file: JobFile,
    pending: Pending,
}

impl JobStore {
    fn stored(&self) -> Result<Entries, Failure> {
        self.file.read()
    }

    fn store(&self, changes: &Changes) -> Result<(), Failure> {
        self.file.write(&changed(self.file.read()?, changes))
    }
}

guest_store!(JobStore);

bindings::export!(FileStore with_types_in bindings);
