//! The lines of a trace that a live job is recorded in: the other way round of [`Trace`](super::Trace).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value};
use tidegate_common::configuration::Configuration;

use super::{Outcome, redact, transport};
use crate::collect::codec;
use crate::control::TapedPass;
use crate::flink::{Note, NotedAnswer};
use crate::model::{JobId, ResourceRequirements, VertexId};
use crate::state::COLLECTED_METRICS;

/// What [`FlinkError::NotAdaptive`](crate::flink::FlinkError::NotAdaptive) is told apart by.
const NOT_ADAPTIVE: &str = "java.lang.UnsupportedOperationException";

/// Makes the lines of passes.
///
/// A header stands before the first pass, where passes were lost, where the options have changed, and after so many
/// passes. It says what the host remembered then, so that a file can begin with each of them.
#[derive(Debug)]
pub struct Tape {
    header_every: usize,
    options: Option<Configuration>,
    since_header: usize,
}

/// The lines of one pass, without line feeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapeLines {
    /// What a file begins with that begins with this pass.
    pub header: Option<String>,
    /// The pass.
    pub pass: String,
}

/// A first line.
#[derive(Serialize)]
struct Header<'a> {
    trace: u32,
    name: &'a str,
    description: String,
    timezone: &'a str,
    options: Map<String, Value>,
    cluster: &'a str,
    job_name: &'a str,
    job_id: JobId,
    vertices: BTreeMap<VertexId, &'a str>,
    state: BTreeMap<&'a str, &'a str>,
    /// Whether it has to stand even in the middle of a file.
    #[serde(rename = "break")]
    is_break: bool,
    lost: u64,
}

/// Each other line.
#[derive(Serialize)]
struct Line {
    at: String,
    get: BTreeMap<String, Value>,
    faults: Vec<(String, u16, Option<&'static str>)>,
    decided: Outcome,
}

impl Tape {
    /// A header stands at least before every `header_every` passes.
    pub fn new(header_every: usize) -> Self {
        Self { header_every, options: None, since_header: 0 }
    }

    /// The lines of the next pass.
    ///
    /// # Errors
    /// None that a pass can cause.
    pub fn lines(&mut self, taped: &TapedPass) -> Result<TapeLines, serde_json::Error> {
        let is_break = taped.lost > 0 || self.options.as_ref().is_none_or(|options| *options != taped.options);
        let header = if is_break || self.since_header >= self.header_every {
            self.since_header = 0;
            self.options = Some(taped.options.clone());
            Some(header(taped, is_break)?)
        } else {
            None
        };
        self.since_header += 1;
        Ok(TapeLines { header, pass: serde_json::to_string(&line(taped))? })
    }
}

fn header(taped: &TapedPass, is_break: bool) -> Result<String, serde_json::Error> {
    let (record, before) = (&taped.record, &taped.before);
    let window = codec::encode(&before.window).unwrap_or_default();
    let mut state: BTreeMap<&str, &str> =
        before.state.iter().map(|(key, text)| (key.as_str(), text.as_str())).collect();
    if before.window.oldest().is_some() {
        state.insert(COLLECTED_METRICS, &window);
    }
    let (name, cluster, at) = (record.job_name.as_str(), record.job.cluster.as_str(), record.at);
    let vertices = record.topology.iter().flat_map(|topology| &topology.vertices);
    serde_json::to_string(&Header {
        trace: 1,
        name,
        description: format!("recorded from {at} on"),
        timezone: &taped.zone,
        options: redact::options(taped.options.iter()),
        cluster,
        job_name: name,
        job_id: record.job.id,
        vertices: vertices.map(|vertex| (vertex.id, vertex.name.as_str())).collect(),
        state,
        is_break,
        lost: taped.lost,
    })
}

fn line(taped: &TapedPass) -> Line {
    let job = taped.record.job.id;
    let of_job = format!("/jobs/{job}");
    let (mut bodies, mut metrics) = (BTreeMap::new(), BTreeMap::new());
    let (mut faults, mut put) = (BTreeMap::new(), None);
    for Note { path, names, put: asked, answer } in &taped.notes {
        match answer {
            NotedAnswer::Body(_) if asked.is_some() => put = asked.as_deref().and_then(transport::bounds),
            NotedAnswer::Body(body) => match serde_json::from_slice(body) {
                Ok(Value::Array(list)) if path.ends_with("/metrics") => {
                    let seen: &mut Seen = metrics.entry(path.clone()).or_default();
                    seen.add(list, names.is_some());
                }
                Ok(body) => {
                    bodies.insert(path.clone(), redact::body(path, body, job));
                }
                Err(_) => {
                    faults.insert(path.clone(), (502, None));
                }
            },
            // A job's path that is not in the trace is that of a job that the cluster does not run.
            NotedAnswer::JobNotFound if path.starts_with(&of_job) => {}
            NotedAnswer::JobNotFound => {
                faults.insert(path.clone(), (404, None));
            }
            NotedAnswer::NotAdaptive => {
                faults.insert(path.clone(), (500, Some(NOT_ADAPTIVE)));
            }
            NotedAnswer::Failed { status } => {
                faults.insert(path.clone(), (*status, None));
            }
        }
    }
    bodies.extend(metrics.into_iter().map(|(path, seen)| (path, seen.into_list())));
    Line {
        at: taped.record.at.to_string(),
        get: bodies,
        faults: faults.into_iter().map(|(path, (status, words))| (path, status, words)).collect(),
        decided: decided(taped, put.as_ref()),
    }
}

fn decided(taped: &TapedPass, put: Option<&ResourceRequirements>) -> Outcome {
    Outcome::of(&taped.record, put, &taped.after)
}

/// The metrics of one path: all names that were listed or asked for, with the numbers that were answered.
#[derive(Default)]
struct Seen {
    /// In the order in which they were first seen.
    names: Vec<String>,
    known: BTreeSet<String>,
    numbers: BTreeMap<String, Map<String, Value>>,
}

impl Seen {
    fn add(&mut self, list: Vec<Value>, with_numbers: bool) {
        for entry in list {
            let Value::Object(entry) = entry else { continue };
            let Some(Value::String(name)) = entry.get("id") else { continue };
            if self.known.insert(name.clone()) {
                self.names.push(name.clone());
            }
            if with_numbers {
                self.numbers.entry(name.clone()).or_default().extend(entry);
            }
        }
    }

    fn into_list(mut self) -> Value {
        let entries = self.names.into_iter().map(|name| match self.numbers.remove(&name) {
            Some(entry) => Value::Object(entry),
            None => serde_json::json!({ "id": name }),
        });
        entries.collect()
    }
}
