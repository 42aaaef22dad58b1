//! The job's graph in the shape that the computations need.

use crate::decision::Failure;
use crate::view::{ShipStrategy, View};

/// A job's vertices and what connects them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Topology {
    /// Every vertex stands after its inputs.
    pub vertices: Vec<Vertex>,
}

/// One vertex.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Vertex {
    /// Its id.
    pub id: String,
    /// Subtasks now.
    pub parallelism: u32,
    /// Key groups.
    pub max_parallelism: u32,
    /// Partitions that a source reads; 0 where unknown.
    pub source_partitions: u32,
    /// Each distinct input and how its records are partitioned.
    pub inputs: Vec<(usize, ShipStrategy)>,
    /// Each distinct output.
    pub outputs: Vec<usize>,
}

impl Topology {
    /// Reads the graph from `view`.
    ///
    /// # Errors
    /// When the lists do not fit each other, or a vertex stands before one of its inputs.
    pub fn of(view: &dyn View) -> Result<Self, Failure> {
        let ids = view.vertices();
        let (parallelism, max, partitions) = (view.parallelism(), view.max_parallelism(), view.source_partitions());
        if [parallelism.len(), max.len(), partitions.len()] != [ids.len(); 3] {
            return Err(Failure::Evaluating("the lists about the vertices differ in length".to_owned()));
        }
        let vertices = ids
            .into_iter()
            .zip(parallelism)
            .zip(max.into_iter().zip(partitions))
            .map(|((id, parallelism), (max_parallelism, source_partitions))| Vertex {
                id,
                parallelism,
                max_parallelism,
                source_partitions,
                ..Vertex::default()
            })
            .collect();
        let mut topology = Self { vertices };
        for edge in view.edges() {
            topology
                .connect(edge.from, edge.to, edge.ship)
                .ok_or_else(|| Failure::Evaluating("a vertex stands before one of its inputs".to_owned()))?;
        }
        Ok(topology)
    }

    /// Adds an input; of two between the same vertices the last one counts. None if it is not one from an earlier
    /// vertex to a later one.
    fn connect(&mut self, from: usize, to: usize, ship: ShipStrategy) -> Option<()> {
        if from >= to {
            return None;
        }
        let inputs = &mut self.vertices.get_mut(to)?.inputs;
        match inputs.iter_mut().find(|(input, _)| *input == from) {
            Some(input) => input.1 = ship,
            None => {
                inputs.push((from, ship));
                self.vertices.get_mut(from)?.outputs.push(to);
            }
        }
        Some(())
    }
}

impl Vertex {
    /// Whether it has no inputs.
    pub fn is_source(&self) -> bool {
        self.inputs.is_empty()
    }
}
