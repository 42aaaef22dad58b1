//! What a daemon would ask a plugin first, about jobs that nobody has: does it answer, and would the answer be taken?

use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use tidegate_common::configuration::Configuration;

use super::store_contract::keeps_one_job;
use super::trial::{bundled_policy, helpers};
use super::{AuthorError, Heard, Loaded, Subject, bench};
use crate::causes::in_one_text;
use crate::control::{Answered, try_aligner, try_evaluator, try_filters, try_policy};
use crate::event::EventHandler;
use crate::extension::NoExtensions;
use crate::made_up::{applicant, situations};
use crate::model::{Observation, Proposal};
use crate::plugin::{CallError, Lost, Runtime};
use crate::policy::Policy;

/// A question, and what was answered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Asked {
    /// What it was asked about.
    pub about: String,
    /// What it answered.
    pub said: String,
    /// How long that took, a fresh instance included. Milliseconds.
    pub ms: f64,
}

/// What came of the questions.
#[derive(Debug, Default)]
pub(super) struct FirstCalls {
    pub(super) asked: Vec<Asked>,
    /// The first answer that a daemon could not have used.
    pub(super) wrong: Option<String>,
    /// What it would have taken, but may not be meant.
    pub(super) warnings: Vec<String>,
}

impl FirstCalls {
    /// Asks for everything that the plugin's role has to answer, until an answer is of no use. `heard` hears what is sent
    /// to the receiver.
    ///
    /// # Errors
    /// When the bundled policy does not decide: what helps a policy is asked about what that has evaluated.
    pub(super) async fn of(
        subject: &Subject,
        plugin: &Loaded,
        runtime: &Runtime,
        heard: &Heard,
    ) -> Result<Self, AuthorError> {
        let mut calls = Self::default();
        match plugin {
            Loaded::Policy(policy) => {
                let (_, options) = helpers(subject, plugin, &Heard::default());
                for (about, view) in views(&options) {
                    let began = Instant::now();
                    if !calls.goes_on(about, began, try_policy(policy.as_ref(), &view).await) {
                        break;
                    }
                }
            }
            Loaded::Evaluator(_) | Loaded::Filter(_) | Loaded::Aligner(_) => {
                calls.of_extension(subject, plugin, runtime).await?;
            }
            Loaded::EventHandler(handler) => {
                heard.take();
                let began = Instant::now();
                match handler.handle(&[bench::event(1)]).await {
                    Ok(()) => {
                        let requests = heard.take().len();
                        calls.note("an event", began, Answered { said: told(requests), doubts: Vec::new() });
                    }
                    Err(error) => {
                        // What it was not given, it may well miss.
                        let is_its_word = matches!(error.source.downcast_ref(), Some(CallError::Failed { .. }));
                        calls.refuse("an event", &in_one_text(&error), subject.manifest.is_none() && is_its_word);
                    }
                }
            }
            Loaded::StateStore(store) => {
                let began = Instant::now();
                match keeps_one_job(store.as_ref()).await {
                    Ok(()) => {
                        let said = "kept, told and forgotten".to_owned();
                        calls.note("a job's state", began, Answered { said, doubts: Vec::new() });
                    }
                    Err(error) => {
                        let is_its_word =
                            matches!(&error, AuthorError::Unkept { source, .. } if !source.source.is::<Lost>());
                        calls.refuse("a job's state", &in_one_text(&error), subject.manifest.is_none() && is_its_word);
                    }
                }
            }
        }
        Ok(calls)
    }

    async fn of_extension(&mut self, subject: &Subject, plugin: &Loaded, runtime: &Runtime) -> Result<(), AuthorError> {
        let (helpers, options) = helpers(subject, plugin, &Heard::default());
        let plugins = &helpers.extensions;
        let bundled = bundled_policy(runtime)?;
        for (about, view) in views(&options) {
            let decided = bundled.decide(Arc::clone(&view), Arc::new(NoExtensions)).await;
            let evaluated = decided.map_err(|error| AuthorError::Call(Box::new(error)))?.evaluated;
            if evaluated.is_empty() {
                // Nobody would be asked in such a pass.
                continue;
            }
            let began = Instant::now();
            let answer = match plugin {
                Loaded::Evaluator(_) => try_evaluator(plugins, &view, &evaluated).await,
                Loaded::Aligner(_) => try_aligner(plugins, &view, applicant(), &evaluated).await,
                _ => try_filters(plugins, &view, changes(&view), evaluated).await,
            };
            if !self.goes_on(about, began, answer) {
                break;
            }
        }
        Ok(())
    }

    /// Takes an answer, and says whether it was of use.
    fn goes_on(&mut self, about: &str, began: Instant, answer: Result<Answered, String>) -> bool {
        match answer {
            Ok(answered) => self.note(about, began, answered),
            Err(reason) => self.refuse(about, &reason, false),
        }
        self.wrong.is_none()
    }

    fn note(&mut self, about: &str, began: Instant, answered: Answered) {
        let Answered { said, doubts } = answered;
        self.warnings.extend(doubts.into_iter().map(|doubt| format!("about {about}: {doubt}")));
        let ms = (began.elapsed().as_secs_f64() * 1e6).round() / 1e3;
        self.asked.push(Asked { about: about.to_owned(), said, ms });
    }

    fn refuse(&mut self, about: &str, reason: &str, may_be_for_lack_of_options: bool) {
        if may_be_for_lack_of_options {
            let instead = "a plugin's folder, with options and grants in its tidegate-plugin.toml, is asked with these";
            self.warnings.push(format!("about {about}: {reason} ({instead})"));
        } else {
            self.wrong = Some(format!("about {about}: {reason}"));
        }
    }
}

/// Jobs with these options over their own.
fn views(options: &Configuration) -> impl Iterator<Item = (&'static str, Arc<Observation>)> {
    situations().into_iter().map(|(about, view)| {
        let configuration = Arc::new(view.configuration.overlaid_with(options));
        (about, Arc::new(Observation { configuration, ..view }))
    })
}

/// More subtasks for every vertex.
fn changes(view: &Observation) -> Vec<Proposal> {
    let vertices = view.topology.vertices.iter().enumerate();
    vertices.map(|(vertex, now)| Proposal { vertex, parallelism: now.parallelism.saturating_add(2) }).collect()
}

fn told(requests: usize) -> String {
    match requests {
        0 => "taken".to_owned(),
        1 => "taken, with 1 request sent".to_owned(),
        _ => format!("taken, with {requests} requests sent"),
    }
}
