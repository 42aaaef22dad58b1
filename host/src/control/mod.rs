//! The control loop: which jobs there are, one pass over each, and what comes of it.

mod chain;
mod cluster;
mod context;
mod filtering;
mod fleet;
mod gone;
mod guard;
mod job;
mod judge;
mod observe;
mod pass;
mod policies;
mod readiness;
mod realize;
mod record;
mod records;
mod rehearse;
mod selection;
mod service;
mod shadow;
mod taps;
mod turn;
mod views;
mod words;

pub use cluster::{Cluster, Controller, Pace, Watch};
pub use fleet::Fleet;
pub use pass::Pass;
pub use policies::{Policies, Table};
pub use readiness::Readiness;
pub use record::{DecisionRecord, ExtensionUse, Realization, Stage};
pub use records::Records;
pub use rehearse::{Difference, RehearsalError, rehearse};
pub use selection::{ExtensionPlugins, LiveExtensions};
pub use shadow::ShadowTurns;
pub use taps::{Situation, TapedPass, Taps};
pub use views::Views;
