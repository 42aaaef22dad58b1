//! The text of `job_key`: `cluster/job`, or the id alone as the Java autoscaler writes it.

/// The text for a job.
pub(crate) fn to_text(cluster: &str, job: &str) -> String {
    if cluster.is_empty() {
        return job.to_owned();
    }
    let cluster = cluster.replace('%', "%25").replace('/', "%2F");
    format!("{cluster}/{job}")
}

/// The cluster and the job of a text; no cluster where somebody else has written it.
pub(crate) fn of_text(text: &str) -> (String, String) {
    match text.split_once('/') {
        Some((cluster, job)) => (cluster.replace("%2F", "/").replace("%25", "%"), job.to_owned()),
        None => (String::new(), text.to_owned()),
    }
}
