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
//!
//! A policy of one's own can decide as this one does, and change one thing: what it is shown (a [`View`] around another),
//! or what it answers. `tidegate plugin new NAME --role policy --with-kit` makes a folder with a copy of this library.
//!
//! ```
//! use tidegate_policy_kit::decision::Verdict;
//! use tidegate_policy_kit::evaluate::Window;
//! use tidegate_policy_kit::{Decision, Failure, NoExtensions, View, decide};
//!
//! /// Leaves a job alone that idles.
//! fn decide_calmly(view: &dyn View) -> Result<Decision, Failure> {
//!     let mut decision = decide(view, &NoExtensions)?;
//!     let vertices = view.vertices().len();
//!     let load = Window::new(view, vertices).column("LOAD")?;
//!     if (0..vertices).all(|vertex| load.latest(vertex) < 0.01) {
//!         decision.verdict = Verdict::Hold("the job idles".to_owned());
//!     }
//!     Ok(decision)
//! }
//! ```

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
