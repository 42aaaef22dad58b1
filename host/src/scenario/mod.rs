//! What would become of a job under a policy: a simulated cluster and the real host in one loop, on a time of their own.
//!
//! - [`Scenario`]: a job, what it manages, what is offered to it and for how long; read from a file, or one that
//!   [comes with the host](shipped)
//! - [`simulate`]: runs it, everything from the REST client up being the daemon's own
//! - [`Run`], [`Report`]: what came of it; [`chart`] draws it
//! - [`Ds2`]: the policy of the literature to compare with

mod build;
mod chart;
mod ds2;
mod error;
mod file;
mod loads;
mod measure;
mod number;
mod report;
mod run;
mod shipped;
mod table;
mod transport;

pub use build::{Scenario, Utilisation};
pub use chart::{chart, page};
pub use ds2::Ds2;
pub use error::ScenarioError;
pub use measure::{Change, Moment, Run};
pub use report::{Report, Side};
pub use run::simulate;
pub use shipped::{named, shipped};
pub use table::{about, columns};
