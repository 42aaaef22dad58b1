//! From what was collected to what a policy sees.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_common::time::Timestamp;

use super::Stage;
use crate::collect::Collected;
use crate::model::{JobContext, Observation, VertexId};
use crate::state::JobState;
use crate::zone::Zone;

pub(super) fn observe(
    context: &JobContext,
    collected: Collected,
    now: Timestamp,
    zone: &Zone,
    state: &JobState,
) -> Observation {
    Observation {
        cluster: context.key.cluster.clone(),
        job: context.key.id,
        job_name: context.name.clone(),
        now,
        zone: zone.clone(),
        running_since: collected.running_since,
        window_full_at: collected.window_full_at,
        configuration: Arc::clone(&context.configuration),
        topology: collected.topology,
        excluded: collected.excluded,
        window: collected.window,
        state: state.entries(),
    }
}

pub(super) fn stage_of(observation: &Observation) -> Stage {
    if observation.window.len() < 2 {
        Stage::TooFewSamples
    } else if observation.is_window_full() {
        Stage::Executed
    } else {
        Stage::WindowNotFull
    }
}

pub(super) fn excluded_ids(collected: &Collected) -> BTreeSet<VertexId> {
    let vertices = collected.topology.vertices.iter().zip(&collected.excluded);
    vertices.filter(|(_, excluded)| **excluded).map(|(vertex, _)| vertex.id).collect()
}
