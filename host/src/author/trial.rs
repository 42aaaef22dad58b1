//! A plugin on recorded jobs: what it says and does about each pass, in lines.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate_common::configuration::Configuration;
use wildmatch::WildMatch;

use super::hearing::Listened;
use super::{AuthorError, Heard, Lines, Loaded, Receiver, Subject};
use crate::metrics::Metrics;
use crate::model::{Decision, Verdict};
use crate::plugin::{Folder, Grants, Limits, Runtime, Source, WasmPolicy};
use crate::policy::Policy;
use crate::trace::{Helpers, Replay, ReplayedPass, Trace};

/// A trial is not about how fast a plugin is.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// What stands in a test's options for the address of the receiver of requests.
const RECEIVER: &str = "{{receiver}}";

/// The traces in `folder` that `patterns` name, by these paths, in order.
///
/// # Errors
/// When there are none, or one cannot be read.
pub fn traces(folder: &Path, patterns: &[String]) -> Result<Vec<(String, Arc<Trace>)>, AuthorError> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let (below, name) = pattern.rsplit_once('/').map_or(("", pattern.as_str()), |(below, name)| (below, name));
        if !name.contains('*') {
            paths.push(pattern.clone());
            continue;
        }
        let searched = folder.join(below);
        let failed = |source| AuthorError::Read { path: searched.clone(), source };
        let wanted = WildMatch::new(name);
        for entry in fs::read_dir(&searched).map_err(failed)? {
            let found = entry.map_err(failed)?.file_name().to_string_lossy().into_owned();
            if wanted.matches(&found) {
                paths.push(if below.is_empty() { found } else { format!("{below}/{found}") });
            }
        }
    }
    paths.sort();
    paths.dedup();
    if paths.is_empty() {
        return Err(AuthorError::NoTraces);
    }
    let read = |path: String| Ok((path.clone(), Arc::new(Trace::read(&folder.join(path))?)));
    paths.into_iter().map(read).collect()
}

/// What a plugin may touch in a trial: requests go to `receiver`, files into `folder`.
///
/// # Errors
/// Never, as long as the receiver's address is one.
pub fn grants(subject: &Subject, receiver: Option<&Receiver>, folder: &Path) -> Result<Grants, AuthorError> {
    let granted = subject.grant();
    let url = receiver.map(Receiver::url).unwrap_or_default();
    let option = |(name, text): (String, String)| (name, text.replace(RECEIVER, &url));
    let mut grants = Grants { options: subject.options().into_iter().map(option).collect(), ..Grants::default() };
    if granted.http && !url.is_empty() {
        let wrong = |error: crate::plugin::EndpointError| AuthorError::Call(error.into());
        grants.http.push(url.parse().map_err(wrong)?);
    }
    grants.folder = granted.fs.then(|| Folder { path: folder.to_owned(), write: true });
    Ok(grants)
}

/// The policy that the host carries.
///
/// # Errors
/// When the machine cannot run plugins.
pub fn bundled_policy(runtime: &Runtime) -> Result<Arc<WasmPolicy>, AuthorError> {
    let limits = Limits { deadline: DEADLINE, ..Limits::default() };
    let source = Source::Bundled("default-policy".to_owned());
    Ok(Arc::new(WasmPolicy::load("default-policy", &source, limits, runtime, Arc::new(Metrics::default()))?))
}

/// What comes of every trace: a policy decides; what helps one is asked by the bundled policy; a handler is told what the
/// bundled policy tells. `heard` hears what else is to be among the lines.
///
/// # Errors
/// When the machine cannot run plugins.
pub async fn on_traces(
    subject: &Subject,
    plugin: &Loaded,
    traces: &[(String, Arc<Trace>)],
    runtime: &Runtime,
    heard: &Heard,
) -> Result<Lines, AuthorError> {
    let policy: Arc<dyn Policy> = match plugin {
        Loaded::Policy(policy) => Arc::clone(policy) as Arc<dyn Policy>,
        _ => bundled_policy(runtime)?,
    };
    let (helpers, options) = helpers(subject, plugin, heard);
    let with_decisions = !matches!(plugin, Loaded::EventHandler(_));
    let mut lines = Lines::default();
    for (path, trace) in traces {
        let mut replay = Replay::with_helpers(Arc::clone(trace), Arc::clone(&policy), helpers.clone(), &options);
        let mut told = Told::default();
        while let Some(pass) = replay.step().await {
            let said = heard.take();
            if with_decisions {
                told.pass(&pass, &said);
            } else {
                told.lines.extend(said);
            }
        }
        lines.0.insert(path.clone(), told.finish());
    }
    Ok(lines)
}

