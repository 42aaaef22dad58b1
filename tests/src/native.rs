//! The bundled policy without its component: `policy-kit`, called directly.

use std::cell::OnceCell;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tidegate::extension::{Extensions, Situation};
use tidegate::model::{
    Applicant, Columns, Decision, Evaluated, Event, EventKind, Failure, GlobalMetric, Observation, Proposal, Ruling,
    Scalar, ScalingMetric, ShipStrategy, Target, Verdict, Vertex,
};
use tidegate::policy::{Policy, PolicyError};
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use tidegate_policy_kit as kit;
use tidegate_policy_kit::extension::{self, CustomMetric};
use tidegate_policy_kit::metric::{EvaluatedMetric, VertexMetrics};
use tidegate_policy_kit::view::{self, View};
use tokio::runtime::Handle;

/// Decides as the bundled component does, in the host's own process.
#[derive(Clone, Copy, Debug, Default)]
pub struct NativePolicy;

#[async_trait]
impl Policy for NativePolicy {
    fn name(&self) -> &str {
        "native"
    }

    async fn check_options(&self, _: &str, configuration: &Configuration) -> Result<Vec<String>, PolicyError> {
        Ok(kit::check_options(configuration))
    }

    /// On a thread where it may wait for the extensions, if there are any: policy-kit is not async.
    async fn decide(
        &self,
        observation: Arc<Observation>,
        extensions: Arc<dyn Extensions>,
    ) -> Result<Decision, PolicyError> {
        let asks =
            extensions.evaluator().is_some() || extensions.aligner().is_some() || !extensions.filters().is_empty();
        let decided = if asks {
            let reached = Reached { extensions, runtime: Handle::current() };
            let deciding =
                tokio::task::spawn_blocking(move || kit::decide(&Seen(&observation, OnceCell::new()), &reached));
            deciding.await.map_err(|error| broken(Box::new(error)))?
        } else {
            kit::decide(&Seen(&observation, OnceCell::new()), &kit::NoExtensions)
        };
        match decided {
            Ok(decision) => into_decision(decision),
            Err(kit::Failure::Collecting(reason)) => Err(Failure::Collecting(reason).into()),
            Err(kit::Failure::Evaluating(reason)) => Err(Failure::Evaluating(reason).into()),
            Err(kit::Failure::Executing(reason)) => Err(Failure::Executing(reason).into()),
        }
    }
}

/// The host's extensions, as the policy asks them.
struct Reached {
    extensions: Arc<dyn Extensions>,
    runtime: Handle,
}

impl kit::Extensions for Reached {
    fn evaluator(&self) -> Option<String> {
        self.extensions.evaluator()
    }

    fn aligner(&self) -> Option<String> {
        self.extensions.aligner()
    }

    fn filters(&self) -> Vec<String> {
        self.extensions.filters()
    }

    fn evaluate(&self, vertex: usize, evaluated: &VertexMetrics, situation: extension::Situation) -> Vec<CustomMetric> {
        let extension::Situation { restart, processing_backlog } = situation;
        let situation = Situation { restart_time: Duration::from_secs(restart), processing_backlog };
        let answer = self.runtime.block_on(self.extensions.evaluate(vertex, scalars(evaluated), situation));
        let custom = |Scalar { metric, current, average }| CustomMetric { name: metric, current, average };
        answer.into_iter().map(custom).collect()
    }

    fn align(&self, question: &extension::Alignment<'_>) -> Result<Option<u32>, String> {
        let extension::Alignment { vertex, applicant, inputs, evaluated } = question;
        let positive = |number: i32| u32::try_from(number).unwrap_or(0);
        let applicant = Applicant {
            vertex: *vertex,
            current: positive(applicant.current),
            target: positive(applicant.target),
            source_partitions: positive(applicant.source_partitions),
            max_parallelism: positive(applicant.max_parallelism),
            lower_limit: positive(applicant.lower_limit),
            upper_limit: positive(applicant.upper_limit),
            inputs: inputs.iter().map(|ship| from_ship(*ship)).collect(),
        };
        self.runtime.block_on(self.extensions.align(applicant, scalars(evaluated)))
    }

    fn filter(
        &self,
        changes: Vec<(usize, u32)>,
        evaluated: Vec<kit::decision::Column>,
    ) -> Result<extension::Ruling, String> {
        let changes = changes.into_iter().map(|(vertex, parallelism)| Proposal { vertex, parallelism }).collect();
        let evaluated = evaluated.into_iter().map(into_evaluated).collect();
        Ok(match self.runtime.block_on(self.extensions.filter(changes, evaluated))? {
            Ruling::Accepted(left) => {
                extension::Ruling::Accepted(left.into_iter().map(|it| (it.vertex, it.parallelism)).collect())
            }
            Ruling::Vetoed { by, reason } => extension::Ruling::Vetoed { by, reason },
        })
    }
}

fn scalars(evaluated: &VertexMetrics) -> Vec<Scalar> {
    let scalar = |(name, value): (&str, EvaluatedMetric)| {
        let EvaluatedMetric { current, average } = value;
        Scalar { metric: name.to_owned(), current, average }
    };
    evaluated.iter().map(scalar).collect()
}

fn from_ship(ship: view::ShipStrategy) -> ShipStrategy {
    match ship {
        view::ShipStrategy::Hash => ShipStrategy::Hash,
        view::ShipStrategy::Rebalance => ShipStrategy::Rebalance,
        view::ShipStrategy::Rescale => ShipStrategy::Rescale,
        view::ShipStrategy::Forward => ShipStrategy::Forward,
        view::ShipStrategy::Custom => ShipStrategy::Custom,
        view::ShipStrategy::Broadcast => ShipStrategy::Broadcast,
        view::ShipStrategy::Global => ShipStrategy::Global,
        view::ShipStrategy::Shuffle => ShipStrategy::Shuffle,
        view::ShipStrategy::Unknown => ShipStrategy::Unknown,
    }
}

