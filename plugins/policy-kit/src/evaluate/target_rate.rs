//! How the demand on a vertex follows from the output of its inputs.

use crate::topology::Topology;

/// The rates at which records flow through a job.
pub(super) struct Flow<'a> {
    pub(super) topology: &'a Topology,
    /// Records per second into each vertex.
    pub(super) records_in: &'a [f64],
    /// Records per second out of each vertex. May be empty where every vertex has a single input.
    pub(super) records_out: &'a [f64],
}

impl Flow<'_> {
    /// How many records `to` gets for each record that `from` reads; 0 where that is not known.
    pub(super) fn output_ratio(&self, from: usize, to: usize) -> f64 {
        let input = value(self.records_in, from);
        let edge = self.edge_rate(from, to);
        if input > 0.0 && edge > 0.0 { edge / input } else { 0.0 }
    }

    /// Records per second from one vertex to another.
    fn edge_rate(&self, from: usize, to: usize) -> f64 {
        let Some(vertex) = self.topology.vertices.get(to) else {
            return f64::NAN;
        };
        let received = value(self.records_in, to);
        if vertex.inputs.len() == 1 {
            return received;
        }
        self.rate_of_others(from, to).map_or_else(|| value(self.records_out, from), |others| received - others)
    }

    /// What `to` gets from all inputs but `from`, if each of these writes to nobody else.
    fn rate_of_others(&self, from: usize, to: usize) -> Option<f64> {
        let mut sum = 0.0;
        for (other, _) in self.topology.vertices.get(to)?.inputs.iter().filter(|(other, _)| *other != from) {
            if self.topology.vertices.get(*other)?.outputs.len() != 1 {
                return None;
            }
            sum += value(self.records_out, *other);
        }
        (!sum.is_nan()).then_some(sum)
    }
}

fn value(values: &[f64], vertex: usize) -> f64 {
    values.get(vertex).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, number};
    use crate::topology::Vertex;
    use crate::view::ShipStrategy;

    #[test]
    fn an_output_ratio_is_taken_where_records_can_be_attributed_best() {
        for case in cases("upstream_output_ratio") {
            let ids = ["source1", "source2", "op1", "op2", "sink1"];
            let index = |id: &str| ids.iter().position(|known| *known == id).unwrap();
            let mut vertices: Vec<Vertex> = ids.iter().map(|_| Vertex::default()).collect();
            for (to, inputs) in case["inputs"].as_object().unwrap() {
                for from in inputs.as_array().unwrap() {
                    let from = index(from.as_str().unwrap());
                    vertices[index(to)].inputs.push((from, ShipStrategy::Rebalance));
                    vertices[from].outputs.push(index(to));
                }
            }
            let rates = |name: &str| ids.map(|id| number(&case["rates"][id][name]));
            let (records_in, records_out) = (rates("in"), rates("out"));
            let topology = Topology { vertices };
            let flow = Flow { topology: &topology, records_in: &records_in, records_out: &records_out };
            let (from, to) = case["edge"].as_str().unwrap().split_once("->").unwrap();
            assert_eq!(flow.output_ratio(index(from), index(to)), number(&case["expectedOutputRatio"]), "{case}");
        }
    }
}
