//! Configuration as Flink has it: text by key, looked up by option.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::value::Value;

/// Text by key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configuration {
    entries: BTreeMap<String, String>,
}

/// One option: under which keys its value is found, of which type it is, and what holds without it.
///
/// Options without a default are of type `Option<…>`.
#[derive(Clone, Copy, Debug)]
pub struct ConfigOption<T> {
    key: &'static str,
    fallback_keys: &'static [&'static str],
    deprecated_keys: &'static [&'static str],
    default: T,
}

/// A value that is not of its option's type. Its text is Flink's own.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("Could not parse value '{value}' for key '{key}'.")]
pub struct InvalidValue {
    /// The canonical key, whichever the value was found under.
    pub key: &'static str,
    /// The value as it was found.
    pub value: String,
    /// What it should have been.
    pub expected: &'static str,
}

impl<T> ConfigOption<T> {
    /// An option that is looked up under `key`, then under `fallback_keys`, then under `deprecated_keys`.
    pub const fn new(
        key: &'static str,
        fallback_keys: &'static [&'static str],
        deprecated_keys: &'static [&'static str],
        default: T,
    ) -> Self {
        Self { key, fallback_keys, deprecated_keys, default }
    }

    /// The canonical key.
    pub const fn key(&self) -> &'static str {
        self.key
    }

    /// All keys in the order of lookup.
    pub fn keys(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.key).chain(self.fallback_keys.iter().copied()).chain(self.deprecated_keys.iter().copied())
    }

    /// What holds where nothing is configured.
    pub const fn default(&self) -> &T {
        &self.default
    }
}

impl Configuration {
    /// The value of `option`: that of the first of its keys that is present, else its default.
    ///
    /// # Errors
    /// When the value found is not of the option's type. Later keys are then not looked at.
    pub fn read<T: Value + Clone>(&self, option: &ConfigOption<T>) -> Result<T, InvalidValue> {
        let Some(value) = option.keys().find_map(|key| self.get(key)) else {
            return Ok(option.default.clone());
        };
        T::parse(value).ok_or_else(|| InvalidValue { key: option.key, value: value.to_owned(), expected: T::EXPECTED })
    }

    /// The text under exactly `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    /// Puts `value` under `key`.
    pub fn set(&mut self, key: impl Into<String>, value: impl Into<String>) {
        self.entries.insert(key.into(), value.into());
    }

    /// Every entry, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Every entry whose key starts with `prefix`, ordered by key.
    pub fn with_prefix<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.entries
            .range::<str, _>((std::ops::Bound::Included(prefix), std::ops::Bound::Unbounded))
            .take_while(move |(key, _)| key.starts_with(prefix))
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// This configuration with `over`'s entries in place of its own, key by key.
    #[must_use]
    pub fn overlaid_with(&self, over: &Self) -> Self {
        let mut entries = self.entries.clone();
        entries.extend(over.entries.iter().map(|(key, value)| (key.clone(), value.clone())));
        Self { entries }
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Configuration {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Self {
        Self { entries: entries.into_iter().map(|(key, value)| (key.into(), value.into())).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTION: ConfigOption<i32> = ConfigOption::new("canonical", &["fallback-1", "fallback-2"], &["deprecated"], 7);

    #[test]
    fn an_option_is_looked_up_in_the_order_of_its_keys() {
        let mut configuration = Configuration::default();
        assert_eq!(configuration.read(&OPTION), Ok(7));
        for (value, key) in ["deprecated", "fallback-2", "fallback-1", "canonical"].into_iter().enumerate() {
            configuration.set(key, value.to_string());
            assert_eq!(configuration.read(&OPTION), Ok(value as i32));
        }
    }

    #[test]
    fn an_invalid_value_is_told_in_flinks_words() {
        let configuration = Configuration::from_iter([("fallback-1", "x"), ("deprecated", "1")]);
        let error = configuration.read(&OPTION).unwrap_err();
        assert_eq!(error.to_string(), "Could not parse value 'x' for key 'canonical'.");
        assert_eq!(error.expected, "a whole number of 32 bits");
    }
}
