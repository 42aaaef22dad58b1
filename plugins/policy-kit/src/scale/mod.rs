//! From a vertex' evaluated metrics to the parallelism that it needs.

mod alignment;
mod coefficient;
mod delayed;
mod effectiveness;
mod options;
mod vertex;

pub use alignment::{AlignmentMode, Applicant, align};
pub use coefficient::scaling_coefficient;
pub use delayed::{DelayedScaleDown, Recommendation};
pub use options::{ObservedScalability, ScalingOptions};
pub use vertex::{Change, VertexScaler};
