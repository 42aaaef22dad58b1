//! The samples of a job that are still looked at.

use std::collections::VecDeque;
use std::sync::Arc;

use tidegate_common::time::Timestamp;

use super::{GlobalMetrics, VertexId, VertexMetrics};

/// What was collected of a job in one pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The time of the pass.
    pub at: Timestamp,
    /// Ordered by vertex id.
    pub vertices: Vec<(VertexId, VertexMetrics)>,
    /// Of the whole job.
    pub global: GlobalMetrics,
}

impl Sample {
    /// The metrics of `vertex`, if it was part of the job then.
    pub fn vertex(&self, vertex: VertexId) -> Option<&VertexMetrics> {
        let index = self.vertices.binary_search_by_key(&vertex, |(id, _)| *id).ok()?;
        self.vertices.get(index).map(|(_, metrics)| metrics)
    }
}

/// Samples, oldest first. Cheap to clone: the samples themselves are shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    samples: VecDeque<Arc<Sample>>,
}

impl Window {
    /// Adds a sample, or replaces the one of the same time.
    pub fn push(&mut self, sample: Sample) {
        let place = self.samples.partition_point(|held| held.at < sample.at);
        match self.samples.get_mut(place) {
            Some(held) if held.at == sample.at => *held = Arc::new(sample),
            _ => self.samples.insert(place, Arc::new(sample)),
        }
    }

    /// Forgets all samples older than `instant`; one of that very time stays.
    pub fn drop_before(&mut self, instant: Timestamp) {
        let stay = self.samples.partition_point(|sample| sample.at < instant);
        self.samples.drain(..stay);
    }

    /// The samples, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Sample> + ExactSizeIterator + Clone {
        self.samples.iter().map(AsRef::as_ref)
    }

    /// The first sample.
    pub fn oldest(&self) -> Option<&Sample> {
        self.samples.front().map(AsRef::as_ref)
    }

    /// The last sample.
    pub fn latest(&self) -> Option<&Sample> {
        self.samples.back().map(AsRef::as_ref)
    }

    /// How many samples there are.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64) -> Sample {
        Sample { at: Timestamp::from_millis(at), vertices: Vec::new(), global: GlobalMetrics::default() }
    }

    #[test]
    fn samples_are_ordered_by_time_and_trimmed_strictly_before() {
        let mut window = Window::default();
        for at in [30, 10, 20, 20] {
            window.push(sample(at));
        }
        let times = |window: &Window| window.iter().map(|sample| sample.at.as_millis()).collect::<Vec<_>>();
        assert_eq!(times(&window), [10, 20, 30]);
        window.drop_before(Timestamp::from_millis(20));
        assert_eq!(times(&window), [20, 30]);
    }
}
