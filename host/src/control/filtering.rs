//! That no change goes past a filter, whatever the policy asked or did not ask.

use std::collections::BTreeMap;

use tidegate_common::options;

use super::chain::Chain;
use super::guard::{OperatorBounds, admit};
use crate::model::{
    Decision, Evaluation, Event, EventKind, Observation, Proposal, Ruling, Target, Topology, Verdict, VertexId,
};

/// A decision that has passed the filters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Filtered {
    /// What is left of it.
    pub(super) decision: Decision,
    /// What there is to tell of that, where the policy cannot know it.
    pub(super) event: Option<Event>,
}

/// Puts the changes of a decision to the filters, unless they are what the filters left when the policy asked them.
///
/// After a veto nothing of the decision is left but what was evaluated: its events tell of changes that are not made,
/// and its state may remember them as made.
///
/// # Errors
/// When a filter has no answer.
pub(super) async fn past_filters(
    decision: Decision,
    observation: &Observation,
    chain: &Chain,
) -> Result<Filtered, String> {
    let Verdict::Scale(targets) = &decision.verdict else { return Ok(Filtered { decision, event: None }) };
    let topology = &observation.topology;
    if !chain.has_filters() || chain.has_accepted(&changes(targets.iter().copied(), topology)) {
        return Ok(Filtered { decision, event: None });
    }
    let admitted = OperatorBounds::read(&observation.configuration)
        .ok()
        .and_then(|bounds| admit(targets, topology, &observation.excluded, bounds).ok());
    // What cannot be meant is refused as the policy's fault, by those who check all decisions.
    let Some(admitted) = admitted else { return Ok(Filtered { decision, event: None }) };
    let as_targets = |targets: &BTreeMap<VertexId, u32>| -> Vec<Target> {
        targets.iter().map(|(vertex, parallelism)| Target { vertex: *vertex, parallelism: *parallelism }).collect()
    };
    let asked = changes(as_targets(&admitted).into_iter(), topology);
    if asked.is_empty() {
        return Ok(Filtered { decision, event: None });
    }
    let known = Evaluation::of_columns(topology.vertices.len(), &decision.evaluated);
    let interval = observation.configuration.read(&options::SCALING_EVENT_INTERVAL).ok();
    match chain.rule(asked.clone(), known).await? {
        Ruling::Accepted(left) if left == asked => Ok(Filtered { decision, event: None }),
        Ruling::Accepted(left) => {
            let mut targets = admitted;
            let mut set = |change: &Proposal, parallelism: Option<u32>| {
                let vertex = topology.vertices.get(change.vertex);
                if let Some(vertex) = vertex {
                    targets.insert(vertex.id, parallelism.unwrap_or(vertex.parallelism));
                }
            };
            asked.iter().for_each(|change| set(change, None));
            left.iter().for_each(|change| set(change, Some(change.parallelism)));
            let decision = Decision { verdict: Verdict::Scale(as_targets(&targets)), ..decision };
            let event = Event {
                kind: EventKind::Normal,
                reason: "ScalingFiltered".to_owned(),
                message: format!("Filters changed what the policy decided: {}", describe(&left, topology)),
                message_key: Some("ScalingFiltered".to_owned()),
                interval,
            };
            Ok(Filtered { decision, event: Some(event) })
        }
        Ruling::Vetoed { by, reason } => {
            let why = if reason.is_empty() { String::new() } else { format!(": {reason}") };
            let message = format!("Scaling vetoed by {by}{why}");
            let decision = Decision {
                verdict: Verdict::Hold { reason: message.clone() },
                events: Vec::new(),
                state: Vec::new(),
                ..decision
            };
            let event = Event {
                kind: EventKind::Warning,
                reason: "ScalingVetoed".to_owned(),
                message,
                message_key: Some(format!("ScalingVetoed:{by}")),
                interval,
            };
            Ok(Filtered { decision, event: Some(event) })
        }
    }
}

/// Those of the targets that change something, ordered by vertex. A vertex that the job does not have is none.
fn changes(targets: impl Iterator<Item = Target>, topology: &Topology) -> Vec<Proposal> {
    let mut changes: Vec<Proposal> = targets
        .filter_map(|Target { vertex, parallelism }| {
            let index = topology.index_of(vertex)?;
            let now = topology.vertices.get(index)?.parallelism;
            (now != parallelism).then_some(Proposal { vertex: index, parallelism })
        })
        .collect();
    changes.sort_unstable();
    changes
}

