//! Memory tuning: how a TaskManager's memory would best be shared out after a scaling.

mod budget;
mod network;
mod process;
mod slots;
mod tuning;

pub use process::ProcessMemory;
pub use slots::{estimate_slots, task_managers};
pub use tuning::{MemoryTuning, Recommendation, Usage};
