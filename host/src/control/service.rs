//! What a job is told about the policy that decides for it: that it is another, or none.

use super::job::{JobMemory, ServedBy};
use super::telling::warning;
use super::{DecisionRecord, Pass};
use crate::model::{Event, EventKind};
use crate::policy::Policy;

impl Pass {
    /// Tells that another version decides than in the last pass, or none.
    pub(super) fn tell_change(&self, memory: &mut JobMemory, policy: &dyn Policy, record: &mut DecisionRecord) {
        let now = ServedBy { policy: policy.name().to_owned(), digest: policy.digest() };
        let reason = policy.out_of_service();
        let before = memory.served_by.replace(now.clone());
        match (before, reason) {
            (Some(before), _) if before == now => {}
            (_, Some(reason)) => {
                let message = format!("Policy {} is not in service, nothing is changed: {reason}", now.policy);
                let key = Some(now.policy);
                self.tell(record, Event { message_key: key, ..warning("PluginSuspended", message, None) });
            }
            // What decides at first sight is no news.
            (None, None) => {}
            (Some(before), None) => {
                let message = format!("{} decides in place of {}", words(&now), words(&before));
                let reason = "PluginSwapped".to_owned();
                let (kind, message_key, interval) = (EventKind::Normal, None, None);
                self.tell(record, Event { kind, reason, message, message_key, interval });
            }
        }
    }
}

fn words(version: &ServedBy) -> String {
    let ServedBy { policy, digest } = version;
    digest.map_or_else(|| format!("{policy}, out of service"), |digest| format!("{policy} {digest:.12}"))
}

/// How the log calls a policy's version: the first digits of its digest.
pub(super) fn version(policy: &dyn Policy) -> String {
    policy.digest().map(|digest| format!("{digest:.12}")).unwrap_or_default()
}
