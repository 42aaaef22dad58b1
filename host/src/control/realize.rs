//! Holds a job at its targets through Flink's rescale API. Done in every pass; does nothing where nothing has to be.

use std::collections::BTreeMap;

use tracing::info;

use super::Realization;
use crate::flink::{FlinkError, JobManager};
use crate::model::{Bounds, Event, EventKind, JobContext, ResourceRequirements, Topology, Vertex, VertexId};

/// What is to be done to hold targets.
pub(super) enum Step {
    /// Nothing, for this reason.
    Settled(Realization),
    /// Flink is to be asked for these bounds.
    Ask(ResourceRequirements),
}

/// Looks whether Flink has the bounds that hold `targets` already.
pub(super) async fn next_step(
    cluster: &dyn JobManager,
    context: &JobContext,
    targets: &BTreeMap<VertexId, u32>,
    topology: Option<&Topology>,
) -> Step {
    if targets.is_empty() {
        return Step::Settled(Realization::Nothing);
    }
    if !is_adaptive(context) {
        return Step::Settled(Realization::Impossible {
            reason: "the job does not run under the adaptive scheduler: set `jobmanager.scheduler: adaptive` in the \
                     cluster's configuration and restart it"
                .to_owned(),
        });
    }
    let Some(topology) = topology else {
        return Step::Settled(Realization::Nothing);
    };
    let present = match cluster.resource_requirements(context.key.id).await {
        Ok(present) => present,
        Err(error) => return Step::Settled(refused(&error)),
    };
    let wanted = wanted(&present, targets, topology);
    if wanted != present {
        return Step::Ask(wanted);
    }
    let runs_so = |vertex: &Vertex| targets.get(&vertex.id).is_none_or(|target| *target == vertex.parallelism);
    let in_place = topology.vertices.iter().all(runs_so);
    Step::Settled(if in_place { Realization::InPlace } else { Realization::Pending })
}

/// Asks Flink for these bounds.
pub(super) async fn ask(cluster: &dyn JobManager, context: &JobContext, wanted: &ResourceRequirements) -> Realization {
    match cluster.set_resource_requirements(context.key.id, wanted).await {
        Ok(()) => {
            info!(job = %context.key, name = context.name, bounds = describe(wanted), "rescale requested");
            Realization::Requested
        }
        Err(error) => refused(&error),
    }
}

fn refused(error: &FlinkError) -> Realization {
    match error {
        FlinkError::NotAdaptive { .. } => Realization::Impossible { reason: error.to_string() },
        _ => Realization::Failed { reason: error.to_string() },
    }
}

/// The bounds of every vertex that Flink named: 1 to the target where there is one, else as they are.
///
/// A target from before a redeploy can be above the vertex' present max parallelism; Flink would refuse all of it.
fn wanted(
    present: &ResourceRequirements,
    targets: &BTreeMap<VertexId, u32>,
    topology: &Topology,
) -> ResourceRequirements {
    let most = |id| {
        let vertex = topology.index_of(id).and_then(|index| topology.vertices.get(index));
        vertex.map_or(u32::MAX, |vertex| vertex.max_parallelism)
    };
    present
        .iter()
        .map(|(id, bounds)| {
            let target = targets.get(id).map(|target| (*target).min(most(*id)));
            let wanted = target.and_then(|target| Bounds::new(1, i64::from(target)).ok());
            (*id, wanted.unwrap_or(*bounds))
        })
        .collect()
}

/// Whether the job's configuration names the adaptive scheduler. The reactive mode implies it.
fn is_adaptive(context: &JobContext) -> bool {
    let names = |key, value: &str| context.configuration.get(key).is_some_and(|text| text.eq_ignore_ascii_case(value));
    names("jobmanager.scheduler", "adaptive") || names("scheduler-mode", "reactive")
}

fn describe(wanted: &ResourceRequirements) -> String {
    let bounds: Vec<String> =
        wanted.iter().map(|(id, bounds)| format!("{id}={}..{}", bounds.lower(), bounds.upper())).collect();
    bounds.join(" ")
}

/// The Java autoscaler's event, in its words.
pub(super) fn scaling_event(wanted: &ResourceRequirements) -> Event {
    let vertices: Vec<String> = wanted
        .iter()
        .map(|(id, bounds)| {
            let (lower, upper) = (bounds.lower(), bounds.upper());
            format!(
                "{id}=JobVertexResourceRequirements{{parallelism=Parallelism{{lowerBound={lower}, upperBound={upper}}}}}"
            )
        })
        .collect();
    Event {
        kind: EventKind::Normal,
        reason: "Scaling".to_owned(),
        message: format!("In-place scaling triggered, the new requirements is {{{}}}.", vertices.join(", ")),
        message_key: None,
        interval: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::IoMetrics;

    fn bounds(lower: i64, upper: i64) -> Bounds {
        Bounds::new(lower, upper).unwrap()
    }

    #[test]
    fn only_vertices_that_flink_names_are_bounded_and_never_above_max_parallelism() {
        let id = VertexId::from_u128;
        let present = BTreeMap::from([(id(1), bounds(1, 2)), (id(2), bounds(2, 2)), (id(3), bounds(1, 1))]);
        let targets = BTreeMap::from([(id(1), 4), (id(3), 100), (id(9), 7)]);
        let vertex = Vertex {
            id: id(3),
            name: "out".to_owned(),
            parallelism: 1,
            max_parallelism: 16,
            source_partitions: 0,
            slot_sharing_group: None,
            finished: false,
            io: IoMetrics::default(),
        };
        let topology = Topology { vertices: vec![vertex], edges: Vec::new() };
        let expected = BTreeMap::from([(id(1), bounds(1, 4)), (id(2), bounds(2, 2)), (id(3), bounds(1, 16))]);
        assert_eq!(wanted(&present, &targets, &topology), expected);
    }

    #[test]
    fn the_event_is_that_of_the_java_autoscaler() {
        let wanted = BTreeMap::from([(VertexId::from_u128(1), bounds(1, 8))]);
        assert_eq!(
            scaling_event(&wanted).message,
            "In-place scaling triggered, the new requirements is {00000000000000000000000000000001=\
             JobVertexResourceRequirements{parallelism=Parallelism{lowerBound=1, upperBound=8}}}."
        );
    }
}
