//! From a cluster's job list to what a pass starts from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tidegate_common::configuration::Configuration;

use crate::flink::{FlinkError, JobManager};
use crate::fnv::fnv1a;
use crate::model::{Job, JobContext, JobId, JobKey, VertexId};
use crate::state::{StateKey, parse_overrides};

/// The context of one job: the daemon's and the cluster's options, overlaid with the job's own configuration.
pub(super) async fn context(
    cluster_name: &str,
    cluster: &dyn JobManager,
    options: &Configuration,
    job: &Job,
) -> Result<JobContext, FlinkError> {
    let own: Configuration = cluster.job_configuration(job.id).await?.into_iter().collect();
    Ok(JobContext {
        key: JobKey { cluster: cluster_name.to_owned(), id: job.id },
        name: job.name.clone(),
        status: job.status,
        configuration: Arc::new(options.overlaid_with(&own)),
    })
}

/// The names that more than one living job of the list has: their state is kept by name and id.
pub(super) fn ambiguous_names(jobs: &[Job]) -> BTreeSet<&str> {
    let mut seen = BTreeSet::new();
    let living = jobs.iter().filter(|job| !job.status.is_ending());
    living.filter(|job| !seen.insert(job.name.as_str())).map(|job| job.name.as_str()).collect()
}

/// The longest name in a key, in bytes: with the cluster's it has to fit into a column of a database.
const LONGEST_NAME: usize = 120;

/// Under which key a job's state is kept.
pub(super) fn state_key(cluster: &str, job: &Job, ambiguous: &BTreeSet<&str>) -> StateKey {
    let [by_name, by_name_and_id] = state_keys(cluster, job);
    if ambiguous.contains(job.name.as_str()) { by_name_and_id } else { by_name }
}

/// The keys that a job's state may be kept under.
pub(super) fn state_keys(cluster: &str, job: &Job) -> [StateKey; 2] {
    let name = storable(&job.name);
    let key = |job| StateKey { cluster: cluster.to_owned(), job };
    [key(name.clone()), key(format!("{name} ({})", job.id))]
}

/// Where the Java autoscaler keeps a job's state.
pub(super) fn state_key_by_id(job: JobId) -> StateKey {
    StateKey { cluster: String::new(), job: job.to_string() }
}

/// A name as every store can keep it, and tell it from others: short, without control characters, and without spaces at
/// its ends, which some databases do not compare. What had to be changed ends with a hash of the whole.
fn storable(name: &str) -> String {
    if name.len() <= LONGEST_NAME && name.trim() == name && !name.contains(char::is_control) && !name.is_empty() {
        return name.to_owned();
    }
    let mut short = String::new();
    for character in name.trim().chars() {
        if short.len() + character.len_utf8() > LONGEST_NAME - 20 {
            break;
        }
        short.push(if character.is_control() { '_' } else { character });
    }
    format!("{short}~{:016x}", fnv1a(name.bytes()))
}

/// What is held: the user's own `pipeline.jobvertex-parallelism-overrides`, and over them the policy's targets, but for
/// excluded vertices that the user has an opinion on. Nothing while the policy has no targets.
pub(super) fn compose_targets(
    stored: &BTreeMap<VertexId, u32>,
    configuration: &Configuration,
    excluded: &BTreeSet<VertexId>,
) -> BTreeMap<VertexId, u32> {
    if stored.is_empty() {
        return BTreeMap::new();
    }
    let users = configuration.get("pipeline.jobvertex-parallelism-overrides").unwrap_or_default();
    let mut targets = parse_overrides(users);
    for (vertex, target) in stored {
        if !(excluded.contains(vertex) && targets.contains_key(vertex)) {
            targets.insert(*vertex, *target);
        }
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobStatus;

    fn job(id: u128, name: &str, status: JobStatus) -> Job {
        Job { id: JobId::from_u128(id), name: name.to_owned(), status }
    }

    #[test]
    fn two_living_jobs_of_one_name_are_told_apart_by_their_ids() {
        let jobs = [
            job(1, "orders", JobStatus::Running),
            job(2, "orders", JobStatus::Cancelling),
            job(3, "clicks", JobStatus::Running),
            job(4, "clicks", JobStatus::Created),
        ];
        let ambiguous = ambiguous_names(&jobs);
        assert_eq!(ambiguous, BTreeSet::from(["clicks"]));
        assert_eq!(state_key("c", &jobs[0], &ambiguous).job, "orders");
        assert_eq!(state_key("c", &jobs[2], &ambiguous).job, format!("clicks ({})", jobs[2].id));
    }

    #[test]
    fn overrides_are_merged_as_upstream_asserts() {
        let vertex = |name: &str| VertexId::from_u128(name.trim_start_matches('v').parse().unwrap());
        let overrides = |map: &serde_json::Value| -> BTreeMap<VertexId, u32> {
            let entries = map.as_object().unwrap().iter();
            entries.map(|(name, target)| (vertex(name), target.as_str().unwrap().parse().unwrap())).collect()
        };
        for case in tidegate_vectors::cases("upstream_override_merge") {
            let users: Vec<String> =
                overrides(&case["user"]).iter().map(|(vertex, target)| format!("{vertex}:{target}")).collect();
            let mut configuration = Configuration::default();
            configuration.set("pipeline.jobvertex-parallelism-overrides", users.join(","));
            let excluded = case["excluded"].as_array().unwrap().iter().map(|name| vertex(name.as_str().unwrap()));
            let composed = compose_targets(&overrides(&case["autoscaler"]), &configuration, &excluded.collect());
            // Without targets there is nobody to ask.
            let expected = if case["expected"].is_null() { BTreeMap::new() } else { overrides(&case["expected"]) };
            assert_eq!(composed, expected, "{case}");
        }
    }

    #[test]
    fn every_name_can_be_stored_and_told_from_others() {
        for name in ["orders", "Bestellungen (täglich)", "a/b%"] {
            assert_eq!(storable(name), name);
        }
        let long = "x".repeat(500);
        let odd = ["", " ", "orders ", " orders", "or\nders", "or\rders", &long, &long[1..], &"ä".repeat(300)];
        let stored: BTreeSet<String> = odd.iter().map(|name| storable(name)).collect();
        assert_eq!(stored.len(), odd.len());
        for name in stored {
            assert!(name.len() <= LONGEST_NAME && name.trim() == name && !name.contains(char::is_control), "{name}");
        }
    }

    #[test]
    fn targets_go_over_the_users_overrides_but_for_excluded_vertices() {
        let id = VertexId::from_u128;
        let mut configuration = Configuration::default();
        configuration.set("pipeline.jobvertex-parallelism-overrides", format!("{}:7,{}:8,{}:9", id(1), id(2), id(5)));
        let stored = BTreeMap::from([(id(1), 2), (id(2), 3), (id(3), 4)]);
        let excluded = BTreeSet::from([id(2), id(3)]);
        let expected = BTreeMap::from([(id(1), 2), (id(2), 8), (id(3), 4), (id(5), 9)]);
        assert_eq!(compose_targets(&stored, &configuration, &excluded), expected);
        assert_eq!(compose_targets(&BTreeMap::new(), &configuration, &excluded), BTreeMap::new());
    }
}
