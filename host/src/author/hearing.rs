//! What plugins were asked and said during a trial, in lines.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use crate::causes::in_one_text;
use crate::event::{EventHandler, HandlerError};
use crate::extension::{Aligner, Evaluator, ExtensionError, Filter};
use crate::model::{Applicant, Evaluation, FilterOutcome, JobEvent, Observation, Proposal, Scalar};

/// Lines, in the order in which they were said. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Heard(Arc<Mutex<Vec<String>>>);

impl Heard {
    /// Adds a line.
    pub fn say(&self, line: impl Into<String>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(line.into());
    }

    /// All lines since the last time.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A plugin, and what it is heard to say.
pub(super) struct Listened<T> {
    pub(super) plugin: Arc<T>,
    pub(super) heard: Heard,
}

#[async_trait]
impl<T: Evaluator> Evaluator for Listened<T> {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    async fn evaluate(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        vertex: usize,
    ) -> Result<Vec<Scalar>, ExtensionError> {
        let name = vertex_name(&observation, vertex);
        let answer = self.plugin.evaluate(Arc::clone(&observation), evaluation, vertex).await;
        match &answer {
            Ok(metrics) if metrics.is_empty() => {}
            Ok(metrics) => {
                let metric =
                    |it: &Scalar| format!("{} {} (average {})", it.metric, number(it.current), number(it.average));
                let metrics: Vec<String> = metrics.iter().map(metric).collect();
                self.heard.say(format!("evaluated {name}: {}", metrics.join(", ")));
            }
            Err(error) => self.heard.say(format!("evaluated {name}: {}", in_one_text(error))),
        }
        answer
    }
}

#[async_trait]
impl<T: Aligner> Aligner for Listened<T> {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    async fn align(
        &self,
        observation: Arc<Observation>,
        applicant: Applicant,
        evaluated: Vec<Scalar>,
    ) -> Result<Option<u32>, ExtensionError> {
        let (name, target) = (vertex_name(&observation, applicant.vertex), applicant.target);
        let answer = self.plugin.align(Arc::clone(&observation), applicant, evaluated).await;
        let said = match &answer {
            Ok(Some(parallelism)) => parallelism.to_string(),
            Ok(None) => "left as it is".to_owned(),
            Err(error) => in_one_text(error),
        };
        self.heard.say(format!("aligned {name} at {target}: {said}"));
        answer
    }
}

#[async_trait]
impl<T: Filter> Filter for Listened<T> {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    fn priority(&self) -> i32 {
        self.plugin.priority()
    }

    async fn filter(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        changes: Vec<Proposal>,
    ) -> Result<FilterOutcome, ExtensionError> {
        let asked = told(&observation, &changes);
        let answer = self.plugin.filter(Arc::clone(&observation), evaluation, changes).await;
        let said = match &answer {
            Ok(FilterOutcome::Accept) => "accepted".to_owned(),
            Ok(FilterOutcome::Modify(left)) => format!("left {}", told(&observation, left)),
            Ok(FilterOutcome::Veto(reason)) => format!("vetoed: {reason}"),
            Err(error) => in_one_text(error),
        };
        self.heard.say(format!("filtered {asked}: {said}"));
        answer
    }
}

#[async_trait]
impl<T: EventHandler> EventHandler for Listened<T> {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    async fn handle(&self, events: &[JobEvent]) -> Result<(), HandlerError> {
        for JobEvent { at, event, count, .. } in events {
            self.heard.say(format!("told at {at}: {} ({count} times)", event.reason));
        }
        let answer = self.plugin.handle(events).await;
        if let Err(error) = &answer {
            self.heard.say(format!("failed: {}", in_one_text(error)));
        }
        answer
    }
}

/// What a vertex is called in lines.
pub(super) fn vertex_name(observation: &Observation, vertex: usize) -> &str {
    observation.topology.vertices.get(vertex).map_or("a vertex that is not there", |vertex| vertex.name.as_str())
}

fn told(observation: &Observation, changes: &[Proposal]) -> String {
    let change = |Proposal { vertex, parallelism }: &Proposal| {
        let now = observation.topology.vertices.get(*vertex).map_or(0, |vertex| vertex.parallelism);
        format!("{} {now} -> {parallelism}", vertex_name(observation, *vertex))
    };
    changes.iter().map(change).collect::<Vec<_>>().join(", ")
}

/// At most three decimals: what a processor adds behind them is nobody's intention.
fn number(number: f64) -> String {
    let text = format!("{number:.3}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        for (value, text) in
            [(1.0, "1"), (0.125, "0.125"), (1_234.567_89, "1234.568"), (100.0, "100"), (f64::NAN, "NaN")]
        {
            assert_eq!(number(value), text);
        }
    }
}
