//! What the host shows of a job: `tidegate:policy/observation`, and `terms` for what has been evaluated of it.

use std::sync::{Arc, OnceLock};

use tidegate_common::time::Timestamp;
use wasmtime::component::Resource;

use super::call::State;
use crate::model::{self, Columns, Evaluation, GlobalMetric, Observation, ScalingMetric, ShipStrategy};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        inline: "package tidegate:any;
            world guest { import tidegate:policy/observation@0.1.0; import tidegate:policy/terms@0.1.0; }",
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/policy/v0.1"],
        imports: { default: async | trappable },
        with: {
            "tidegate:policy/observation.view": super::View,
            "tidegate:policy/terms.evaluated": super::Known,
        },
    });
}

use bindings::tidegate::policy::{observation, terms};

/// What the guest holds while it decides: the observation itself, and its columns once they were asked for.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct View {
    observation: Arc<Observation>,
    columns: OnceLock<Columns>,
}

impl View {
    pub(super) fn new(observation: Arc<Observation>) -> Self {
        Self { observation, columns: OnceLock::new() }
    }

    fn columns(&self) -> &Columns {
        self.columns.get_or_init(|| self.observation.columns())
    }
}

/// What the guest holds of what a policy has evaluated, shared.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub type Known = Arc<Evaluation>;

impl bindings::tidegate::types::types::Host for State {}
impl observation::Host for State {}
impl terms::Host for State {}

impl State {
    fn seen<T>(&self, view: &Resource<View>, get: impl FnOnce(&Observation) -> T) -> wasmtime::Result<T> {
        Ok(get(&self.table.get(view)?.observation))
    }

    fn of_vertices<T>(
        &self,
        view: &Resource<View>,
        get: impl Fn(&crate::model::Vertex) -> T,
    ) -> wasmtime::Result<Vec<T>> {
        self.seen(view, |seen| seen.topology.vertices.iter().map(get).collect())
    }
}

impl observation::HostView for State {
    async fn cluster(&mut self, view: Resource<View>) -> wasmtime::Result<String> {
        self.seen(&view, |seen| seen.cluster.clone())
    }

    async fn job(&mut self, view: Resource<View>) -> wasmtime::Result<String> {
        self.seen(&view, |seen| seen.job.to_string())
    }

    async fn job_name(&mut self, view: Resource<View>) -> wasmtime::Result<String> {
        self.seen(&view, |seen| seen.job_name.clone())
    }

    async fn now(&mut self, view: Resource<View>) -> wasmtime::Result<i64> {
        self.seen(&view, |seen| seen.now.as_millis())
    }

    async fn utc_offset(&mut self, view: Resource<View>, at: i64) -> wasmtime::Result<i32> {
        self.seen(&view, |seen| seen.zone.offset_at(Timestamp::from_millis(at)))
    }

    async fn running_since(&mut self, view: Resource<View>) -> wasmtime::Result<i64> {
        self.seen(&view, |seen| seen.running_since.as_millis())
    }

    async fn window_full_at(&mut self, view: Resource<View>) -> wasmtime::Result<i64> {
        self.seen(&view, |seen| seen.window_full_at.as_millis())
    }

    async fn options(
        &mut self,
        view: Resource<View>,
        prefixes: Vec<String>,
    ) -> wasmtime::Result<Vec<(String, String)>> {
        self.seen(&view, |seen| {
            let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
            let entries = seen.configuration.iter().filter(|(key, _)| wanted(key));
            entries.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
        })
    }

