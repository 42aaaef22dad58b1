//! Maps by instant in JSON: the keys are ISO-8601 texts.

use std::collections::BTreeMap;

use serde::de::{Deserialize, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use tidegate_common::time::Timestamp;

pub(crate) fn serialize<V: Serialize, S: Serializer>(
    map: &BTreeMap<Timestamp, V>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(map.iter().map(|(instant, value)| (instant.to_string(), value)))
}

pub(crate) fn deserialize<'de, V: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<Timestamp, V>, D::Error> {
    let texts = BTreeMap::<String, V>::deserialize(deserializer)?;
    texts
        .into_iter()
        .map(|(text, value)| text.parse().map(|instant| (instant, value)))
        .collect::<Result<_, _>>()
        .map_err(D::Error::custom)
}
