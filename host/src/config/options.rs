//! Option tables: Flink's keys and values, whichever way TOML spells them, checked against what there is.

use tidegate_common::configuration::Configuration;
use tidegate_common::options::{FALLBACK_PREFIX, PREFIX, is_known};
use toml::{Table, Value};

use super::error::nearest_option;

/// A table of options as a configuration: nested tables are joined with dots, lists with `;`.
///
/// # Errors
/// The first key that no autoscaler option has, or the first value that no option can have, in words.
pub(crate) fn from_table(table: &Table) -> Result<Configuration, WrongOption> {
    let mut configuration = Configuration::default();
    collect(table, "", &mut configuration)?;
    Ok(configuration)
}

/// An option that cannot be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WrongOption {
    /// The last part of the key as it is written.
    pub(crate) written: String,
    /// What is wrong.
    pub(crate) reason: String,
}

fn collect(table: &Table, prefix: &str, into: &mut Configuration) -> Result<(), WrongOption> {
    for (name, value) in table {
        let key = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        let wrong = |reason| Err(WrongOption { written: name.clone(), reason });
        if let Value::Table(nested) = value {
            collect(nested, &key, into)?;
            continue;
        }
        if let Some(reason) = unknown(&key) {
            return wrong(reason);
        }
        match text(value) {
            Some(text) => into.set(key, text),
            None => return wrong(format!("option `{key}` needs a text, a number, true or false, or a list of these")),
        }
    }
    Ok(())
}

/// Reads `key=value`, as the command line has it.
///
/// # Errors
/// In words, when it has no `=` or the key is not known.
pub fn parse_option(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or_else(|| format!("`{text}` is no option: expected key=value"))?;
    match unknown(key.trim()) {
        Some(reason) => Err(reason),
        None => Ok((key.trim().to_owned(), value.trim().to_owned())),
    }
}

/// Why no option has this key. Keys outside of the autoscaler's own are Flink's business.
fn unknown(key: &str) -> Option<String> {
    let of_autoscaler = key.starts_with(PREFIX) || key.starts_with(FALLBACK_PREFIX);
    (of_autoscaler && !is_known(key)).then(|| {
        let hint = nearest_option(key).map(|near| format!(": did you mean `{near}`?")).unwrap_or_default();
        format!("there is no option `{key}`{hint}")
    })
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(truth) => Some(truth.to_string()),
        Value::Array(items) => {
            let texts: Option<Vec<String>> = items.iter().map(text).collect();
            texts.map(|texts| texts.join(";"))
        }
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_toml_is_the_same_option() {
        for spelling in [
            "\"job.autoscaler.vertex.min-parallelism\" = 2",
            "job.autoscaler.vertex.min-parallelism = \"2\"",
            "[job.autoscaler]\nvertex = { min-parallelism = 2 }",
        ] {
            let table: Table = spelling.parse().unwrap();
            let configuration = from_table(&table).unwrap();
            assert_eq!(configuration.get("job.autoscaler.vertex.min-parallelism"), Some("2"), "{spelling}");
        }
        let table: Table = "\"job.autoscaler.excluded.periods\" = [\"1:00-2:00\", \"3:00-4:00\"]".parse().unwrap();
        let configuration = from_table(&table).unwrap();
        assert_eq!(configuration.get("job.autoscaler.excluded.periods"), Some("1:00-2:00;3:00-4:00"));
    }

    #[test]
    fn a_mistyped_option_is_told_with_the_nearest_one() {
        for (text, expected) in [
            (
                "job.autoscaler.metrics.windw=5m",
                "there is no option `job.autoscaler.metrics.windw`: did you mean `job.autoscaler.metrics.window`?",
            ),
            ("nonsense", "`nonsense` is no option: expected key=value"),
        ] {
            assert_eq!(parse_option(text), Err(expected.to_owned()));
        }
        for known in ["job.autoscaler.metrics.window=5m", "taskmanager.numberOfTaskSlots=2", "a.b = c = d"] {
            assert!(parse_option(known).is_ok(), "{known}");
        }
    }
}
