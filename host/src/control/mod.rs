//! The control loop: which jobs there are, one pass over each, and what comes of it.

mod cluster;
mod context;
mod fleet;
mod guard;
mod job;
mod pass;
mod policies;
mod readiness;
mod realize;
mod record;
mod records;
mod taps;
mod turn;

pub use cluster::{Cluster, Controller, Pace, Watch};
pub use fleet::Fleet;
pub use pass::Pass;
pub use policies::Policies;
pub use readiness::Readiness;
pub use record::{DecisionRecord, Realization, Stage};
pub use records::Records;
pub use taps::{Situation, TapedPass, Taps};
