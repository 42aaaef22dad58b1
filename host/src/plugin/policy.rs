//! Policies that are components: the only file that knows both the domain's words and the contract's for policies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tidegate_common::configuration::Configuration;
use tidegate_common::time::Timestamp;
use wasmtime::Store;
use wasmtime::component::Resource;

use super::CallError;
use super::call::State;
use super::contract::Contract;
use super::linked::{Linked, world};
use super::log::clean;
use super::pure::{introduce, pure};
use super::view::View;
use super::view::bindings::tidegate::policy::terms::Description;
use crate::config::Role;
use crate::control::{Difference, ExtensionPlugins, RehearsalError, Table, rehearse};
use crate::extension::Extensions;
use crate::model::{Decision, Evaluated, Event, EventKind, Failure, Observation, Scalar, Target, Verdict};
use crate::policy::{Policy, PolicyError};

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        path: ["../wit/types/v0.1", "../wit/host/v0.1", "../wit/policy/v0.1"],
        world: "tidegate:policy/policy",
        imports: { default: async | trappable },
        exports: { default: async },
        with: {
            "tidegate:host/log": crate::plugin::log::bindings::tidegate::host::log,
            "tidegate:types/types": crate::plugin::view::bindings::tidegate::types::types,
            "tidegate:policy/observation": crate::plugin::view::bindings::tidegate::policy::observation,
            "tidegate:policy/terms": crate::plugin::view::bindings::tidegate::policy::terms,
        },
    });
}

use bindings::exports::tidegate::policy::scaling as wit;

/// A component of this world.
pub(super) type Pre = bindings::PolicyPre<State>;

world!(
    Pre,
    bindings::Policy,
    Contract {
        package: "tidegate:policy",
        version: "0.1",
        export: "scaling",
        imports: &[
            "tidegate:types/types",
            "tidegate:host/log",
            "tidegate:policy/observation",
            "tidegate:policy/terms",
            "tidegate:policy/extension",
        ],
    }
);

/// Events that one decision may tell: they wait in memory for slow handlers.
const MOST_EVENTS: usize = 1000;

/// Bytes of an event's message; the report on a job of 200 vertices has a fourth of it.
const LONGEST_MESSAGE: usize = 64 << 10;

/// Bytes of an event's reason, which is one word.
const LONGEST_REASON: usize = 100;

/// A policy, compiled and linked; instantiated once per call.
pub struct WasmPolicy {
    linked: Linked<Pre>,
}

pure!(WasmPolicy, Role::Policy, |linked| Self { linked }, {
    async fn rehearse(
        &self,
        policies: &Table,
        views: &[Arc<Observation>],
        extensions: &ExtensionPlugins,
    ) -> Result<Vec<Difference>, RehearsalError> {
        rehearse(self, policies, views, extensions).await
    }
});

impl WasmPolicy {
    /// Starts the policy once on trial and logs who it says it is.
    ///
    /// # Errors
    /// When it traps, runs past its deadline, or one of its exports has another type than the contract says.
    pub async fn try_out(&self) -> Result<(), CallError> {
        introduce(Role::Policy, &self.linked, async |store, guest| {
            let wit::Description { name, version, summary } =
                guest.tidegate_policy_scaling().call_describe(store).await?;
            Ok(Description { name, version, summary })
        })
        .await
    }

    /// How long so many decisions took one after the other in one instance, which no daemon lets happen: what is missing
    /// is the cost of a fresh one.
    ///
    /// # Errors
    /// When it traps, or all of them together run past the deadline.
    pub async fn times_in_one_instance(
        &self,
        observation: &Arc<Observation>,
        calls: usize,
    ) -> Result<Vec<Duration>, CallError> {
        let decide = async |store: &mut Store<State>, guest: &bindings::Policy| {
            let mut times = Vec::with_capacity(calls);
            for _ in 0..calls {
                let view = store.data_mut().table.push(View::new(Arc::clone(observation)))?;
                let lent = Resource::new_borrow(view.rep());
                let began = Instant::now();
                // To decline is an answer, too.
                drop(guest.tidegate_policy_scaling().call_decide(&mut *store, lent).await?);
                times.push(began.elapsed());
                store.data_mut().table.delete(view)?;
            }
            Ok(times)
        };
        self.linked.call("", observation.now, decide).await
    }
}

#[async_trait]
impl Policy for WasmPolicy {
    fn name(&self) -> &str {
        self.linked.caller.name()
    }

