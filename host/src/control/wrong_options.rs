//! Whether a job's options are good enough to begin with.

use std::sync::Arc;

use tidegate_common::configuration::Configuration;
use tidegate_common::options;
use tidegate_common::validate::{InvalidOption, validate};
use tracing::warn;

use super::job::{Checked, JobMemory, WrongOptions};
use crate::causes::in_one_text;
use crate::model::JobContext;
use crate::policy::Policy;

/// What is wrong with the job's options; looked at only when they have changed.
pub(super) async fn wrong_options(
    policy: &dyn Policy,
    memory: &mut JobMemory,
    context: &JobContext,
) -> Option<WrongOptions> {
    match &memory.checked {
        Some(Checked { configuration, policy_digest, wrong })
            if *configuration == context.configuration && *policy_digest == policy.digest() =>
        {
            return wrong.clone();
        }
        _ => {}
    }
    let wrong = match validate(&context.configuration) {
        Err(InvalidOption::Unreadable(error)) => {
            warn!(job = %context.key, name = context.name, key = error.key, value = error.value,
                expected = error.expected, "option cannot be read");
            Some(WrongOptions::Unreadable(error.to_string()))
        }
        Err(wrong) => Some(WrongOptions::Invalid(in_one_text(&wrong))),
        Ok(()) if is_enabled(&context.configuration) => {
            match policy.check_options(&context.key.to_string(), &context.configuration).await {
                Ok(wrong) => (!wrong.is_empty()).then(|| WrongOptions::Invalid(wrong.join("; "))),
                Err(error) => {
                    // Not the options' fault: try again in the next pass, and let this one find out.
                    warn!(job = %context.key, name = context.name, policy = policy.name(),
                        error = in_one_text(&error), "options could not be checked");
                    return None;
                }
            }
        }
        Ok(()) => None,
    };
    memory.checked = Some(Checked {
        configuration: Arc::clone(&context.configuration),
        policy_digest: policy.digest(),
        wrong: wrong.clone(),
    });
    wrong
}

fn is_enabled(configuration: &Configuration) -> bool {
    configuration.read(&options::ENABLED).unwrap_or(false)
}
