//! Whether a plugin would come into service: its contract, what it asks for, its options, its size, whether it starts, and
//! what it answers first.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tidegate_common::configuration::Configuration;

use super::first_calls::FirstCalls;
use super::trial::grants;
use super::{Asked, AuthorError, Heard, Loaded, PluginRole, Readied, Receiver, Subject, loaded};
use crate::causes::in_one_text;
use crate::metrics::Metrics;
use crate::plugin::Runtime;
use crate::policy::Policy;

/// Bytes above which a component is called large: it compiles for seconds.
const LARGE: usize = 8 << 20;

/// What was found.
#[derive(Clone, Debug, Serialize)]
pub struct Checked {
    /// What it is called.
    pub name: String,
    /// What it is for.
    pub role: PluginRole,
    /// The contract that it was built against, such as `tidegate:policy/scaling@0.1.0`.
    pub contract: String,
    /// Its bytes.
    pub bytes: usize,
    /// What an operator has to grant, as it is written in a configuration.
    pub grants: Vec<&'static str>,
    /// How it was compiled.
    #[serde(flatten)]
    pub readied: Readied,
    /// How long it took to start: a fresh instance, and the call that a daemon makes to see whether it starts.
    /// Milliseconds.
    pub trial_ms: f64,
    /// What its role's own function was asked, and answered.
    pub asked: Vec<Asked>,
    /// The most bytes of linear memory that one of its instances had.
    pub memory: u64,
    /// What keeps it out of service.
    pub wrong: Vec<String>,
    /// What may be meant, but should be looked at.
    pub warnings: Vec<String>,
}

impl Checked {
    /// Whether it would come into service.
    pub fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }
}

/// Checks a plugin, with the limits that it has where an operator says nothing.
///
/// # Errors
/// When it cannot be loaded at all: the words are the host's own.
pub async fn check(subject: &Subject, runtime: &Runtime) -> Result<Checked, AuthorError> {
    let Subject { name, role, anatomy, code, .. } = subject;
    let fitting = anatomy.roles.iter().find(|fitting| fitting.role == *role);
    let mut wrong = Vec::new();
    let mut warnings = Vec::new();
    if let (None, Some(other)) = (fitting, anatomy.roles.first()) {
        wrong.push(format!(
            "tidegate-plugin.toml says that it is {}, but it exports what {} does",
            role.with_article(),
            other.role.with_article()
        ));
    }
    let granted = subject.grant();
    if anatomy.asks_for("wasi:http/")
        && !granted.http
        && matches!(role, PluginRole::EventHandler | PluginRole::StateStore)
    {
        wrong.push("it imports wasi:http: say so in tidegate-plugin.toml, with `http = true` in [grant]".to_owned());
    }
    if code.bytes().len() > LARGE {
        warnings
            .push(format!("it has {} bytes: a daemon compiles it for seconds at its first start", code.bytes().len()));
    }
    let mut checked = Checked {
        name: name.clone(),
        role: *role,
        contract: fitting.map(|fitting| format!("{}@{}", role.export(), fitting.version)).unwrap_or_default(),
        bytes: code.bytes().len(),
        grants: asked(subject),
        readied: Readied::default(),
        trial_ms: 0.0,
        asked: Vec::new(),
        memory: 0,
        wrong,
        warnings,
    };
    if !checked.is_good() {
        return Ok(checked);
    }
    let folder = tempfile::tempdir().map_err(|source| AuthorError::Write { path: std::env::temp_dir(), source })?;
    let heard = Heard::default();
    let receiver = if granted.http { Some(Receiver::start(heard.clone()).await?) } else { None };
    let grants = grants(subject, receiver.as_ref(), folder.path())?;
    let metrics = Arc::new(Metrics::default());
    let (plugin, readied) = Loaded::load_timed(subject, loaded::limits(*role), grants, runtime, &metrics)?;
    checked.readied = readied;
    let began = Instant::now();
    if let Err(error) = plugin.try_out().await {
        checked.wrong.push(format!("the trial call: {}", in_one_text(&error)));
    }
    checked.trial_ms = millis(began.elapsed());
    if let Loaded::Policy(policy) = &plugin {
        let options: Configuration = subject.options().into_iter().collect();
        match policy.check_options("check", &options).await {
            Ok(sentences) => {
                checked.wrong.extend(sentences.into_iter().map(|it| format!("an option of the test is wrong: {it}")));
            }
            Err(error) => checked.wrong.push(format!("check-options: {}", in_one_text(&error))),
        }
    }
    // A daemon would not ask it for more.
    if checked.is_good() {
        let FirstCalls { asked, wrong, warnings } = FirstCalls::of(subject, &plugin, runtime, &heard).await?;
        checked.asked = asked;
        checked.wrong.extend(wrong);
        checked.warnings.extend(warnings);
    }
    checked.memory = metrics.calls.meter(name).used().memory_peak;
    Ok(checked)
}

/// The grants behind what it asks for, each once; none for a pure function.
fn asked(subject: &Subject) -> Vec<&'static str> {
    if !matches!(subject.role, PluginRole::EventHandler | PluginRole::StateStore) {
        return Vec::new();
    }
    let mut grants: Vec<&'static str> = subject.anatomy.imports.iter().filter_map(|import| import.grant).collect();
    grants.sort_unstable();
    grants.dedup();
    grants
}

fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}
