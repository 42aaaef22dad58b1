//! The texts of a ConfigMap, as the Java autoscaler keeps them there.

use std::io::{Read, Write};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use thiserror::Error;

use crate::yaml::{Plain, to_json};

/// Samples: what is given up first where there is no room.
pub const SAMPLES: &str = "collectedMetrics";

/// What is kept in gzip and base64, and counts towards [`MOST`](crate::room::MOST).
pub const COMPRESSED: [&str; 3] = ["scalingHistory", "scalingTracking", SAMPLES];

/// What is kept as YAML without more.
const PLAIN: [&str; 2] = ["configOverrides", "delayedScaleDown"];

/// Bytes of an unpacked text beyond which it is taken for an attack.
const LONGEST: u64 = 32 << 20;

/// A text that cannot be what was kept.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DamagedText {
    /// It was packed, and does not unpack.
    #[error("it does not unpack: {0}")]
    Gzip(String),
    /// It unpacks to more than anybody keeps.
    #[error("it unpacks to more than {LONGEST} bytes")]
    TooLong,
    /// It is no YAML.
    #[error("it is no YAML: {0}")]
    Yaml(String),
}

/// `text`, which is kept under `key`, as a ConfigMap has it. JSON is YAML: the Java autoscaler reads it as such.
pub fn encode(key: &str, text: &str) -> String {
    if !COMPRESSED.contains(&key) {
        return text.to_owned();
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    // Into memory, which takes everything.
    let written = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
    written.map_or_else(|_| text.to_owned(), |packed| BASE64_STANDARD.encode(packed))
}

/// The text that a ConfigMap has under `key`, in JSON where it was in YAML.
///
/// # Errors
/// When it is damaged.
pub fn decode(key: &str, stored: &str) -> Result<String, DamagedText> {
    if COMPRESSED.contains(&key) {
        return match unpacked(stored)? {
            Some(text) => in_json(text),
            // As older versions of the Java autoscaler kept it.
            None => in_json(stored.to_owned()),
        };
    }
    if PLAIN.contains(&key) { in_json(stored.to_owned()) } else { Ok(stored.to_owned()) }
}

/// What was packed; none where it was not.
fn unpacked(stored: &str) -> Result<Option<String>, DamagedText> {
    let Ok(packed) = BASE64_STANDARD.decode(stored.trim()) else { return Ok(None) };
    if !packed.starts_with(&[0x1f, 0x8b]) {
        return Ok(None);
    }
    let mut text = String::new();
    let read = GzDecoder::new(packed.as_slice()).take(LONGEST + 1).read_to_string(&mut text);
    match read {
        Err(error) => Err(DamagedText::Gzip(error.to_string())),
        Ok(length) if length as u64 > LONGEST => Err(DamagedText::TooLong),
        Ok(_) => Ok(Some(text)),
    }
}

/// A map in YAML as JSON; what is JSON, or no map at all, as it is.
fn in_json(text: String) -> Result<String, DamagedText> {
    if text.trim_start().starts_with('{') {
        return Ok(text);
    }
    match to_json(&text, Plain::Typed) {
        Ok(json) if json.starts_with('{') => Ok(json),
        Err(error) if text.starts_with("---") => Err(DamagedText::Yaml(error.to_string())),
        _ => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packed(text: &str) -> String {
        encode(SAMPLES, text)
    }

    #[test]
    fn what_the_java_autoscaler_keeps_is_read() {
        let yaml = "---\nabc:\n  \"2023-11-15T16:00:00Z\":\n    currentParallelism: 2\n";
        let json = r#"{"abc":{"2023-11-15T16:00:00Z":{"currentParallelism":2}}}"#;
        for (key, stored, read) in [
            ("scalingHistory", packed(yaml), json),
            ("scalingHistory", yaml.to_owned(), json),
            ("scalingTracking", packed("--- {}\n"), "{}"),
            ("delayedScaleDown", "---\ndelayedVertices: {}\n".to_owned(), r#"{"delayedVertices":{}}"#),
            (
                "configOverrides",
                "removals: []\noverrides: {a: b}".to_owned(),
                r#"{"removals":[],"overrides":{"a":"b"}}"#,
            ),
            ("parallelismOverrides", "a:1,b:2".to_owned(), "a:1,b:2"),
            ("mine", packed("x"), &packed("x")),
        ] {
            assert_eq!(decode(key, &stored).as_deref(), Ok(read), "{key}: {stored}");
        }
        // Packed by Java: another header, the same content.
        let by_java = "H4sIAAAAAAAA/9PV1VWoruUCAFW8tzMHAAAA";
        assert_eq!(decode("scalingTracking", by_java).as_deref(), Ok("{}"));
    }

    #[test]
    fn what_is_damaged_is_told() {
        let mut cut = packed("---\na: 1\n");
        cut.truncate(24);
        assert!(matches!(decode(SAMPLES, &cut), Err(DamagedText::Gzip(_))), "{:?}", decode(SAMPLES, &cut));
        assert!(matches!(decode(SAMPLES, &packed("---\na: [")), Err(DamagedText::Yaml(_))));
        let bomb = packed(&" ".repeat((LONGEST + 1) as usize));
        assert!(bomb.len() < 100_000);
        assert_eq!(decode(SAMPLES, &bomb), Err(DamagedText::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_kept_comes_back(text in "\\PC{0,80}", json in proptest::collection::btree_map("\\PC{0,9}", any::<i32>(), 0..5)) {
            let json = serde_json::to_string(&json).unwrap();
            for key in ["scalingHistory", SAMPLES, "delayedScaleDown", "parallelismOverrides"] {
                prop_assert_eq!(decode(key, &encode(key, &json)).unwrap(), json.clone());
            }
            prop_assert_eq!(decode("parallelismOverrides", &encode("parallelismOverrides", &text)).unwrap(), text);
        }
    }
}