fn into_evaluated(column: kit::decision::Column) -> Evaluated {
    let kit::decision::Column { metric, current, average } = column;
    Evaluated { metric: metric.into_owned(), current, average }
}

fn broken(source: Box<dyn std::error::Error + Send + Sync>) -> PolicyError {
    PolicyError::Broken { policy: "native".to_owned(), source }
}

/// An observation, as the policy sees it, and its columns once they were asked for.
struct Seen<'a>(&'a Observation, OnceCell<Columns>);

impl Seen<'_> {
    fn of_vertices<T>(&self, get: impl Fn(&Vertex) -> T) -> Vec<T> {
        self.0.topology.vertices.iter().map(get).collect()
    }
}

impl View for Seen<'_> {
    fn now(&self) -> Timestamp {
        self.0.now
    }

    fn utc_offset(&self, at: Timestamp) -> i32 {
        self.0.zone.offset_at(at)
    }

    fn running_since(&self) -> Timestamp {
        self.0.running_since
    }

    fn window_full_at(&self) -> Timestamp {
        self.0.window_full_at
    }

    fn options(&self, prefixes: &[&str]) -> Configuration {
        let wanted = |key: &str| prefixes.iter().any(|prefix| key.starts_with(prefix));
        self.0.configuration.iter().filter(|(key, _)| wanted(key)).collect()
    }

    fn vertices(&self) -> Vec<String> {
        self.of_vertices(|vertex| vertex.id.to_string())
    }

    fn parallelism(&self) -> Vec<u32> {
        self.of_vertices(|vertex| vertex.parallelism)
    }

    fn max_parallelism(&self) -> Vec<u32> {
        self.of_vertices(|vertex| vertex.max_parallelism)
    }

    fn source_partitions(&self) -> Vec<u32> {
        self.of_vertices(|vertex| vertex.source_partitions)
    }

    fn slot_sharing_groups(&self) -> Vec<Option<String>> {
        self.of_vertices(|vertex| vertex.slot_sharing_group.clone())
    }

    fn excluded(&self) -> Vec<bool> {
        self.0.excluded.clone()
    }

    fn edges(&self) -> Vec<view::Edge> {
        let edges = self.0.topology.edges.iter();
        edges.map(|edge| view::Edge { from: edge.from, to: edge.to, ship: ship(edge.ship) }).collect()
    }

    fn sample_times(&self) -> Vec<Timestamp> {
        self.0.window.iter().map(|sample| sample.at).collect()
    }

    fn metric(&self, name: &str) -> Option<Vec<f64>> {
        let columns = self.1.get_or_init(|| self.0.columns());
        Some(columns.of(ScalingMetric::from_name(name)?).to_vec())
    }

    fn global_metric(&self, name: &str) -> Option<Vec<f64>> {
        Some(self.0.global_metric(GlobalMetric::from_name(name)?))
    }

    fn state(&self, key: &str) -> Option<String> {
        self.0.state.get(key).cloned()
    }
}

fn ship(ship: ShipStrategy) -> view::ShipStrategy {
    match ship {
        ShipStrategy::Hash => view::ShipStrategy::Hash,
        ShipStrategy::Rebalance => view::ShipStrategy::Rebalance,
        ShipStrategy::Rescale => view::ShipStrategy::Rescale,
        ShipStrategy::Forward => view::ShipStrategy::Forward,
        ShipStrategy::Custom => view::ShipStrategy::Custom,
        ShipStrategy::Broadcast => view::ShipStrategy::Broadcast,
        ShipStrategy::Global => view::ShipStrategy::Global,
        ShipStrategy::Shuffle => view::ShipStrategy::Shuffle,
        ShipStrategy::Unknown => view::ShipStrategy::Unknown,
    }
}

fn into_decision(decision: kit::Decision) -> Result<Decision, PolicyError> {
    // Destructured, so that a new field is a compile error and not a silent loss.
    let kit::Decision { verdict, recommended, evaluated, evaluated_global, events, state } = decision;
    let verdict = match verdict {
        kit::decision::Verdict::Hold(reason) => Verdict::Hold { reason },
        kit::decision::Verdict::Scale(targets) => {
            Verdict::Scale(targets.into_iter().map(into_target).collect::<Result<_, _>>()?)
        }
    };
    let evaluated = evaluated.into_iter().map(into_evaluated);
    let evaluated_global = evaluated_global.into_iter().map(|kit::decision::Scalar { metric, current, average }| {
        Scalar { metric: metric.to_owned(), current, average }
    });
    Ok(Decision {
        verdict,
        recommended,
        evaluated: evaluated.collect(),
        evaluated_global: evaluated_global.collect(),
        events: events.into_iter().map(into_event).collect(),
        state,
    })
}

fn into_target(target: kit::decision::Target) -> Result<Target, PolicyError> {
    let kit::decision::Target { vertex, parallelism } = target;
    Ok(Target { vertex: vertex.parse().map_err(|error| broken(Box::new(error)))?, parallelism })
}

fn into_event(event: kit::decision::Event) -> Event {
    let kit::decision::Event { severity, reason, message, message_key, interval } = event;
    Event {
        kind: match severity {
            kit::decision::Severity::Normal => EventKind::Normal,
            kit::decision::Severity::Warning => EventKind::Warning,
        },
        reason: reason.to_owned(),
        message,
        message_key,
        interval,
    }
}
