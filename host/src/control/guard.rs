//! What no policy can pass: pure checks of a decision against the job that it is about, and its state.

use std::collections::BTreeMap;

use thiserror::Error;
use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;

use crate::model::{Target, Topology, VertexId};
use crate::state::{COLLECTED_METRICS, PARALLELISM_OVERRIDES, TOLD_EVENTS};

/// Keys that no policy writes.
const HOSTS_OWN: [&str; 3] = [PARALLELISM_OVERRIDES, COLLECTED_METRICS, TOLD_EVENTS];

/// A decision that breaks the contract. The pass holds.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum Refused {
    /// A target for a vertex that the job does not have.
    #[error("the policy names vertex {vertex}, which the job does not have")]
    NoSuchVertex {
        /// The vertex.
        vertex: VertexId,
    },
    /// Two targets for one vertex.
    #[error("the policy names vertex {vertex} twice")]
    Twice {
        /// The vertex.
        vertex: VertexId,
    },
    /// A parallelism that no job can have.
    #[error("the policy asks for parallelism {parallelism} of vertex {vertex}: it must be from 1 to 2147483647")]
    NoParallelism {
        /// The vertex.
        vertex: VertexId,
        /// What was asked for.
        parallelism: u32,
    },
    /// A change of what only the host may change: targets that nobody has checked.
    #[error("the policy changes `{key}` in the job's state, which is the host's own")]
    HostsOwn {
        /// The key.
        key: String,
    },
    /// More than may be remembered of a job.
    #[error("the policy keeps {bytes} bytes in the job's state: at most {MOST_STATE} may be kept")]
    TooMuchState {
        /// How much there would be.
        bytes: usize,
    },
}

/// Bytes of all keys and texts that a policy may keep for one job.
const MOST_STATE: usize = 4 << 20;

/// The bounds that the operator sets for every vertex of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OperatorBounds {
    /// Never scale below; a vertex that is below stays where it is.
    pub(super) min: i32,
    /// Never scale above; a vertex that is above stays where it is.
    pub(super) max: i32,
}

impl OperatorBounds {
    /// Those that a job's options set.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        Ok(Self {
            min: configuration.read(&options::VERTEX_MIN_PARALLELISM)?,
            max: configuration.read(&options::VERTEX_MAX_PARALLELISM)?,
        })
    }
}

/// The targets that may be held: within the operator's bounds, at most max parallelism, excluded vertices as they are.
///
/// # Errors
/// When the decision cannot be meant for this job.
pub(super) fn admit(
    targets: &[Target],
    topology: &Topology,
    excluded: &[bool],
    bounds: OperatorBounds,
) -> Result<BTreeMap<VertexId, u32>, Refused> {
    let mut admitted = BTreeMap::new();
    for Target { vertex: id, parallelism } in targets.iter().copied() {
        let place = topology.index_of(id).and_then(|index| Some((index, topology.vertices.get(index)?)));
        let Some((index, vertex)) = place else {
            return Err(Refused::NoSuchVertex { vertex: id });
        };
        if !(1..=i32::MAX as u32).contains(&parallelism) {
            return Err(Refused::NoParallelism { vertex: id, parallelism });
        }
        let now = vertex.parallelism;
        let target = if excluded.get(index).copied().unwrap_or(false) {
            now
        } else {
            let lowest = now.min(u32::try_from(bounds.min).unwrap_or(0));
            let highest = now.max(u32::try_from(bounds.max).unwrap_or(0));
            parallelism.max(lowest).min(highest).min(vertex.max_parallelism.max(1)).max(1)
        };
        if admitted.insert(id, target).is_some() {
            return Err(Refused::Twice { vertex: id });
        }
    }
    Ok(admitted)
}

