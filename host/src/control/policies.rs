//! Which policy decides for which job.

use std::sync::Arc;

use wildmatch::WildMatch;

use crate::policy::Policy;

/// The policies in service, in the order in which they are asked whether a job is theirs.
pub struct Policies {
    assigned: Vec<(Vec<WildMatch>, Arc<dyn Policy>)>,
    otherwise: Arc<dyn Policy>,
}

impl Policies {
    /// `otherwise` decides for every job that nobody else is assigned to.
    pub fn new(otherwise: Arc<dyn Policy>) -> Self {
        Self { assigned: Vec::new(), otherwise }
    }

    /// Lets `policy` decide for the jobs that one of `patterns` (`cluster/job`, `*` for any text) matches.
    pub fn assign(&mut self, patterns: &[String], policy: Arc<dyn Policy>) {
        self.assigned.push((patterns.iter().map(|pattern| WildMatch::new(pattern)).collect(), policy));
    }

    /// The policy that decides for a job.
    pub fn of(&self, cluster: &str, job_name: &str) -> &Arc<dyn Policy> {
        let name = format!("{cluster}/{job_name}");
        let matching = |(patterns, _): &&(Vec<WildMatch>, _)| patterns.iter().any(|pattern| pattern.matches(&name));
        self.assigned.iter().find(matching).map_or(&self.otherwise, |(_, policy)| policy)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tidegate_common::configuration::Configuration;

    use super::*;
    use crate::model::{Decision, Observation};
    use crate::policy::PolicyError;

    struct Named(&'static str);

    #[async_trait]
    impl Policy for Named {
        fn name(&self) -> &str {
            self.0
        }

        async fn check_options(&self, _: &str, _: &Configuration) -> Result<Vec<String>, PolicyError> {
            Ok(Vec::new())
        }

        async fn decide(&self, _: Arc<Observation>) -> Result<Decision, PolicyError> {
            Ok(Decision::default())
        }
    }

    #[test]
    fn the_first_policy_whose_pattern_matches_decides() {
        let mut policies = Policies::new(Arc::new(Named("default")));
        policies.assign(&["orders/*".to_owned(), "*/billing".to_owned()], Arc::new(Named("a")));
        policies.assign(&["*/b*".to_owned()], Arc::new(Named("b")));
        for (cluster, job, expected) in
            [("orders", "x", "a"), ("clicks", "billing", "a"), ("clicks", "bids", "b"), ("clicks", "views", "default")]
        {
            assert_eq!(policies.of(cluster, job).name(), expected, "{cluster}/{job}");
        }
    }
}