    async fn vertices(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<String>> {
        self.of_vertices(&view, |vertex| vertex.id.to_string())
    }

    async fn names(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<String>> {
        self.of_vertices(&view, |vertex| vertex.name.clone())
    }

    async fn parallelism(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<u32>> {
        self.of_vertices(&view, |vertex| vertex.parallelism)
    }

    async fn max_parallelism(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<u32>> {
        self.of_vertices(&view, |vertex| vertex.max_parallelism)
    }

    async fn source_partitions(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<u32>> {
        self.of_vertices(&view, |vertex| vertex.source_partitions)
    }

    async fn slot_sharing_groups(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<Option<String>>> {
        self.of_vertices(&view, |vertex| vertex.slot_sharing_group.clone())
    }

    async fn excluded(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<bool>> {
        self.seen(&view, |seen| seen.excluded.clone())
    }

    async fn edges(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<observation::Edge>> {
        self.seen(&view, |seen| seen.topology.edges.iter().map(into_edge).collect())
    }

    async fn sample_times(&mut self, view: Resource<View>) -> wasmtime::Result<Vec<i64>> {
        self.seen(&view, |seen| seen.window.iter().map(|sample| sample.at.as_millis()).collect())
    }

    async fn metric(&mut self, view: Resource<View>, name: String) -> wasmtime::Result<Option<Vec<f64>>> {
        let columns = self.table.get(&view)?.columns();
        Ok(ScalingMetric::from_name(&name).map(|metric| columns.of(metric).to_vec()))
    }

    async fn global_metric(&mut self, view: Resource<View>, name: String) -> wasmtime::Result<Option<Vec<f64>>> {
        self.seen(&view, |seen| GlobalMetric::from_name(&name).map(|metric| seen.global_metric(metric)))
    }

    async fn state(&mut self, view: Resource<View>, key: String) -> wasmtime::Result<Option<String>> {
        self.seen(&view, |seen| seen.state.get(&key).cloned())
    }

    async fn drop(&mut self, view: Resource<View>) -> wasmtime::Result<()> {
        self.table.delete(view)?;
        Ok(())
    }
}

fn into_edge(edge: &crate::model::Edge) -> observation::Edge {
    observation::Edge { from: from_index(edge.from), to: from_index(edge.to), ship: from_ship(edge.ship) }
}

/// The contract's form of an index. A job has far fewer vertices than there are indexes.
pub(super) fn from_index(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn from_ship(ship: ShipStrategy) -> observation::ShipStrategy {
    match ship {
        ShipStrategy::Hash => observation::ShipStrategy::Hash,
        ShipStrategy::Rebalance => observation::ShipStrategy::Rebalance,
        ShipStrategy::Rescale => observation::ShipStrategy::Rescale,
        ShipStrategy::Forward => observation::ShipStrategy::Forward,
        ShipStrategy::Custom => observation::ShipStrategy::Custom,
        ShipStrategy::Broadcast => observation::ShipStrategy::Broadcast,
        ShipStrategy::Global => observation::ShipStrategy::Global,
        ShipStrategy::Shuffle => observation::ShipStrategy::Shuffle,
        ShipStrategy::Unknown => observation::ShipStrategy::Unknown,
    }
}

fn into_ship(ship: observation::ShipStrategy) -> ShipStrategy {
    match ship {
        observation::ShipStrategy::Hash => ShipStrategy::Hash,
        observation::ShipStrategy::Rebalance => ShipStrategy::Rebalance,
        observation::ShipStrategy::Rescale => ShipStrategy::Rescale,
        observation::ShipStrategy::Forward => ShipStrategy::Forward,
        observation::ShipStrategy::Custom => ShipStrategy::Custom,
        observation::ShipStrategy::Broadcast => ShipStrategy::Broadcast,
        observation::ShipStrategy::Global => ShipStrategy::Global,
        observation::ShipStrategy::Shuffle => ShipStrategy::Shuffle,
        observation::ShipStrategy::Unknown => ShipStrategy::Unknown,
    }
}

/// The contract's form of a vertex that is to be aligned.
pub(super) fn from_applicant(applicant: model::Applicant) -> terms::Applicant {
    let model::Applicant {
        vertex,
        current,
        target,
        source_partitions,
        max_parallelism,
        lower_limit,
        upper_limit,
        inputs,
    } = applicant;
    terms::Applicant {
        vertex: from_index(vertex),
        current,
        target,
        source_partitions,
        max_parallelism,
        lower_limit,
        upper_limit,
        inputs: inputs.into_iter().map(from_ship).collect(),
    }
}

/// The domain's form of a vertex that is to be aligned.
pub(super) fn into_applicant(applicant: terms::Applicant) -> model::Applicant {
    let terms::Applicant {
        vertex,
        current,
        target,
        source_partitions,
        max_parallelism,
        lower_limit,
        upper_limit,
        inputs,
    } = applicant;
    model::Applicant {
        vertex: vertex as usize,
        current,
        target,
        source_partitions,
        max_parallelism,
        lower_limit,
        upper_limit,
        inputs: inputs.into_iter().map(into_ship).collect(),
    }
}

impl terms::HostEvaluated for State {
    async fn metric(&mut self, known: Resource<Known>, name: String) -> wasmtime::Result<Option<terms::MetricColumn>> {
        Ok(self.table.get(&known)?.metric(&name).map(|model::Evaluated { metric, current, average }| {
            terms::MetricColumn { name: metric, current, average }
        }))
    }

    async fn vertex(&mut self, known: Resource<Known>, vertex: u32) -> wasmtime::Result<Vec<terms::Metric>> {
        Ok(self.table.get(&known)?.vertex(vertex as usize).into_iter().map(from_scalar).collect())
    }

    async fn restart_time(&mut self, known: Resource<Known>) -> wasmtime::Result<u64> {
        Ok(u64::try_from(self.table.get(&known)?.restart_time.as_millis()).unwrap_or(u64::MAX))
    }

    async fn processing_backlog(&mut self, known: Resource<Known>) -> wasmtime::Result<bool> {
        Ok(self.table.get(&known)?.processing_backlog)
    }

    async fn drop(&mut self, known: Resource<Known>) -> wasmtime::Result<()> {
        self.table.delete(known)?;
        Ok(())
    }
}

/// The contract's form of one metric.
pub(super) fn from_scalar(scalar: model::Scalar) -> terms::Metric {
    let model::Scalar { metric, current, average } = scalar;
    terms::Metric { name: metric, current, average }
}

/// The domain's form of one metric.
pub(super) fn into_scalar(metric: terms::Metric) -> model::Scalar {
    let terms::Metric { name, current, average } = metric;
    model::Scalar { metric: name, current, average }
}

/// The contract's form of a change.
pub(super) fn from_proposal(proposal: model::Proposal) -> terms::Proposal {
    let model::Proposal { vertex, parallelism } = proposal;
    terms::Proposal { vertex: from_index(vertex), parallelism }
}

/// The domain's form of a change.
pub(super) fn into_proposal(proposal: terms::Proposal) -> model::Proposal {
    let terms::Proposal { vertex, parallelism } = proposal;
    model::Proposal { vertex: vertex as usize, parallelism }
}