/// Checks what a policy wants to be remembered (`Some`) and forgotten (`None`), on top of what already `is` remembered.
///
/// # Errors
/// When it must not be.
pub(super) fn admit_state(changes: &[(String, Option<String>)], is: &BTreeMap<String, String>) -> Result<(), Refused> {
    if let Some((key, _)) = changes.iter().find(|(key, _)| HOSTS_OWN.contains(&key.as_str())) {
        return Err(Refused::HostsOwn { key: key.clone() });
    }
    let mut sizes: BTreeMap<&str, usize> =
        is.iter().map(|(key, text)| (key.as_str(), key.len() + text.len())).collect();
    for (key, text) in changes {
        match text {
            Some(text) => sizes.insert(key, key.len() + text.len()),
            None => sizes.remove(key.as_str()),
        };
    }
    let bytes = sizes.values().sum();
    if bytes > MOST_STATE { Err(Refused::TooMuchState { bytes }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{IoMetrics, Vertex};

    fn vertex(id: u128, parallelism: u32, max_parallelism: u32) -> Vertex {
        Vertex {
            id: VertexId::from_u128(id),
            name: format!("v{id}"),
            parallelism,
            max_parallelism,
            source_partitions: 0,
            slot_sharing_group: None,
            finished: false,
            io: IoMetrics::default(),
        }
    }

    fn job() -> Topology {
        Topology { vertices: vec![vertex(1, 4, 16), vertex(2, 30, 128), vertex(3, 1, 128)], edges: Vec::new() }
    }

    fn target(id: u128, parallelism: u32) -> Target {
        Target { vertex: VertexId::from_u128(id), parallelism }
    }

    const BOUNDS: OperatorBounds = OperatorBounds { min: 2, max: 20 };

    #[test]
    fn targets_are_kept_within_what_the_vertex_and_the_operator_allow() {
        for (asked, expected, why) in [
            (target(1, 8), 8, "as asked"),
            (target(1, 1), 2, "the operator's minimum"),
            (target(1, 18), 16, "max parallelism"),
            (target(2, 100), 30, "above the operator's maximum already: no further up"),
            (target(2, 10), 10, "but down"),
            (target(3, 1), 1, "below the operator's minimum already: may stay"),
        ] {
            let admitted = admit(&[asked], &job(), &[false; 3], BOUNDS).unwrap();
            assert_eq!(admitted, BTreeMap::from([(asked.vertex, expected)]), "{why}");
        }
        let admitted = admit(&[target(1, 8)], &job(), &[true, false, false], BOUNDS).unwrap();
        assert_eq!(admitted.values().collect::<Vec<_>>(), [&4], "an excluded vertex stays");
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let vertex = VertexId::from_u128(1);
        for (targets, expected) in [
            (vec![target(9, 1)], Refused::NoSuchVertex { vertex: VertexId::from_u128(9) }),
            (vec![target(1, 2), target(1, 2)], Refused::Twice { vertex }),
            (vec![target(1, 0)], Refused::NoParallelism { vertex, parallelism: 0 }),
            (vec![target(1, 4_000_000_000)], Refused::NoParallelism { vertex, parallelism: 4_000_000_000 }),
        ] {
            assert_eq!(admit(&targets, &job(), &[], BOUNDS), Err(expected));
        }
    }

    #[test]
    fn a_policy_keeps_no_more_than_it_may_and_nothing_of_the_hosts() {
        let keep = |key: &str, bytes| (key.to_owned(), Some("x".repeat(bytes)));
        let is = BTreeMap::from([("old".to_owned(), "x".repeat(MOST_STATE - 10))]);
        let own = Refused::HostsOwn { key: "parallelismOverrides".to_owned() };
        for (changes, expected) in [
            (vec![keep("new", 4)], Ok(())),
            (vec![keep("new", 5)], Err(Refused::TooMuchState { bytes: MOST_STATE + 1 })),
            (vec![keep("new", 5), ("old".to_owned(), None)], Ok(())),
            (vec![keep("old", 5)], Ok(())),
            (vec![keep("parallelismOverrides", 5)], Err(own.clone())),
            (vec![("parallelismOverrides".to_owned(), None)], Err(own)),
        ] {
            assert_eq!(admit_state(&changes, &is), expected);
        }
    }

    proptest! {
        #[test]
        fn no_target_leaves_its_vertex(asked in 1u32..=i32::MAX as u32, now in 1u32..300, most in 1u32..300, min: i32, max: i32) {
            let job = Topology { vertices: vec![vertex(1, now, most)], edges: Vec::new() };
            let admitted = admit(&[target(1, asked)], &job, &[false], OperatorBounds { min, max }).unwrap();
            let target = admitted[&VertexId::from_u128(1)];
            prop_assert!(1 <= target && target <= most);
        }
    }
}
