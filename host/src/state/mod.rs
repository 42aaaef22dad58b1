//! What is known about jobs beyond one pass, over a store that can be replaced.

mod job_state;
mod memory;
mod store;

pub use job_state::JobState;
pub use memory::MemoryStateStore;
pub use store::{StateKey, StateStore, StoreError};
