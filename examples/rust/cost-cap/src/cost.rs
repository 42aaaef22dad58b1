//! How many slots a job takes, and what of its growth can be paid.

use std::collections::BTreeMap;

/// A job as it is.
pub struct Job {
    /// The parallelism of each vertex.
    pub now: Vec<u32>,
    /// Its slot sharing group; vertices of which it is not known share one.
    pub groups: Vec<Option<String>>,
}

/// What of `wanted` leaves the job with at most so many slots: all of it, or every scale-down and a share of the rest.
pub fn affordable(job: &Job, wanted: &[(usize, u32)], slots: f64) -> Vec<(usize, u32)> {
    // In steps of a hundredth: more is more than capacity is known to.
    let shares = (0..=100).rev().map(|share| part(job, wanted, share));
    let fits = |changes: &Vec<(usize, u32)>| f64::from(job.slots(changes)) <= slots;
    shares.clone().find(fits).unwrap_or_else(|| part(job, wanted, 0))
}

/// `share` hundredths of the growth, and all else; without vertices that stay as they are.
fn part(job: &Job, wanted: &[(usize, u32)], share: u64) -> Vec<(usize, u32)> {
    let changes = wanted.iter().filter_map(|&(vertex, target)| {
        let now = *job.now.get(vertex)?;
        let growth = u64::from(target.saturating_sub(now)) * share / 100;
        let parallelism = if target > now { now + u32::try_from(growth).ok()? } else { target };
        (parallelism != now).then_some((vertex, parallelism))
    });
    changes.collect()
}

impl Job {
    /// Slots with these changes: in each group as many as its widest vertex has subtasks.
    fn slots(&self, changes: &[(usize, u32)]) -> u32 {
        let mut groups: BTreeMap<Option<&str>, u32> = BTreeMap::new();
        for (vertex, now) in self.now.iter().enumerate() {
            let change = changes.iter().find(|(changed, _)| *changed == vertex);
            let parallelism = change.map_or(*now, |(_, parallelism)| *parallelism);
            let widest = groups.entry(self.groups.get(vertex).and_then(Option::as_deref)).or_default();
            *widest = parallelism.max(*widest);
        }
        groups.into_values().fold(0, u32::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two vertices that share slots, and one with slots of its own.
    fn job() -> Job {
        let group = |name: &str| Some(name.to_owned());
        Job { now: vec![4, 10, 2], groups: vec![group("a"), group("a"), group("b")] }
    }

    #[test]
    fn slots_are_those_of_the_widest_vertex_of_each_group() {
        assert_eq!(job().slots(&[]), 12);
        assert_eq!(job().slots(&[(0, 11)]), 13);
        assert_eq!(job().slots(&[(0, 9), (2, 5)]), 15);
        let unknown = Job { now: vec![4, 10], groups: vec![None, None] };
        assert_eq!(unknown.slots(&[]), 10);
    }

    #[test]
    fn growth_is_cut_to_what_can_be_paid_and_a_scale_down_never() {
        for (wanted, slots, expected) in [
            (vec![(1, 20)], 22.0, vec![(1, 20)]),
            (vec![(1, 20)], 17.0, vec![(1, 15)]),
            (vec![(1, 20), (2, 12)], 17.0, vec![(1, 12), (2, 4)]),
            (vec![(1, 20)], 12.0, vec![]),
            (vec![(1, 20), (2, 1)], 11.0, vec![(2, 1)]),
            // Even what there is costs too much: only less of it is allowed.
            (vec![(0, 6), (1, 9)], 3.0, vec![(1, 9)]),
        ] {
            assert_eq!(affordable(&job(), &wanted, slots), expected, "{wanted:?} within {slots}");
        }
    }
}
