//! `options = {…}` of a plugin: what only it understands.

use std::collections::BTreeMap;

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use toml::{Table, Value};

/// The options of a plugin as it is shown them: a text as it is, anything else in JSON.
pub(crate) fn options<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let text = |value: Value| match value {
        Value::String(text) => Ok(text),
        value => json(&value).map_err(de::Error::custom),
    };
    Table::deserialize(deserializer)?.into_iter().map(|(name, value)| Ok((name, text(value)?))).collect()
}

fn json(value: &impl Serialize) -> Result<String, serde_json::Error> {
    serde_json::to_string(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Plugin {
        #[serde(deserialize_with = "options")]
        options: BTreeMap<String, String>,
    }

    #[test]
    fn a_text_is_shown_as_it_is_and_all_else_in_json() {
        let text = "options = { url = \"http://x\", attempts = 3, ratio = 0.5, on = [\"a\"], headers = { b = \"c\" } }";
        let Plugin { options } = toml::from_str(text).unwrap();
        let shown: Vec<(&str, &str)> = options.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
        let expected =
            [("attempts", "3"), ("headers", "{\"b\":\"c\"}"), ("on", "[\"a\"]"), ("ratio", "0.5"), ("url", "http://x")];
        assert_eq!(shown, expected);
    }
}
