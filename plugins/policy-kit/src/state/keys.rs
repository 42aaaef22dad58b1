//! Under which keys the policy keeps its state, and which top-level keys a text has.

use std::fmt;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

/// The scalings of each vertex.
pub(crate) const SCALING_HISTORY: &str = "scalingHistory";
/// The decisions and how long their restarts took.
pub(crate) const SCALING_TRACKING: &str = "scalingTracking";
/// Scale-downs that wait.
pub(crate) const DELAYED_SCALE_DOWN: &str = "delayedScaleDown";

/// Whether `known` accepts every key of the JSON object `text`; none if it is no such object.
///
/// Skips the values: much cheaper than reading them.
pub(crate) fn all_keys(text: &str, known: impl Fn(&str) -> bool) -> Option<bool> {
    let mut json = serde_json::Deserializer::from_str(text);
    json.deserialize_map(Keys { known }).ok()
}

struct Keys<F> {
    known: F,
}

impl<'de, F: Fn(&str) -> bool> Visitor<'de> for Keys<F> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
        let mut all = true;
        while let Some((key, IgnoredAny)) = map.next_entry::<String, IgnoredAny>()? {
            all &= (self.known)(&key);
        }
        Ok(all)
    }
}
