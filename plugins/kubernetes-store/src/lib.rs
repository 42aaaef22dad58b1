//! The bundled state store `kubernetes`: one ConfigMap for each job, as the Java autoscaler keeps them.

mod config_map;
mod job_store;
mod settings;

mod bindings {
    wit_bindgen::generate!({
        path: ["../../wit/host/v0.1", "../../wit/state-store/v0.1"],
        world: "tidegate:state-store/state-store",
        generate_all,
    });
}

use bindings::exports::tidegate::state_store::stores::{Failure, Guest, JobKey, Store};
use job_store::JobStore;
use settings::Settings;

struct KubernetesStore;

impl Guest for KubernetesStore {
    type Store = JobStore;

    fn get_or_create(job: JobKey) -> Result<Store, Failure> {
        Ok(Store::new(JobStore::of(&Settings::read()?, job)?))
    }

    fn jobs() -> Result<Vec<JobKey>, Failure> {
        config_map::jobs(&Settings::read()?)
    }
}

bindings::export!(KubernetesStore with_types_in bindings);