    async fn check_options(&self, job: &str, configuration: &Configuration) -> Result<Vec<String>, PolicyError> {
        let options: Vec<(String, String)> =
            configuration.iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.linked
            .call(job, Timestamp::default(), async |store, guest| {
                guest.tidegate_policy_scaling().call_check_options(store, &options).await
            })
            .await
            .map(|wrong| wrong.iter().map(|sentence| clean(sentence)).collect())
            .map_err(|error| self.broken(error))
    }

    async fn decide(
        &self,
        observation: Arc<Observation>,
        extensions: Arc<dyn Extensions>,
    ) -> Result<Decision, PolicyError> {
        let job = format!("{}/{}", observation.cluster, observation.job_name);
        let vertices = observation.topology.vertices.len();
        let now = observation.now;
        let answer = self
            .linked
            .call(&job, now, async |store, guest| {
                store.data_mut().extensions = Some(extensions);
                let view = store.data_mut().table.push(View::new(observation))?;
                let lent = Resource::new_borrow(view.rep());
                guest.tidegate_policy_scaling().call_decide(store, lent).await
            })
            .await
            .map_err(|error| self.broken(error))?;
        match answer {
            Ok(decision) => into_decision(decision, vertices).map_err(|error| self.broken(error)),
            Err(wit::Failure::Collecting(reason)) => Err(Failure::Collecting(clean(&reason)).into()),
            Err(wit::Failure::Evaluating(reason)) => Err(Failure::Evaluating(clean(&reason)).into()),
            Err(wit::Failure::Executing(reason)) => Err(Failure::Executing(clean(&reason)).into()),
        }
    }
}

impl WasmPolicy {
    fn broken(&self, error: CallError) -> PolicyError {
        PolicyError::Broken { policy: self.linked.caller.name().to_owned(), source: error.into() }
    }
}

/// The domain's form of an answer, its shape checked against a job of so many vertices.
fn into_decision(decision: wit::Decision, vertices: usize) -> Result<Decision, CallError> {
    let malformed = |reason: String| CallError::Malformed { reason };
    // Destructured, so that a new field is a compile error and not a silent loss.
    let wit::Decision { verdict, recommended, evaluated, evaluated_global, events, state } = decision;
    if !recommended.is_empty() && recommended.len() != vertices {
        return Err(malformed(format!("`recommended` has {} entries for {vertices} vertices", recommended.len())));
    }
    if events.len() > MOST_EVENTS {
        return Err(malformed(format!("it has {} events, {MOST_EVENTS} may be told at once", events.len())));
    }
    for column in &evaluated {
        for values in [&column.current, &column.average] {
            if !values.is_empty() && values.len() != vertices {
                let (metric, found) = (&column.metric, values.len());
                return Err(malformed(format!("`{metric}` has {found} values for {vertices} vertices")));
            }
        }
    }
    Ok(Decision {
        verdict: match verdict {
            wit::Verdict::Hold(reason) => Verdict::Hold { reason: clean(&reason) },
            wit::Verdict::Scale(targets) => Verdict::Scale(
                targets
                    .into_iter()
                    .map(|wit::Target { vertex, parallelism }| {
                        let vertex = vertex.parse().map_err(|error| malformed(format!("target: {error}")))?;
                        Ok(Target { vertex, parallelism })
                    })
                    .collect::<Result<_, CallError>>()?,
            ),
        },
        recommended,
        evaluated: evaluated
            .into_iter()
            .map(|wit::Column { metric, current, average }| Evaluated { metric, current, average })
            .collect(),
        evaluated_global: evaluated_global
            .into_iter()
            .map(|wit::Scalar { metric, current, average }| Scalar { metric, current, average })
            .collect(),
        events: events.into_iter().map(into_event).collect(),
        state,
    })
}

fn into_event(event: wit::Event) -> Event {
    let wit::Event { severity, mut reason, mut message, mut message_key, interval } = event;
    cut(&mut reason, LONGEST_REASON);
    cut(&mut message, LONGEST_MESSAGE);
    if let Some(key) = &mut message_key {
        cut(key, LONGEST_MESSAGE);
    }
    Event {
        kind: match severity {
            wit::Severity::Normal => EventKind::Normal,
            wit::Severity::Warning => EventKind::Warning,
        },
        reason,
        message,
        message_key,
        interval: interval.map(Duration::from_millis),
    }
}

/// Shortens `text` to at most `most` bytes of whole characters.
fn cut(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}
