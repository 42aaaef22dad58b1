//! What a simulated job looks like: its vertices, what connects them, what is offered to its sources.

use thiserror::Error;

use super::{Curve, Load, Noise};
use crate::model::{ShipStrategy, VertexId};

/// A job to run.
#[derive(Clone, Debug, PartialEq)]
pub struct JobShape {
    /// The name that it is submitted under.
    pub name: String,
    /// In topological order: every vertex stands after its inputs.
    pub vertices: Vec<VertexShape>,
    /// Which scheduler runs it.
    pub scheduler: Scheduler,
    /// Its own configuration, beside the scheduler's.
    pub configuration: Vec<(String, String)>,
    /// How much the capacity of its vertices wavers.
    pub noise: Noise,
}

/// Who decides where the subtasks run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduler {
    /// Rescales in place.
    Adaptive,
    /// Refuses to be asked for a rescale.
    Default,
}

/// One vertex of a job.
#[derive(Clone, Debug, PartialEq)]
pub struct VertexShape {
    /// As Flink shows it; a source's begins with `Source: `.
    pub name: String,
    /// Subtasks in the beginning; from 1 to `max_parallelism`.
    pub parallelism: u32,
    /// The number of key groups.
    pub max_parallelism: u32,
    /// Records per second that a lone subtask processes.
    pub capacity: f64,
    /// p subtasks process `capacity * p^scalability`; 1 scales perfectly, 0 not at all.
    pub scalability: f64,
    /// What p subtasks process, where it was measured: in the place of the two numbers before.
    pub curve: Option<Curve>,
    /// The share of all records that one subtask receives on top of its even share; from 0 to 1.
    pub hot_key: f64,
    /// Vertices of one group share slots.
    pub slot_sharing_group: u32,
    /// Where its records come from.
    pub feed: Feed,
}

/// Where a vertex' records come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Feed {
    /// From outside: the vertex is a source.
    Log(Log),
    /// From other vertices; at least one.
    Inputs(Vec<Input>),
}

/// A log that a source reads, as Kafka keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// The topic's name.
    pub topic: String,
    /// At least 1. Subtasks beyond it are idle.
    pub partitions: u32,
    /// What arrives.
    pub load: Load,
    /// Records that wait in the beginning.
    pub backlog: f64,
}

/// One input of a vertex.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Input {
    /// Where the records come from: an index into the job's vertices, smaller than the vertex' own.
    pub from: usize,
    /// How they are partitioned on the way.
    pub ship: ShipStrategy,
    /// How many records come for each one that `from` processes.
    pub ratio: f64,
}

/// A shape that no job can have.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ShapeError {
    /// No vertices.
    #[error("job `{job}` has no vertices")]
    Empty {
        /// The job's name.
        job: String,
    },
    /// A number out of its range, or an input that is not an earlier vertex.
    #[error("vertex `{vertex}` of job `{job}`: {wrong}")]
    Vertex {
        /// The job's name.
        job: String,
        /// The vertex' name.
        vertex: String,
        /// What is wrong.
        wrong: &'static str,
    },
}

impl JobShape {
    /// A job without vertices, run by the adaptive scheduler.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            vertices: Vec::new(),
            scheduler: Scheduler::Adaptive,
            configuration: Vec::new(),
            noise: Noise::default(),
        }
    }

    /// This job with one more vertex.
    #[must_use]
    pub fn with(mut self, vertex: VertexShape) -> Self {
        self.vertices.push(vertex);
        self
    }

    /// This job with `value` under `key` in its configuration.
    #[must_use]
    pub fn configured(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.configuration.push((key.into(), value.into()));
        self
    }

    /// The id of the vertex at `index`: the same in every submission of the job.
    pub fn vertex_id(&self, index: usize) -> Option<VertexId> {
        self.vertices.get(index).map(|vertex| VertexId::from_u128(digest(&[&self.name, &vertex.name])))
    }

    /// Whether a job can have this shape.
    ///
    /// # Errors
    /// What is wrong with the first part that is.
    pub fn check(&self) -> Result<(), ShapeError> {
        if self.vertices.is_empty() {
            return Err(ShapeError::Empty { job: self.name.clone() });
        }
        for (index, vertex) in self.vertices.iter().enumerate() {
            let named_before = self.vertices.iter().take(index).any(|other| other.name == vertex.name);
            let wrong = if named_before { Some("has the name of another one") } else { vertex.wrong(index) };
            if let Some(wrong) = wrong {
                return Err(ShapeError::Vertex { job: self.name.clone(), vertex: vertex.name.clone(), wrong });
            }
        }
        Ok(())
    }
}

impl VertexShape {
    /// A source named `Source: <topic>` with one subtask, which reads `partitions` partitions.
    pub fn source(topic: &str, capacity: f64, partitions: u32, load: Load) -> Self {
        let log = Log { topic: topic.to_owned(), partitions, load, backlog: 0.0 };
        Self::new(format!("Source: {topic}"), capacity, Feed::Log(log))
    }

