//! How fast a plugin answers, beside the bundled one of its role in the same run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tidegate_common::time::Timestamp;

use super::trial::{DEADLINE, grants};
use super::{Anatomy, AuthorError, Heard, Loaded, PluginRole, Readied, Receiver, Subject, loaded};
use crate::event::EventHandler;
use crate::extension::{Aligner, Evaluator, Filter, NoExtensions};
use crate::made_up::{applicant, steady};
use crate::metrics::Metrics;
use crate::model::{Evaluation, Event, EventKind, JobEvent, JobId, JobKey, Observation, Proposal};
use crate::plugin::{Code, Grants, Limits, Runtime, Source};
use crate::policy::Policy;
use crate::state::{StateKey, StateStore};

/// Vertices of the jobs that are shown, each with as many samples as an hour of the default interval has minutes.
const JOBS: [u32; 2] = [10, 100];
const SAMPLES: u32 = 60;

/// Calls that are measured at most, and at least.
const MOST_CALLS: usize = 10_000;
const LEAST_CALLS: usize = 5;

/// What was measured of a plugin.
#[derive(Clone, Debug, Serialize)]
pub struct Benched {
    /// What it is called.
    pub name: String,
    /// Its bytes.
    pub bytes: usize,
    /// How it was compiled.
    #[serde(flatten)]
    pub readied: Readied,
    /// The most bytes of linear memory that one instance had.
    pub memory: u64,
    /// Its calls.
    pub calls: Vec<Calls>,
}

/// How long calls of one kind took.
#[derive(Clone, Debug, Serialize)]
pub struct Calls {
    /// What was asked.
    pub what: String,
    /// How many calls were measured.
    pub count: usize,
    /// The fastest. Microseconds, as all.
    pub min_us: f64,
    /// The median.
    pub p50_us: f64,
    /// Nine of ten were faster.
    pub p90_us: f64,
    /// 99 of a hundred were faster.
    pub p99_us: f64,
}

/// Measures a plugin; each kind of call for `time`.
///
/// # Errors
/// When it cannot be loaded, or a call fails.
pub async fn bench(subject: &Subject, time: Duration, runtime: &Runtime) -> Result<Benched, AuthorError> {
    let folder = tempfile::tempdir().map_err(|source| AuthorError::Write { path: std::env::temp_dir(), source })?;
    let receiver = if subject.grant().http { Some(Receiver::start(Heard::default()).await?) } else { None };
    let grants = grants(subject, receiver.as_ref(), folder.path())?;
    measure(subject, grants, time, runtime).await
}

/// Measures the bundled plugin of the same role; nothing where none is bundled.
///
/// # Errors
/// As for [`bench`].
pub async fn bench_bundled(
    role: PluginRole,
    time: Duration,
    runtime: &Runtime,
) -> Result<Option<Benched>, AuthorError> {
    let name = match role {
        PluginRole::Policy => "default-policy",
        PluginRole::EventHandler => "log",
        PluginRole::StateStore => "file",
        PluginRole::Evaluator | PluginRole::Filter | PluginRole::Aligner => return Ok(None),
    };
    let folder = tempfile::tempdir().map_err(|source| AuthorError::Write { path: std::env::temp_dir(), source })?;
    let code = Source::Bundled(name.to_owned()).fetch(role.name())?;
    // A state store is loaded from its file.
    let file = folder.path().join("bundled.wasm");
    std::fs::write(&file, code.bytes()).map_err(|source| AuthorError::Write { path: file.clone(), source })?;
    let anatomy = Anatomy::of(code.bytes()).map_err(|error| AuthorError::damaged(&file, &error))?;
    let code = Code::new(Source::File(file.clone()), code.bytes().to_vec());
    let subject = Subject { name: format!("bundled:{name}"), role, file, code, anatomy, manifest: None };
    let place = folder.path().join("state");
    std::fs::create_dir(&place).map_err(|source| AuthorError::Write { path: place.clone(), source })?;
    let grants = grants(&subject, None, &place)?;
    measure(&subject, grants, time, runtime).await.map(Some)
}

async fn measure(subject: &Subject, grants: Grants, time: Duration, runtime: &Runtime) -> Result<Benched, AuthorError> {
    let limits = Limits { deadline: DEADLINE, ..loaded::limits(subject.role) };
    let metrics = Arc::new(Metrics::default());
    let (plugin, readied) = Loaded::load_timed(subject, limits, grants, runtime, &metrics)?;
    plugin.try_out().await.map_err(AuthorError::Trial)?;
    Ok(Benched {
        name: subject.name.clone(),
        bytes: subject.code.bytes().len(),
        readied,
        calls: calls(&plugin, time).await?,
        memory: metrics.calls.meter(&subject.name).used().memory_peak,
    })
}

