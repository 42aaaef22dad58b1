//! `/api/v1/record`: the passes of one job as they come, in the lines of a trace.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::stream;
use serde::Deserialize;
use tokio::sync::mpsc;
use tracing::info;

use super::Admin;
use super::refusal::Refusal;
use crate::control::{DecisionRecord, TapedPass};
use crate::trace::{Tape, TapeLines};

/// Its route.
pub(super) fn routes() -> Router<Arc<Admin>> {
    Router::new().route("/record", get(record))
}

/// Which job, and how.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Wanted {
    /// Name or id.
    job: String,
    /// Needed where several clusters have such a job.
    cluster: Option<String>,
    /// A header, which a file can begin with, stands at least before so many passes.
    #[serde(default = "seldom")]
    header_every: usize,
}

fn seldom() -> usize {
    usize::MAX
}

/// One line for each pass from the next one on, and before some of them a header. Ends when the job is gone. A reader
/// that is too slow misses passes; the header after them says how many.
async fn record(State(admin): State<Arc<Admin>>, Query(wanted): Query<Wanted>) -> Result<Response, Refusal> {
    let latest = admin.records.latest();
    let record = find(&latest, &wanted)?;
    let passes = admin.taps.open(record.job.clone()).ok_or_else(|| {
        Refusal::new(StatusCode::TOO_MANY_REQUESTS, "there are as many recordings already as there may be: end one")
    })?;
    info!(job = %record.job, name = record.job_name, "job is recorded");
    let tape = Tape::new(wanted.header_every.max(1));
    let lines = stream::unfold((passes, tape), next);
    Ok(([(header::CONTENT_TYPE, "application/jsonl")], Body::from_stream(lines)).into_response())
}

type Taping = (mpsc::Receiver<Arc<TapedPass>>, Tape);

async fn next((mut passes, mut tape): Taping) -> Option<(Result<Bytes, Infallible>, Taping)> {
    loop {
        let pass = passes.recv().await?;
        // No pass makes a line that cannot be written.
        if let Ok(TapeLines { header, pass }) = tape.lines(&pass) {
            let lines: String = header.iter().chain([&pass]).flat_map(|line| [line, "\n"]).collect();
            return Some((Ok(lines.into()), (passes, tape)));
        }
    }
}

fn find<'a>(latest: &'a [Arc<DecisionRecord>], wanted: &Wanted) -> Result<&'a DecisionRecord, Refusal> {
    let of_cluster =
        || latest.iter().filter(|it| wanted.cluster.as_ref().is_none_or(|cluster| it.job.cluster == *cluster));
    let named: Vec<_> =
        of_cluster().filter(|it| it.job.id.to_string() == wanted.job || it.job_name == wanted.job).collect();
    match named.as_slice() {
        [record] => Ok(record),
        [] => {
            let known: Vec<String> = of_cluster().map(|it| format!("{}/{}", it.job.cluster, it.job_name)).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Err(Refusal::not_found(format!("there is no job `{}`; looked after: {known}", wanted.job)))
        }
        several => {
            let ids: Vec<String> = several.iter().map(|record| record.job.to_string()).collect();
            let (jobs, job, ids) = (several.len(), &wanted.job, ids.join(", "));
            Err(Refusal::not_found(format!(
                "{jobs} jobs are called `{job}`: name the cluster, or one by its id: {ids}"
            )))
        }
    }
}