/// Who takes part beside the policy, and the options by which the job chooses it.
pub(super) fn helpers(subject: &Subject, plugin: &Loaded, heard: &Heard) -> (Helpers, Configuration) {
    let (mut helpers, mut options) = (Helpers::default(), Configuration::default());
    let (name, heard) = (subject.name.as_str(), heard.clone());
    let mut choose = |by: &str, class: &str| {
        options.set(format!("job.autoscaler.{by}"), name);
        options.set(format!("job.autoscaler.{class}.{name}.class"), name);
    };
    match plugin {
        Loaded::Policy(_) | Loaded::StateStore(_) => {}
        Loaded::Evaluator(evaluator) => {
            choose("metrics.custom-evaluators", "metrics.custom-evaluator");
            helpers.extensions.add_evaluator(Arc::new(Listened { plugin: Arc::clone(evaluator), heard }));
        }
        Loaded::Filter(filter) => {
            choose("scaling.custom-executors", "scaling.custom-executor");
            helpers.extensions.add_filter(Arc::new(Listened { plugin: Arc::clone(filter), heard }), None, &[]);
        }
        Loaded::Aligner(aligner) => {
            choose("scaling.parallelism-alignment.mode", "scaling.parallelism-alignment.mode");
            helpers.extensions.add_aligner(Arc::new(Listened { plugin: Arc::clone(aligner), heard }));
        }
        Loaded::EventHandler(handler) => {
            helpers.handlers.push(Arc::new(Listened { plugin: Arc::clone(handler), heard }));
            // Its options are its own, not the job's.
            return (helpers, options);
        }
    }
    for (key, text) in subject.options() {
        options.set(key, text);
    }
    (helpers, options)
}

/// The lines of one trace. Passes of which the same is to be said are one.
#[derive(Default)]
struct Told {
    lines: Vec<String>,
    /// Since when, of how many passes, and what.
    last: Option<(String, usize, String, Vec<String>)>,
}

impl Told {
    fn pass(&mut self, pass: &ReplayedPass, said: &[String]) {
        let decision = decided(pass);
        if let Some((_, passes, before, said_before)) = &mut self.last
            && *before == decision
            && *said_before == said
        {
            *passes += 1;
            return;
        }
        self.close();
        self.last = Some((pass.at.to_string(), 1, decision, said.to_vec()));
    }

    fn close(&mut self) {
        let Some((at, passes, decision, said)) = self.last.take() else { return };
        let times = if passes > 1 { format!(" ({passes} passes)") } else { String::new() };
        self.lines.push(format!("{at} {decision}{times}"));
        self.lines.extend(said.iter().map(|line| format!("  {line}")));
    }

    fn finish(mut self) -> Vec<String> {
        self.close();
        self.lines
    }
}

/// What was decided in a pass, in one line.
fn decided(pass: &ReplayedPass) -> String {
    let Some(record) = &pass.record else { return "the job is not listed, or the list could not be had".to_owned() };
    match (&record.decision, &record.error) {
        (Some(Decision { verdict: Verdict::Hold { reason }, .. }), _) => format!("hold: {reason}"),
        (Some(Decision { verdict: Verdict::Scale(targets), .. }), _) => {
            let vertices = record.topology.iter().flat_map(|topology| &topology.vertices);
            let change = |vertex: &crate::model::Vertex| {
                let target = targets.iter().find(|target| target.vertex == vertex.id)?;
                let (name, now, then) = (&vertex.name, vertex.parallelism, target.parallelism);
                (now != then).then(|| format!("{name} {now} -> {then}"))
            };
            let changes: Vec<String> = vertices.filter_map(change).collect();
            if changes.is_empty() { "scale: to what runs".to_owned() } else { format!("scale: {}", changes.join(", ")) }
        }
        (None, Some(error)) => format!("failed: {error}"),
        (None, None) => format!("not asked: the job is {}, {}", record.status, record.stage.name()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_are_found_by_pattern_and_by_name() {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
        let found = |patterns: &[&str]| {
            let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
            traces(&golden, &patterns).map(|traces| traces.into_iter().map(|(path, _)| path).collect::<Vec<_>>())
        };
        let expected = ["traces/align-default.jsonl.gz", "traces/align-off.jsonl.gz", "traces/ramp.jsonl.gz"];
        let patterns = ["traces/ramp.jsonl.gz", "traces/align-d*.gz", "traces/align-of*", "traces/ramp.*"];
        assert_eq!(found(&patterns).unwrap(), expected);
        assert!(matches!(found(&["traces/*.nothing"]), Err(AuthorError::NoTraces)));
        assert!(matches!(found(&[]), Err(AuthorError::NoTraces)));
        assert!(matches!(found(&["traces/none.gz"]), Err(AuthorError::Trace(_))));
    }
}
