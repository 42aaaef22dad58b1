//! What is known about jobs beyond one pass, over a store that can be replaced.

mod job_state;
mod lock;
mod memory;
mod outage;
mod slow;
mod store;
#[cfg(test)]
mod testing;

pub use job_state::JobState;
pub(crate) use job_state::{COLLECTED_METRICS, PARALLELISM_OVERRIDES, TOLD_EVENTS, parse_overrides};
pub use lock::{InUse, Lock};
pub use memory::MemoryStateStore;
pub use outage::Outages;
pub use store::{StateKey, StateStore, StoreError, StoreFailure};
