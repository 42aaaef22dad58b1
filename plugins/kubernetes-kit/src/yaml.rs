//! YAML as JSON: what kubeconfigs and the Java autoscaler's ConfigMaps are written in, as what everybody here reads.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle};
use thiserror::Error;

/// Levels of nesting beyond which a text is taken for an attack.
const DEEPEST: usize = 64;

/// Why a text cannot be read as YAML.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum YamlError {
    /// It is none.
    #[error("{0}")]
    Syntax(String),
    /// It has parts that refer to others, which neither kubeconfigs nor the Java autoscaler have.
    #[error("it has an alias (`*name`), which is not read here")]
    Alias,
    /// A key that is more than a text.
    #[error("a key is a list or a map")]
    Key,
    /// Too many levels.
    #[error("it is nested deeper than {DEEPEST} levels")]
    Depth,
}

/// What becomes of a scalar without quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plain {
    /// A number, a boolean or null where it reads like one; the digits stay as they are.
    Typed,
    /// A text, whatever it reads like; null where there is nothing.
    Text,
}

/// The first document of `text` in JSON. Keys are texts, whatever they read like; null where there is no document.
///
/// # Errors
/// When it is no YAML, or has what is not read here.
pub fn to_json(text: &str, plain: Plain) -> Result<String, YamlError> {
    let mut json = Json { text: String::with_capacity(text.len()), levels: Vec::new(), plain };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, _) = event.map_err(|error| YamlError::Syntax(error.to_string()))?;
        match event {
            Event::Scalar(scalar, style, ..) => json.scalar(&scalar, style)?,
            Event::MappingStart(..) => json.open('{', Level::Map { at_key: true, is_first: true })?,
            Event::SequenceStart(..) => json.open('[', Level::List { is_first: true })?,
            Event::MappingEnd => json.close('}'),
            Event::SequenceEnd => json.close(']'),
            Event::Alias(_) => return Err(YamlError::Alias),
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) => {}
        }
    }
    if json.text.is_empty() {
        json.text.push_str("null");
    }
    Ok(json.text)
}

/// JSON that is being written.
struct Json {
    text: String,
    levels: Vec<Level>,
    plain: Plain,
}

enum Level {
    Map { at_key: bool, is_first: bool },
    List { is_first: bool },
}

impl Json {
    /// Writes what comes before a value, and says whether it is a key.
    fn begin(&mut self) -> bool {
        let (comma, is_key) = match self.levels.last_mut() {
            None => (false, false),
            Some(Level::List { is_first }) => (!std::mem::take(is_first), false),
            Some(Level::Map { at_key, is_first }) => {
                let is_key = *at_key;
                *at_key = !is_key;
                (is_key && !std::mem::take(is_first), is_key)
            }
        };
        if comma {
            self.text.push(',');
        }
        is_key
    }

    fn scalar(&mut self, scalar: &str, style: ScalarStyle) -> Result<(), YamlError> {
        let is_key = self.begin();
        let value = match (style, self.plain) {
            (ScalarStyle::Plain, _) if is_key => quoted(scalar),
            (ScalarStyle::Plain, Plain::Typed) => typed(scalar),
            (ScalarStyle::Plain, Plain::Text) if is_null(scalar) => Cow::Borrowed("null"),
            _ => quoted(scalar),
        };
        self.text.push_str(&value);
        if is_key {
            self.text.push(':');
        }
        Ok(())
    }

    fn open(&mut self, bracket: char, level: Level) -> Result<(), YamlError> {
        if self.begin() {
            return Err(YamlError::Key);
        }
        if self.levels.len() >= DEEPEST {
            return Err(YamlError::Depth);
        }
        self.levels.push(level);
        self.text.push(bracket);
        Ok(())
    }

    fn close(&mut self, bracket: char) {
        self.levels.pop();
        self.text.push(bracket);
    }
}

fn is_null(scalar: &str) -> bool {
    matches!(scalar, "" | "~" | "null" | "Null" | "NULL")
}

/// A plain scalar as YAML's core schema means it. What JSON has no number for, such as `.NaN`, stays a text.
fn typed(scalar: &str) -> Cow<'_, str> {
    match scalar {
        _ if is_null(scalar) => Cow::Borrowed("null"),
        "true" | "True" | "TRUE" => Cow::Borrowed("true"),
        "false" | "False" | "FALSE" => Cow::Borrowed("false"),
        _ if serde_json::from_str::<serde_json::Number>(scalar).is_ok() => Cow::Borrowed(scalar),
        _ => quoted(scalar),
    }
}

fn quoted(text: &str) -> Cow<'_, str> {
    Cow::Owned(serde_json::Value::from(text).to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_the_java_autoscaler_writes_is_read() {
        for (yaml, json) in [
            ("--- {}\n", "{}"),
            ("", "null"),
            (
                "---\n0a448493b4782967b150582570326227:\n  2023-11-15T16:00:00Z:\n    currentParallelism: 2\n    metrics:\n      \
                 LAG:\n        current: 5.0\n        average: \"NaN\"\n",
                r#"{"0a448493b4782967b150582570326227":{"2023-11-15T16:00:00Z":{"currentParallelism":2,"metrics":{"LAG":{"current":5.0,"average":"NaN"}}}}}"#,
            ),
            (
                "a: .NaN\nb: -.inf\nc: 1.0E-5\nd: 1700000000.123000000",
                r#"{"a":".NaN","b":"-.inf","c":1.0E-5,"d":1700000000.123000000}"#,
            ),
            ("00000000000000000000000000000e12: 1\n1234: 2", r#"{"00000000000000000000000000000e12":1,"1234":2}"#),
            ("overrides: {}\nremovals: []\n", r#"{"overrides":{},"removals":[]}"#),
            (
                "removals:\n- a\n- \"b\\nc\"\nx: ~\ny:\nz: true",
                r#"{"removals":["a","b\nc"],"x":null,"y":null,"z":true}"#,
            ),
            ("x: 0x10\ny: 010\nz: +1", r#"{"x":"0x10","y":"010","z":"+1"}"#),
        ] {
            assert_eq!(to_json(yaml, Plain::Typed).as_deref(), Ok(json), "{yaml}");
        }
        assert_eq!(
            to_json("a: 1\nb: true\nc:\nd: x", Plain::Text).unwrap(),
            r#"{"a":"1","b":"true","c":null,"d":"x"}"#
        );
    }

    #[test]
    fn what_is_not_read_is_told() {
        assert_eq!(to_json("a: &x 1\nb: *x", Plain::Typed), Err(YamlError::Alias));
        assert_eq!(to_json("[a]: 1", Plain::Typed), Err(YamlError::Key));
        assert_eq!(to_json(&"[".repeat(100), Plain::Typed), Err(YamlError::Depth));
        assert!(matches!(to_json("a: [", Plain::Typed), Err(YamlError::Syntax(_))));
        assert!(matches!(to_json("a: b: c", Plain::Typed), Err(YamlError::Syntax(_))));
    }

    proptest! {
        #[test]
        fn json_stays_what_it_is(keys in proptest::collection::btree_map("\\PC{0,12}", "\\PC{0,12}", 0..8), number in any::<i64>()) {
            let mut value = serde_json::to_value(&keys).unwrap();
            value["a number"] = number.into();
            let json = to_json(&value.to_string(), Plain::Typed).unwrap();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
        }

        #[test]
        fn no_text_takes_it_down(text in "\\PC{0,60}", lines in "([-?:{}\\[\\]&*!|>'\"%@` a\n]){0,60}") {
            let _ = (to_json(&text, Plain::Typed), to_json(&lines, Plain::Text));
        }
    }
}
