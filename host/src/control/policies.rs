//! Which policy decides for which job.

use std::sync::Arc;

use arc_swap::ArcSwap;
use wildmatch::WildMatch;

use crate::policy::{Policy, Seat};

/// The policies in service, in the order in which they are asked whether a job is theirs. Clones show the same.
#[derive(Clone)]
pub struct Policies {
    table: Arc<ArcSwap<Table>>,
}

/// Who decides for whom, all at once.
#[derive(Clone)]
pub struct Table {
    assigned: Vec<Assigned>,
    otherwise: Arc<dyn Seat>,
    shadows: Vec<Assigned>,
}

#[derive(Clone)]
struct Assigned {
    patterns: Vec<WildMatch>,
    seat: Arc<dyn Seat>,
}

impl Assigned {
    /// `patterns` are `cluster/job`, `*` for any text.
    fn new(patterns: &[String], seat: Arc<dyn Seat>) -> Self {
        Self { patterns: patterns.iter().map(|pattern| WildMatch::new(pattern)).collect(), seat }
    }

    fn matches(&self, name: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(name))
    }
}

impl Table {
    /// `otherwise` decides for every job that nobody else is assigned to.
    pub fn new(otherwise: Arc<dyn Seat>) -> Self {
        Self { assigned: Vec::new(), otherwise, shadows: Vec::new() }
    }

    /// Lets `seat` decide for the jobs that one of `patterns` (`cluster/job`, `*` for any text) matches.
    pub fn assign(&mut self, patterns: &[String], seat: Arc<dyn Seat>) {
        self.assigned.push(Assigned::new(patterns, seat));
    }

    /// Lets `seat` rehearse beside whoever decides for the jobs that one of `patterns` matches.
    pub fn shadow(&mut self, patterns: &[String], seat: Arc<dyn Seat>) {
        self.shadows.push(Assigned::new(patterns, seat));
    }

    /// Whose a job is.
    pub fn of(&self, cluster: &str, job_name: &str) -> &Arc<dyn Seat> {
        let name = format!("{cluster}/{job_name}");
        self.assigned.iter().find(|assigned| assigned.matches(&name)).map_or(&self.otherwise, |assigned| &assigned.seat)
    }

    /// Whether somebody is assigned to a job, and not the one who has all others.
    pub fn is_assigned(&self, cluster: &str, job_name: &str) -> bool {
        let name = format!("{cluster}/{job_name}");
        self.assigned.iter().any(|assigned| assigned.matches(&name))
    }

    /// Who rehearses beside it.
    pub fn shadows(&self, cluster: &str, job_name: &str) -> Vec<Arc<dyn Seat>> {
        if self.shadows.is_empty() {
            return Vec::new();
        }
        let name = format!("{cluster}/{job_name}");
        let matching = self.shadows.iter().filter(|assigned| assigned.matches(&name));
        matching.map(|assigned| Arc::clone(&assigned.seat)).collect()
    }
}

impl Policies {
    /// `otherwise` decides for every job, always the same.
    pub fn new(otherwise: Arc<dyn Policy>) -> Self {
        Self::from(Table::new(Arc::new(Fixed(otherwise))))
    }

    /// Lets `policy` decide for the jobs that one of `patterns` (`cluster/job`, `*` for any text) matches.
    pub fn assign(&mut self, patterns: &[String], policy: Arc<dyn Policy>) {
        let mut table = Table::clone(&self.table.load());
        table.assign(patterns, Arc::new(Fixed(policy)));
        self.replace(table);
    }

    /// From now on these decide. Passes under way keep whom they have.
    pub fn replace(&self, table: Table) {
        self.table.store(Arc::new(table));
    }

    /// Who decides for whom now.
    pub fn table(&self) -> Arc<Table> {
        self.table.load_full()
    }

    /// The name of the policy that decides for a job.
    pub fn name(&self, cluster: &str, job_name: &str) -> String {
        self.table.load().of(cluster, job_name).name().to_owned()
    }

    /// The policy that decides for a job, in the version that is in service now: one for a whole pass.
    pub fn pin(&self, cluster: &str, job_name: &str) -> Arc<dyn Policy> {
        self.table.load().of(cluster, job_name).pin()
    }
}

impl From<Table> for Policies {
    fn from(table: Table) -> Self {
        Self { table: Arc::new(ArcSwap::from_pointee(table)) }
    }
}

/// A policy that is never another.
struct Fixed(Arc<dyn Policy>);

impl Seat for Fixed {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn pin(&self) -> Arc<dyn Policy> {
        Arc::clone(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use tidegate_common::configuration::Configuration;

    use super::*;
    use crate::extension::Extensions;
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

        async fn decide(&self, _: Arc<Observation>, _: Arc<dyn Extensions>) -> Result<Decision, PolicyError> {
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
            assert_eq!(policies.pin(cluster, job).name(), expected, "{cluster}/{job}");
            assert_eq!(policies.name(cluster, job), expected, "{cluster}/{job}");
        }
    }
}
