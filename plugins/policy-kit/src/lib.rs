//! The default policy's logic as a plain library: a picture of a job goes in, a decision comes out.
//!
//! It is Flink's own autoscaler, decision for decision. Nothing here does I/O, reads a clock or is async.
//!
//! - [`mod@decide`]: one pass from the picture to the decision; start here
//! - [`view`], [`decision`]: what goes in and what comes out
//! - [`extension`]: what it asks of other plugins on the way
//! - [`evaluate`]: from samples to rates, thresholds and the other evaluated metrics
//! - [`scale`]: from a vertex' evaluated metrics to the parallelism that it needs
//! - [`execute`]: from the vertices' changes to what is done about the job
//! - [`memory`]: how much memory a TaskManager would need after that
//! - [`history`], [`tracking`]: what is remembered of earlier scalings

pub mod decide;
pub mod decision;
pub mod evaluate;
pub mod execute;
pub mod extension;
pub mod history;
pub mod memory;
pub mod metric;
pub mod scale;
mod state;
#[cfg(test)]
mod testing;
pub mod topology;
pub mod tracking;
pub mod view;

pub use decide::{check_options, decide};
pub use decision::{Decision, Failure};
pub use extension::{Extensions, NoExtensions};
pub use view::View;
