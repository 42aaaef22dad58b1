//! `/jobs/:id/resource-requirements`.

use std::collections::BTreeMap;

use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

use crate::model::{Bounds, InvalidBounds, ResourceRequirements, VertexId};

/// The bounds of all vertices, as Flink answers them.
#[derive(Deserialize)]
#[serde(transparent)]
pub(in crate::flink) struct Requirements {
    vertices: BTreeMap<VertexId, VertexRequirements>,
}

#[derive(Serialize, Deserialize)]
struct VertexRequirements {
    parallelism: Parallelism,
}

#[derive(Serialize, Deserialize)]
struct Parallelism {
    #[serde(rename = "lowerBound")]
    lower_bound: i64,
    #[serde(rename = "upperBound")]
    upper_bound: i64,
}

/// The bounds of all vertices, as Flink takes them.
pub(in crate::flink) struct RequirementsBody<'a>(pub(in crate::flink) &'a ResourceRequirements);

impl TryFrom<Requirements> for ResourceRequirements {
    type Error = InvalidBounds;

    fn try_from(requirements: Requirements) -> Result<Self, InvalidBounds> {
        requirements
            .vertices
            .into_iter()
            .map(|(id, VertexRequirements { parallelism })| {
                Ok((id, Bounds::new(parallelism.lower_bound, parallelism.upper_bound)?))
            })
            .collect()
    }
}

impl Serialize for RequirementsBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut body = serializer.serialize_map(Some(self.0.len()))?;
        for (id, bounds) in self.0 {
            let parallelism =
                Parallelism { lower_bound: i64::from(bounds.lower()), upper_bound: i64::from(bounds.upper()) };
            body.serialize_entry(id, &VertexRequirements { parallelism })?;
        }
        body.end()
    }
}
