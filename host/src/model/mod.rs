//! Plain data in Flink's words: what is seen of a job, what is decided about it. No I/O, no clock, no async.

mod change;
mod decision;
mod digest;
mod event;
mod ids;
mod job;
mod metric;
mod observation;
mod requirements;
mod topology;
mod window;

pub use change::{Applicant, Evaluation, FilterOutcome, Proposal, Ruling};
pub use decision::{Decision, Evaluated, Failure, Scalar, Target, Verdict};
pub use digest::Digest;
pub use event::{Event, EventKind, JobEvent};
pub use ids::{InvalidId, JobId, VertexId};
pub use job::{Job, JobContext, JobKey, JobStatus};
pub use metric::{GlobalMetric, GlobalMetrics, ScalingMetric, VertexMetrics};
pub use observation::{Columns, Observation};
pub use requirements::{Bounds, InvalidBounds, ResourceRequirements};
pub use topology::{Edge, IoMetrics, ShipStrategy, Topology, Vertex};
pub use window::{Sample, Window};
