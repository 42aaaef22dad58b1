//! Whether a decision may be taken: every guard rail, as a pure check of the answer against what it is about.

use std::collections::BTreeMap;

use tidegate_common::options;

use super::guard::{OperatorBounds, admit, admit_state};
use crate::causes::in_one_text;
use crate::model::{Decision, Observation, Verdict, VertexId};

/// The targets that may be held if this decision is taken; none if it holds.
///
/// # Errors
/// Why it must not be taken.
pub(super) fn judge(
    policy: &str,
    observation: &Observation,
    decision: &Decision,
) -> Result<Option<BTreeMap<VertexId, u32>>, String> {
    let configuration = &observation.configuration;
    admit_state(&decision.state, &observation.state).map_err(|error| error.to_string())?;
    let Verdict::Scale(targets) = &decision.verdict else { return Ok(None) };
    let advisory = !configuration.read(&options::SCALING_ENABLED).map_err(|error| in_one_text(&error))?;
    let early = !observation.is_window_full() || observation.window.len() < 2;
    if advisory || early {
        let why = if advisory { "scaling is switched off" } else { "the window is not full" };
        return Err(format!("policy `{policy}` wants to scale although {why}: nothing is changed"));
    }
    let bounds = OperatorBounds::read(configuration).map_err(|error| in_one_text(&error))?;
    let admitted = admit(targets, &observation.topology, &observation.excluded, bounds);
    admitted.map(Some).map_err(|error| error.to_string())
}