    /// A vertex with one subtask and no inputs yet.
    pub fn operator(name: impl Into<String>, capacity: f64) -> Self {
        Self::new(name.into(), capacity, Feed::Inputs(Vec::new()))
    }

    /// This vertex with one more input. A source becomes an operator.
    #[must_use]
    pub fn input(mut self, from: usize, ship: ShipStrategy, ratio: f64) -> Self {
        let input = Input { from, ship, ratio };
        match &mut self.feed {
            Feed::Inputs(inputs) => inputs.push(input),
            feed @ Feed::Log(_) => *feed = Feed::Inputs(vec![input]),
        }
        self
    }

    /// This vertex with so many subtasks.
    #[must_use]
    pub fn parallelism(mut self, parallelism: u32) -> Self {
        self.parallelism = parallelism;
        self
    }

    /// This vertex with so many key groups.
    #[must_use]
    pub fn max_parallelism(mut self, max_parallelism: u32) -> Self {
        self.max_parallelism = max_parallelism;
        self
    }

    /// The log that it reads, if it is a source.
    pub fn log(&self) -> Option<&Log> {
        match &self.feed {
            Feed::Log(log) => Some(log),
            Feed::Inputs(_) => None,
        }
    }

    /// Its inputs; none if it is a source.
    pub fn inputs(&self) -> &[Input] {
        match &self.feed {
            Feed::Log(_) => &[],
            Feed::Inputs(inputs) => inputs,
        }
    }

    fn new(name: String, capacity: f64, feed: Feed) -> Self {
        Self {
            name,
            parallelism: 1,
            max_parallelism: 128,
            capacity,
            scalability: 1.0,
            curve: None,
            hot_key: 0.0,
            slot_sharing_group: 0,
            feed,
        }
    }

    fn wrong(&self, index: usize) -> Option<&'static str> {
        let positive = |number: f64| number.is_finite() && number > 0.0;
        let feed = match &self.feed {
            Feed::Log(log) if log.partitions == 0 => Some("reads a log without partitions"),
            Feed::Log(log) if !(log.backlog.is_finite() && log.backlog >= 0.0) => Some("has a backlog below 0"),
            Feed::Inputs(inputs) if inputs.is_empty() => Some("has no inputs and is no source"),
            Feed::Inputs(inputs) if inputs.iter().any(|input| input.from >= index) => {
                Some("has an input that does not stand before it")
            }
            Feed::Inputs(inputs) if !inputs.iter().all(|input| input.ratio.is_finite() && input.ratio >= 0.0) => {
                Some("has an input with a ratio below 0")
            }
            Feed::Log(_) | Feed::Inputs(_) => None,
        };
        feed.or(match () {
            () if self.parallelism == 0 => Some("has no subtasks"),
            () if self.parallelism > self.max_parallelism => Some("has more subtasks than key groups"),
            () if !positive(self.capacity) => Some("has no capacity"),
            () if !(0.0..=1.0).contains(&self.scalability) => Some("has a scalability that is not within 0 to 1"),
            () if !(0.0..=1.0).contains(&self.hot_key) => Some("has a hot key that is not within 0 to 1"),
            () => None,
        })
    }
}

/// FNV-1a in 128 bits: ids that are the same on every machine and in every build.
pub(super) fn digest(parts: &[&str]) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let bytes = parts.iter().flat_map(|part| part.bytes().chain([0]));
    bytes.fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline() -> JobShape {
        JobShape::new("orders")
            .with(VertexShape::source("orders", 100.0, 4, Load::Constant(1.0)))
            .with(VertexShape::operator("enrich", 100.0).input(0, ShipStrategy::Hash, 1.0))
    }

    #[test]
    fn a_vertex_keeps_its_id() {
        let (once, again) = (pipeline(), pipeline());
        assert_eq!(once.vertex_id(0), again.vertex_id(0));
        assert_ne!(once.vertex_id(0), once.vertex_id(1));
        assert_eq!(once.vertex_id(2), None);
    }

    #[test]
    fn a_shape_that_no_job_can_have_is_refused() {
        assert_eq!(pipeline().check(), Ok(()));
        assert_eq!(JobShape::new("x").check(), Err(ShapeError::Empty { job: "x".to_owned() }));
        let more = |vertex: VertexShape| pipeline().with(vertex).check();
        for wrong in [
            VertexShape::operator("x", 1.0),
            VertexShape::operator("x", 1.0).input(2, ShipStrategy::Hash, 1.0),
            VertexShape::operator("x", 1.0).input(1, ShipStrategy::Hash, f64::NAN),
            VertexShape::operator("x", 0.0).input(1, ShipStrategy::Hash, 1.0),
            VertexShape::operator("x", 1.0).input(1, ShipStrategy::Hash, 1.0).parallelism(0),
            VertexShape::operator("x", 1.0).input(1, ShipStrategy::Hash, 1.0).parallelism(129),
            VertexShape::operator("enrich", 1.0).input(1, ShipStrategy::Hash, 1.0),
            VertexShape::source("x", 1.0, 0, Load::Constant(1.0)),
        ] {
            assert!(more(wrong.clone()).is_err(), "{wrong:?}");
        }
    }
}
