//! What a whole replay came to.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::ReplayedPass;

/// Counts over the passes of a replay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Passes, by how far they got.
    pub passes: BTreeMap<String, usize>,
    /// How often Flink was asked for other bounds.
    pub rescales: usize,
    /// Vertices that were asked up, counted at each rescale.
    pub up: usize,
    /// Vertices that were asked down, counted at each rescale.
    pub down: usize,
    /// How long the replay took.
    pub took: Duration,
}

impl Summary {
    /// Counts one more pass.
    pub fn count(&mut self, pass: &ReplayedPass) {
        *self.passes.entry(pass.outcome.stage.clone()).or_default() += 1;
        let Some(put) = &pass.outcome.put else { return };
        self.rescales += 1;
        let topology = pass.record.as_ref().and_then(|record| record.topology.as_ref());
        for vertex in topology.iter().flat_map(|topology| &topology.vertices) {
            let Some(bounds) = put.get(&vertex.id) else { continue };
            self.up += usize::from(bounds.upper > vertex.parallelism);
            self.down += usize::from(bounds.upper < vertex.parallelism);
        }
    }

    /// All passes.
    pub fn total(&self) -> usize {
        self.passes.values().sum()
    }

    /// Adds the counts of another replay.
    pub fn add(&mut self, other: &Self) {
        for (stage, passes) in &other.passes {
            *self.passes.entry(stage.clone()).or_default() += passes;
        }
        self.rescales += other.rescales;
        self.up += other.up;
        self.down += other.down;
        self.took += other.took;
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rescales, up, down, .. } = self;
        let stages: Vec<String> = self.passes.iter().map(|(stage, passes)| format!("{stage} {passes}")).collect();
        let took = self.took.as_secs_f64();
        let (passes, stages) = (self.total(), stages.join(", "));
        write!(f, "{passes} passes ({stages}), {rescales} rescales (vertices up {up}, down {down}), {took:.2} s")
    }
}