fn describe(changes: &[Proposal], topology: &Topology) -> String {
    let change = |Proposal { vertex, parallelism }: &Proposal| {
        let vertex = topology.vertices.get(*vertex)?;
        Some(format!("{} {}->{parallelism}", vertex.name, vertex.parallelism))
    };
    changes.iter().filter_map(change).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use async_trait::async_trait;
    use tidegate_common::configuration::Configuration;
    use tidegate_common::time::Timestamp;

    use super::*;
    use crate::control::ExtensionPlugins;
    use crate::extension::{ExtensionError, Extensions, Filter};
    use crate::model::{FilterOutcome, IoMetrics, JobId, Vertex, Window};
    use crate::zone::Zone;

    /// Lets no vertex have more subtasks than this; 0 is a veto. Counts how often it is asked.
    struct Cap(u32, AtomicUsize);

    #[async_trait]
    impl Filter for Cap {
        fn name(&self) -> &str {
            "cap"
        }

        fn priority(&self) -> i32 {
            0
        }

        async fn filter(
            &self,
            _: Arc<Observation>,
            _: Arc<Evaluation>,
            changes: Vec<Proposal>,
        ) -> Result<FilterOutcome, ExtensionError> {
            self.1.fetch_add(1, Ordering::Relaxed);
            if self.0 == 0 {
                return Ok(FilterOutcome::Veto("no".to_owned()));
            }
            let capped = |it: Proposal| Proposal { parallelism: it.parallelism.min(self.0), ..it };
            Ok(FilterOutcome::Modify(changes.into_iter().map(capped).collect()))
        }
    }

    /// A job of two vertices with 2 subtasks each, and a filter before all of its changes.
    fn filtered(cap: u32) -> (Arc<Observation>, Chain, Arc<Cap>) {
        let vertex = |id| Vertex {
            id: VertexId::from_u128(id),
            name: format!("v{id}"),
            parallelism: 2,
            max_parallelism: 64,
            source_partitions: 0,
            slot_sharing_group: None,
            finished: false,
            io: IoMetrics::default(),
        };
        let observation = Arc::new(Observation {
            cluster: "c".to_owned(),
            job: JobId::from_u128(1),
            job_name: "j".to_owned(),
            now: Timestamp::default(),
            zone: Zone::default(),
            running_since: Timestamp::default(),
            window_full_at: Timestamp::default(),
            configuration: Arc::new(Configuration::default()),
            topology: Topology { vertices: vec![vertex(1), vertex(2)], edges: Vec::new() },
            excluded: vec![false; 2],
            window: Window::default(),
            state: Arc::default(),
        });
        let filter = Arc::new(Cap(cap, AtomicUsize::new(0)));
        let mut plugins = ExtensionPlugins::default();
        plugins.add_filter(filter.clone(), None, &["*".to_owned()]);
        let selection = plugins.select("c", "j", &observation.configuration).unwrap();
        let chain = Chain::new(selection, &observation);
        (observation, chain, filter)
    }

    fn scale(targets: &[(u128, u32)]) -> Decision {
        let targets = targets
            .iter()
            .map(|(id, parallelism)| Target { vertex: VertexId::from_u128(*id), parallelism: *parallelism });
        let state = vec![("kept".to_owned(), Some("as if it were done".to_owned()))];
        Decision { verdict: Verdict::Scale(targets.collect()), state, ..Decision::default() }
    }

    #[tokio::test]
    async fn what_the_filters_left_when_they_were_asked_is_not_put_to_them_again() {
        let (observation, chain, filter) = filtered(5);
        let asked = vec![Proposal { vertex: 1, parallelism: 9 }];
        let ruling = chain.filter(asked, Vec::new()).await;
        assert_eq!(ruling, Ok(Ruling::Accepted(vec![Proposal { vertex: 1, parallelism: 5 }])));
        let decision = scale(&[(1, 2), (2, 5)]);
        let passed = past_filters(decision.clone(), &observation, &chain).await.unwrap();
        assert_eq!(passed, Filtered { decision, event: None });
        assert_eq!(filter.1.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn a_policy_that_asks_and_does_otherwise_is_filtered() {
        for (targets, expected) in [
            (vec![(1, 2), (2, 9)], vec![(1, 2), (2, 5)]),
            (vec![(1, 3), (2, 5)], vec![(1, 3), (2, 5)]),
            (vec![(1, 99)], vec![(1, 5)]),
        ] {
            let (observation, chain, filter) = filtered(5);
            chain.filter(vec![Proposal { vertex: 1, parallelism: 9 }], Vec::new()).await.unwrap();
            let passed = past_filters(scale(&targets), &observation, &chain).await.unwrap();
            assert_eq!(passed.decision.verdict, scale(&expected).verdict, "{targets:?}");
            assert_eq!(filter.1.load(Ordering::Relaxed), 2, "{targets:?}");
            assert_eq!(passed.event.is_some(), targets != expected, "{targets:?}");
        }
    }

    #[tokio::test]
    async fn a_veto_that_the_policy_does_not_heed_leaves_neither_targets_nor_state() {
        let (observation, chain, _) = filtered(0);
        let ruling = chain.filter(vec![Proposal { vertex: 0, parallelism: 9 }], Vec::new()).await;
        assert_eq!(ruling, Ok(Ruling::Vetoed { by: "cap".to_owned(), reason: "no".to_owned() }));
        let passed = past_filters(scale(&[(1, 9)]), &observation, &chain).await.unwrap();
        let reason = "Scaling vetoed by cap: no".to_owned();
        assert_eq!(passed.decision, Decision { verdict: Verdict::Hold { reason }, ..Decision::default() });
        assert_eq!(passed.event.unwrap().key(), "ScalingVetoed:cap");
    }

    #[tokio::test]
    async fn what_changes_nothing_is_not_put_to_the_filters() {
        let (observation, chain, filter) = filtered(0);
        for decision in [scale(&[(1, 2), (2, 2)]), scale(&[]), Decision::default()] {
            let passed = past_filters(decision.clone(), &observation, &chain).await.unwrap();
            assert_eq!(passed, Filtered { decision, event: None });
        }
        assert_eq!(filter.1.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn a_decision_that_cannot_be_meant_is_left_to_be_refused() {
        let (observation, chain, filter) = filtered(5);
        for wrong in [scale(&[(7, 3)]), scale(&[(1, 0)]), scale(&[(1, 3), (1, 3)])] {
            let passed = past_filters(wrong.clone(), &observation, &chain).await.unwrap();
            assert_eq!(passed.decision, wrong);
        }
        assert_eq!(filter.1.load(Ordering::Relaxed), 0);
        let proposal = |vertex, parallelism| Proposal { vertex, parallelism };
        for wrong in [vec![proposal(2, 3)], vec![proposal(0, 0)], vec![proposal(0, 3), proposal(0, 4)], Vec::new()] {
            assert!(chain.filter(wrong.clone(), Vec::new()).await.is_err(), "{wrong:?}");
        }
    }
}
