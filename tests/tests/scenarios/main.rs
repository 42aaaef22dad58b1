//! What the host does to a cluster's jobs, from the REST API's point of view.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test may fail loudly")]

mod advisory;
mod api;
mod chain;
mod checked;
mod chosen;
mod grants;
mod growth;
mod hostile;
mod hostile_handlers;
mod identity;
mod isolation;
mod kubernetes;
mod log;
mod options;
mod plugin_files;
mod record;
mod reload;
mod stop;
mod swap;
mod targets;
mod told;
mod waiting;

use tidegate::model::ShipStrategy::Hash;
use tidegate::simulate::{JobShape, Load, VertexShape};

/// A source and an operator, which takes a fifth of the records that one source subtask can read.
pub(crate) fn pipeline(name: &str, load: Load) -> JobShape {
    JobShape::new(name)
        .with(VertexShape::source("log", 1000.0, 16, load))
        .with(VertexShape::operator("work", 200.0).input(0, Hash, 1.0).max_parallelism(64))
}

/// A pipeline whose operator needs four subtasks and has one.
pub(crate) fn short_of_three(name: &str) -> JobShape {
    pipeline(name, Load::Constant(500.0))
}
