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
    /// Each distinct input and how its records are partitioned, in the order in which sums are made.
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
        topology.order_inputs();
        Ok(topology)
    }

    /// Puts the inputs of every vertex into the order of a Java `HashMap`: sums over them are then rounded as the Java
    /// autoscaler's are.
    fn order_inputs(&mut self) {
        if self.vertices.iter().all(|vertex| vertex.inputs.len() < 2) {
            return;
        }
        let hashes: Vec<u32> = self.vertices.iter().map(|vertex| java_hash(&vertex.id)).collect();
        for vertex in &mut self.vertices {
            // A map doubles its table when more than three quarters of it are taken.
            let mut table = 16;
            while vertex.inputs.len() * 4 > table * 3 {
                table *= 2;
            }
            let bucket = |input: usize| hashes.get(input).map_or(0, |hash| *hash as usize % table);
            vertex.inputs.sort_by_key(|(input, _)| bucket(*input));
        }
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

/// The hash of a Flink id as a Java `HashMap` spreads it; 0 for what is no such id.
fn java_hash(id: &str) -> u32 {
    let bytes = u128::from_str_radix(id, 16).unwrap_or(0).to_be_bytes();
    let words = bytes.chunks(4).map(|word| word.iter().fold(0_u32, |sum, byte| sum << 8 | u32::from(*byte)));
    let hash = words.fold(0, |hash, word| hash ^ word);
    hash ^ hash >> 16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeView;
    use crate::view::Edge;

    fn view(edges: &[(usize, usize)]) -> FakeView {
        let ids = [
            "d6048094ab88e73261fe1c63c7e99a55",
            "860aff21295cfc68e05a75671c730de0",
            "233306c3592e5e388f183cee5742bada",
            "fb0c6fff9eb5480ba11f358d65b294e3",
        ];
        FakeView {
            ids: ids.map(str::to_owned).to_vec(),
            parallelism: vec![1; 4],
            max_parallelism: vec![1; 4],
            source_partitions: vec![0; 4],
            edges: edges.iter().map(|(from, to)| Edge { from: *from, to: *to, ship: ShipStrategy::Hash }).collect(),
            ..FakeView::default()
        }
    }

    #[test]
    fn inputs_stand_in_the_order_of_a_java_hash_map() {
        let topology = Topology::of(&view(&[(0, 3), (1, 3), (2, 3), (1, 3)])).unwrap();
        let inputs: Vec<usize> = topology.vertices[3].inputs.iter().map(|(input, _)| *input).collect();
        assert_eq!(inputs, [1, 2, 0]);
        assert_eq!(topology.vertices[1].outputs, [3]);
        assert!(topology.vertices[1].is_source() && !topology.vertices[3].is_source());
    }

    #[test]
    fn a_graph_that_is_out_of_order_is_refused() {
        for edges in [[(3, 0)], [(1, 1)], [(0, 4)]] {
            assert!(matches!(Topology::of(&view(&edges)), Err(Failure::Evaluating(_))), "{edges:?}");
        }
        let short = FakeView { parallelism: vec![1; 3], ..view(&[]) };
        assert!(matches!(Topology::of(&short), Err(Failure::Evaluating(_))));
    }
}
