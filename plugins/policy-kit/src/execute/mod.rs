//! From the vertices' changes to what is done about the job.

mod executor;
#[cfg(test)]
mod facts;
mod report;
mod resources;

pub use executor::{Executor, Remembered};
pub use report::{Summary, parallelism_hash};
pub use resources::TaskManager;
