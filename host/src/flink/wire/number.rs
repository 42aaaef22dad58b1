//! Numbers as Flink writes them: NaN and the infinities are texts.

use std::fmt;

use serde::de::{Deserializer, Error, Visitor};

/// A number that is absent.
pub(super) fn nan() -> f64 {
    f64::NAN
}

/// Reads a number, a text with a number in it, or `null` for NaN.
pub(super) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    deserializer.deserialize_any(Lenient)
}

struct Lenient;

impl Visitor<'_> for Lenient {
    type Value = f64;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, as such or as text")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<f64, E> {
        Ok(number)
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<f64, E> {
        Ok(number as f64)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<f64, E> {
        text.trim().parse().map_err(|_| E::invalid_value(serde::de::Unexpected::Str(text), &self))
    }

    fn visit_unit<E: Error>(self) -> Result<f64, E> {
        Ok(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<f64, serde_json::Error> {
        lenient(&mut serde_json::Deserializer::from_str(json))
    }

    #[test]
    fn a_number_is_read_in_every_form_that_flink_writes() {
        for (json, expected) in [
            ("1.5", 1.5),
            ("-3", -3.0),
            ("3.044676E7", 30_446_760.0),
            ("\"0.03323262839879154\"", 0.033_232_628_398_791_54),
            ("\"Infinity\"", f64::INFINITY),
            ("\"-Infinity\"", f64::NEG_INFINITY),
        ] {
            assert_eq!(read(json).unwrap(), expected, "{json}");
        }
        assert!(read("\"NaN\"").unwrap().is_nan());
        assert!(read("null").unwrap().is_nan());
        assert!(read("\"fast\"").is_err());
        assert!(read("[1]").is_err());
    }
}
