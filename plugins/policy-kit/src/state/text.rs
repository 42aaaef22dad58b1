//! Reading and writing one state text.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// A text to keep under a key, or to forget.
pub(crate) type Change = (String, Option<String>);

/// What `text` says; none where it cannot be read, as if nothing had been kept.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Keeps `value` under `key`, or forgets it where it is none.
pub(crate) fn write<T: Serialize>(key: &str, value: Option<&T>) -> Result<Change, serde_json::Error> {
    Ok((key.to_owned(), value.map(serde_json::to_string).transpose()?))
}
