//! Flink's REST API, and nothing else that talks to a cluster.

mod error;
mod http;
mod job_manager;
mod links;
mod notes;
mod onlooker;
mod options;
mod rest;
mod traffic;
mod transport;
mod wire;

#[cfg(test)]
mod tests;

pub use error::{Cause, FlinkError};
pub use job_manager::{Aggregate, JobDetails, JobManager};
pub use links::{Links, NewLinks};
pub use notes::{Note, NotedAnswer, Notes};
pub use options::{Authorization, ClientIdentity, InvalidRestOptions, RestOptions, TlsOptions};
pub use rest::RestClient;
pub use traffic::Traffic;
pub use transport::{Request, Response, Transport};
