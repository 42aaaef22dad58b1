//! From samples to evaluated metrics: rates, true processing rates, targets and thresholds.

mod backlog;
mod evaluation;
mod global;
mod options;
mod processing_rate;
mod target_rate;
mod threshold;
mod window;

pub use evaluation::{Evaluation, evaluate};
pub use global::GlobalEvaluation;
pub use options::EvaluationOptions;
pub use threshold::Demand;
pub use window::{Column, Window};
