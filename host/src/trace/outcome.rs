//! What came of one pass, in the words of the traces: what they expect and what was found are of this one type.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest;
use crate::collect::codec::Number;
use crate::control::DecisionRecord;
use crate::model::{Decision, Event, EventKind, ResourceRequirements, Verdict, VertexId};

/// What one pass did.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How far the pass got.
    pub stage: String,
    /// Whether new targets were decided on.
    pub scaled: bool,
    /// The bounds that Flink was asked for.
    pub put: Option<BTreeMap<VertexId, PutBounds>>,
    /// What there was to tell, before de-duplication.
    pub events: Vec<ToldEvent>,
    /// The evaluated metrics of the vertices; nothing where the pass did not evaluate.
    pub evaluated: Option<BTreeMap<VertexId, BTreeMap<String, Values>>>,
    /// The evaluated metrics of the whole job.
    #[serde(default)]
    pub evaluated_global: Option<BTreeMap<String, Values>>,
    /// The recommended parallelisms.
    pub recommended: Option<BTreeMap<VertexId, u32>>,
    /// The vertices that must stay as they are; nothing where the pass did not get so far.
    #[serde(default)]
    pub excluded: Option<BTreeSet<String>>,
    /// The targets that are kept.
    pub overrides: BTreeMap<VertexId, u32>,
    /// How many samples are kept.
    pub samples: usize,
    /// How many scalings of each vertex are remembered.
    #[serde(default)]
    pub scaling_history_len: BTreeMap<VertexId, usize>,
    /// The rescales that are remembered.
    #[serde(default)]
    pub tracking: Vec<Restart>,
    /// The scale-downs that wait.
    #[serde(default)]
    pub delayed_scale_down: BTreeMap<VertexId, DelayedVertex>,
}

/// Between which parallelisms Flink was asked to run a vertex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutBounds {
    /// The fewest subtasks.
    pub lower: u32,
    /// The most subtasks.
    pub upper: u32,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldEvent {
    /// `Normal` or `Warning`.
    #[serde(rename = "type")]
    pub kind: String,
    /// A stable word.
    pub reason: String,
    /// What makes two events the same; the message if absent.
    #[serde(default)]
    pub message_key: Option<String>,
    /// One event of a key in so many seconds; absent: every one.
    #[serde(default)]
    pub interval_s: Option<u64>,
    /// The text for people.
    pub message: String,
}

/// The values of one evaluated metric. NaN where there is none.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Values {
    pub(super) current: Number,
    pub(super) average: Number,
}

/// A rescale, and how long the restart took that it led to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restart {
    /// When it was decided.
    pub at: String,
    /// Milliseconds; absent until the job runs again.
    pub restart_ms: Option<i64>,
}

/// The scale-downs of one vertex that wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DelayedVertex {
    /// When the first one was found.
    pub first: String,
    /// What was found to be enough, oldest first.
    pub recommended: Vec<Recommended>,
}

/// When it was found, which parallelism, and whether the vertex was outside of its utilisation bounds then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommended(pub String, pub i32, pub bool);

impl Outcome {
    /// What a pass did that ended with `record`, sent `put`, and left `state`.
    pub(super) fn of(
        record: &DecisionRecord,
        put: Option<&ResourceRequirements>,
        state: &BTreeMap<String, String>,
    ) -> Self {
        let evaluation = record.decision.as_ref().filter(|decision| !decision.evaluated.is_empty());
        let ids: Vec<VertexId> = record.topology.iter().flat_map(|it| &it.vertices).map(|vertex| vertex.id).collect();
        let ids_as_text = || record.excluded.iter().map(ToString::to_string).collect();
        Self {
            stage: record.stage.name().to_owned(),
            scaled: matches!(record.decision, Some(Decision { verdict: Verdict::Scale(_), .. })),
            put: put.map(|put| {
                let bounds = put.iter().map(|(id, it)| (*id, PutBounds { lower: it.lower(), upper: it.upper() }));
                bounds.collect()
            }),
            events: record.events.iter().map(ToldEvent::from).collect(),
            evaluated: evaluation.map(|decision| evaluated(decision, &ids)),
            evaluated_global: evaluation.map(evaluated_global),
            recommended: evaluation.map(|decision| {
                let recommended = ids.iter().copied().zip(decision.recommended.iter().copied());
                recommended.filter(|(_, parallelism)| *parallelism > 0).collect()
            }),
            excluded: record.topology.as_ref().map(|_| ids_as_text()),
            ..Self::nothing(record.samples, state)
        }
    }

    /// What a pass did that could not look at the job.
    pub(super) fn nothing(samples: usize, state: &BTreeMap<String, String>) -> Self {
        Self {
            stage: crate::control::Stage::None.name().to_owned(),
            scaled: false,
            put: None,
            events: Vec::new(),
            evaluated: None,
            evaluated_global: None,
            recommended: None,
            excluded: None,
            overrides: digest::overrides(state),
            samples,
            scaling_history_len: digest::scaling_history_len(state),
            tracking: digest::tracking(state),
            delayed_scale_down: digest::delayed_scale_down(state),
        }
    }
}

impl From<&Event> for ToldEvent {
    fn from(event: &Event) -> Self {
        let Event { kind, reason, message, message_key, interval } = event;
        Self {
            kind: match kind {
                EventKind::Normal => "Normal",
                EventKind::Warning => "Warning",
            }
            .to_owned(),
            reason: reason.clone(),
            message_key: message_key.clone(),
            interval_s: interval.map(|interval| interval.as_secs()),
            message: message.clone(),
        }
    }
}

impl Values {
    fn new(current: f64, average: f64) -> Self {
        Self { current: Number(current), average: Number(average) }
    }

    /// The latest value.
    pub fn current(self) -> f64 {
        self.current.0
    }

    /// The average over the window.
    pub fn average(self) -> f64 {
        self.average.0
    }

    fn is_nothing(self) -> bool {
        self.current().is_nan() && self.average().is_nan()
    }
}

fn evaluated(decision: &Decision, ids: &[VertexId]) -> BTreeMap<VertexId, BTreeMap<String, Values>> {
    let of_vertex = |index: usize| {
        let value = |values: &[f64]| values.get(index).copied().unwrap_or(f64::NAN);
        let columns = decision
            .evaluated
            .iter()
            .map(|column| (column.metric.clone(), Values::new(value(&column.current), value(&column.average))));
        columns.filter(|(_, values)| !values.is_nothing()).collect()
    };
    ids.iter().enumerate().map(|(index, id)| (*id, of_vertex(index))).collect()
}

fn evaluated_global(decision: &Decision) -> BTreeMap<String, Values> {
    let scalars = decision.evaluated_global.iter();
    scalars
        .map(|scalar| (scalar.metric.clone(), Values::new(scalar.current, scalar.average)))
        .filter(|(_, values)| !values.is_nothing())
        .collect()
}