async fn calls(plugin: &Loaded, time: Duration) -> Result<Vec<Calls>, AuthorError> {
    let mut all = Vec::new();
    match plugin {
        Loaded::EventHandler(handler) => {
            for count in [1, 64] {
                let events: Vec<JobEvent> = (0..count).map(event).collect();
                let call = async || handler.handle(&events).await.map_err(failed);
                all.push(timed(format!("{count} events"), time, call).await?);
            }
        }
        Loaded::StateStore(store) => {
            let job = StateKey { cluster: "bench".to_owned(), job: "steady".to_owned() };
            for bytes in [1_000_usize, 100_000] {
                let changes = BTreeMap::from([("collectedMetrics".to_owned(), Some("x".repeat(bytes)))]);
                let call = async || store.save(&job, &changes).await.map_err(failed);
                all.push(timed(format!("save {bytes} bytes"), time, call).await?);
            }
            let call = async || store.load(&job).await.map(drop).map_err(failed);
            all.push(timed("load them".to_owned(), time, call).await?);
        }
        _ => {
            for vertices in JOBS {
                let view = Arc::new(steady(vertices, SAMPLES, 0));
                of_view(plugin, &view, format!("{vertices} vertices, {SAMPLES} samples"), time, &mut all).await?;
            }
        }
    }
    Ok(all)
}

/// The calls of a plugin that is shown a view.
async fn of_view(
    plugin: &Loaded,
    view: &Arc<Observation>,
    what: String,
    time: Duration,
    all: &mut Vec<Calls>,
) -> Result<(), AuthorError> {
    let evaluation = Arc::new(Evaluation::of(view.topology.vertices.len()));
    match plugin {
        Loaded::Policy(policy) => {
            let call = async || policy.decide(Arc::clone(view), Arc::new(NoExtensions)).await.map(drop).map_err(failed);
            all.push(timed(what.clone(), time, call).await?);
            let count = all.last().map_or(LEAST_CALLS, |calls| calls.count);
            let times = policy.times_in_one_instance(view, count).await.map_err(AuthorError::Trial)?;
            all.push(Calls::of(format!("{what}, instance reused"), times));
        }
        Loaded::Evaluator(evaluator) => {
            let call = async || {
                let answer = evaluator.evaluate(Arc::clone(view), Arc::clone(&evaluation), 0).await;
                answer.map(drop).map_err(failed)
            };
            all.push(timed(what, time, call).await?);
        }
        Loaded::Filter(filter) => {
            let change = |vertex| Proposal { vertex, parallelism: 5 };
            let changes: Vec<Proposal> = (0..view.topology.vertices.len()).map(change).collect();
            let call = async || {
                let answer = filter.filter(Arc::clone(view), Arc::clone(&evaluation), changes.clone()).await;
                answer.map(drop).map_err(failed)
            };
            all.push(timed(what, time, call).await?);
        }
        Loaded::Aligner(aligner) => {
            let call = async || {
                let answer = aligner.align(Arc::clone(view), applicant(), Vec::new()).await;
                answer.map(drop).map_err(failed)
            };
            all.push(timed(what, time, call).await?);
        }
        Loaded::EventHandler(_) | Loaded::StateStore(_) => {}
    }
    Ok(())
}

async fn timed(
    what: String,
    time: Duration,
    call: impl AsyncFn() -> Result<(), AuthorError>,
) -> Result<Calls, AuthorError> {
    // What is touched for the first time is another measure.
    call().await?;
    let (began, mut times) = (Instant::now(), Vec::new());
    while (began.elapsed() < time || times.len() < LEAST_CALLS) && times.len() < MOST_CALLS {
        let began = Instant::now();
        call().await?;
        times.push(began.elapsed());
    }
    Ok(Calls::of(what, times))
}

impl Calls {
    fn of(what: String, mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let count = times.len();
        // The last of so many of a hundred, in whole numbers.
        let at = |hundredths: usize| {
            let place = (count * hundredths).div_ceil(100).saturating_sub(1);
            times.get(place).map_or(f64::NAN, |time| (time.as_secs_f64() * 1e7).round() / 10.0)
        };
        Self { what, count, min_us: at(0), p50_us: at(50), p90_us: at(90), p99_us: at(99) }
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> AuthorError {
    AuthorError::Call(Box::new(error))
}

/// One of the events that the bundled policy tells of a made-up job.
pub(super) fn event(number: i64) -> JobEvent {
    JobEvent {
        at: Timestamp::from_millis(1_700_000_000_000 + number),
        job: JobKey { cluster: "bench".to_owned(), id: JobId::from_u128(1) },
        job_name: "steady".to_owned(),
        event: Event {
            kind: EventKind::Normal,
            reason: "ScalingReport".to_owned(),
            message: format!("Scaling execution enabled, begin scaling vertices: number {number}"),
            message_key: None,
            interval: None,
        },
        count: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_those_of_the_calls() {
        let times = (1..=100).rev().map(Duration::from_micros).collect();
        let Calls { count, min_us, p50_us, p90_us, p99_us, .. } = Calls::of(String::new(), times);
        assert_eq!((count, [min_us, p50_us, p90_us, p99_us]), (100, [1.0, 50.0, 90.0, 99.0]));
        assert_eq!(Calls::of(String::new(), vec![Duration::from_micros(7)]).p99_us, 7.0);
    }
}
