//! A policy decides beside another, and nothing comes of it but the differences.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use super::ExtensionPlugins;
use super::chain::Chain;
use super::filtering::past_filters;
use super::judge::judge;
use super::policies::Table;
use super::words::describe_targets;
use crate::causes::in_one_text;
use crate::extension::Extensions;
use crate::model::{Decision, JobKey, Observation, VertexId};
use crate::policy::{Policy, PolicyError};

/// Two policies say different things about one job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which job.
    pub job: JobKey,
    /// The name that it was submitted under.
    pub job_name: String,
    /// What the policy in service says.
    pub in_service: String,
    /// What the one that rehearses says.
    pub rehearsed: String,
}

/// Why a policy must not go into service.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RehearsalError {
    /// It did not answer.
    #[error("did not decide on job `{job}`")]
    Failed {
        /// The job's name.
        job: String,
        /// What happened.
        #[source]
        source: PolicyError,
    },
    /// Its answer would have been refused.
    #[error("gave an answer for job `{job}` that is refused: {reason}")]
    Refused {
        /// The job's name.
        job: String,
        /// Why.
        reason: String,
    },
}

/// What a policy says about one job, as far as it matters to the job.
#[derive(PartialEq, Eq)]
enum Said {
    Targets(BTreeMap<VertexId, u32>),
    Hold,
    Declined(String),
}

/// Lets `candidate` decide on these views, each the latest of its job, beside the policy that now decides for the job.
///
/// # Errors
/// When the candidate does not answer, or its answer would be refused.
pub async fn rehearse(
    candidate: &dyn Policy,
    policies: &Table,
    views: &[Arc<Observation>],
    extensions: &ExtensionPlugins,
) -> Result<Vec<Difference>, RehearsalError> {
    let mut differences = Vec::new();
    for view in views {
        let job = &view.job_name;
        let failed = |source| RehearsalError::Failed { job: job.clone(), source };
        let wrong = candidate.check_options(job, &view.configuration).await.map_err(failed)?;
        let rehearsed = if wrong.is_empty() {
            said(candidate, view, extensions).await.map_err(|error| match error {
                Unsaid::Failed(source) => failed(source),
                Unsaid::Refused(reason) => RehearsalError::Refused { job: job.clone(), reason },
            })?
        } else {
            Said::Declined(wrong.join("; "))
        };
        let in_service = policies.of(&view.cluster, job).aside();
        // That the one in service does not answer, or is in no service, is what its own passes find out.
        if let Ok(before) = said(in_service.as_ref(), view, extensions).await {
            differences.extend(difference(view, &before, &rehearsed));
        }
    }
    Ok(differences)
}

/// The difference to a decision that was made on the same view.
///
/// # Errors
/// When the candidate does not answer, or its answer would be refused.
pub(super) async fn beside(
    candidate: &dyn Policy,
    policy: &str,
    decision: &Decision,
    view: &Arc<Observation>,
    extensions: &ExtensionPlugins,
) -> Result<Option<Difference>, RehearsalError> {
    let job = view.job_name.clone();
    let rehearsed = said(candidate, view, extensions).await.map_err(|error| match error {
        Unsaid::Failed(source) => RehearsalError::Failed { job: job.clone(), source },
        Unsaid::Refused(reason) => RehearsalError::Refused { job: job.clone(), reason },
    })?;
    let before = judge(policy, view, decision).map(into_said).unwrap_or(Said::Hold);
    Ok(difference(view, &before, &rehearsed))
}

enum Unsaid {
    Failed(PolicyError),
    Refused(String),
}

async fn said(policy: &dyn Policy, view: &Arc<Observation>, extensions: &ExtensionPlugins) -> Result<Said, Unsaid> {
    // Options that cannot be read fail the job's own passes.
    let selection = extensions.select(&view.cluster, &view.job_name, &view.configuration).unwrap_or_default();
    let chain = Arc::new(Chain::new(selection, view));
    let decided = policy.decide(Arc::clone(view), Arc::clone(&chain) as Arc<dyn Extensions>).await;
    let filtered = match decided {
        // That a filter does not answer is not the policy's fault.
        Ok(decision) => match past_filters(decision, view, &chain).await {
            Ok(filtered) => Ok(filtered.decision),
            Err(_) => return Ok(Said::Hold),
        },
        Err(error) => Err(error),
    };
    match filtered {
        Ok(decision) => judge(policy.name(), view, &decision).map(into_said).map_err(Unsaid::Refused),
        Err(PolicyError::Declined(reason)) => Ok(Said::Declined(in_one_text(&reason))),
        Err(error) => Err(Unsaid::Failed(error)),
    }
}

fn into_said(targets: Option<BTreeMap<VertexId, u32>>) -> Said {
    targets.map_or(Said::Hold, Said::Targets)
}

fn difference(view: &Observation, before: &Said, rehearsed: &Said) -> Option<Difference> {
    let words = |said: &Said| match said {
        Said::Targets(targets) => format!("scale {}", describe_targets(view, targets)).trim_end().to_owned(),
        Said::Hold => "hold".to_owned(),
        Said::Declined(reason) => format!("decline: {reason}"),
    };
    (before != rehearsed).then(|| Difference {
        job: JobKey { cluster: view.cluster.clone(), id: view.job },
        job_name: view.job_name.clone(),
        in_service: words(before),
        rehearsed: words(rehearsed),
    })
}
