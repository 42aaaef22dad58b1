//! `events = {…}` of an event handler: which it is told of.

use serde::{Deserialize, Deserializer, de};

use crate::model::EventKind;

/// The `events` of an event handler. Without, it is told of all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub struct EventsConfig {
    /// Words such as `ScalingReport`, with `*` for any text. Empty: all.
    pub reasons: Vec<String>,
    /// `normal`, `warning`; absent: both.
    #[serde(deserialize_with = "kind")]
    pub kind: Option<EventKind>,
}

fn kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EventKind>, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "normal" => Ok(Some(EventKind::Normal)),
        "warning" => Ok(Some(EventKind::Warning)),
        other => Err(de::Error::unknown_variant(other, &["normal", "warning"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_and_a_kind_can_be_chosen() {
        let parse = |text| toml::from_str::<EventsConfig>(text);
        let chosen = EventsConfig { reasons: vec!["Scaling*".to_owned()], kind: Some(EventKind::Warning) };
        assert_eq!(parse("reasons = ['Scaling*']\nkind = 'warning'").unwrap(), chosen);
        assert_eq!(parse("").unwrap(), EventsConfig::default());
        assert!(parse("kind = 'Warning'").unwrap_err().message().contains("unknown variant `Warning`"));
        assert!(parse("reason = 'x'").is_err());
    }
}
