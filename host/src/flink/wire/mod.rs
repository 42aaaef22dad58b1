//! The bodies of Flink's REST API, field for field; what is not needed is skipped unread.

mod details;
mod failure;
mod jobs;
mod metrics;
mod number;
mod requirements;

pub(super) use details::JobDetails;
pub(super) use failure::Failure;
pub(super) use jobs::{ClusterConfiguration, ConfigurationEntry, JobsOverview};
pub(super) use metrics::{AggregatedMetric, MetricName, MetricValue};
pub(super) use requirements::{Requirements, RequirementsBody};
