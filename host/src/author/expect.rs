//! What has to come of a plugin's test: lines by trace, in a file that is reviewed like code.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use similar::TextDiff;

use super::AuthorError;

/// Lines that stand around one that differs.
const CONTEXT: usize = 2;

/// What came of each trace, or has to: lines by the trace's path in the plugin's folder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lines(pub BTreeMap<String, Vec<String>>);

impl Lines {
    /// Reads a file; nothing where there is none.
    ///
    /// # Errors
    /// When it cannot be read, or holds something else.
    pub fn read(path: &Path) -> Result<Option<Self>, AuthorError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(AuthorError::Read { path: path.to_owned(), source }),
        };
        let wrong =
            |error: serde_json::Error| AuthorError::Expectations { path: path.to_owned(), reason: error.to_string() };
        serde_json::from_str(&text).map(Some).map_err(wrong)
    }

    /// Writes the file anew.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), AuthorError> {
        let failed = |source| AuthorError::Write { path: path.to_owned(), source };
        let text = serde_json::to_string_pretty(self).map_err(|error| failed(error.into()))?;
        fs::write(path, text + "\n").map_err(failed)
    }

    /// How `found` differs from this, for people: nothing where it does not.
    pub fn difference(&self, found: &Self) -> Option<String> {
        if self == found {
            return None;
        }
        let none = Vec::new();
        let mut text = String::new();
        let traces: std::collections::BTreeSet<&String> = self.0.keys().chain(found.0.keys()).collect();
        for trace in traces {
            let sides = [self, found].map(|lines| lines.0.get(trace).unwrap_or(&none));
            if sides[0] != sides[1] {
                let [expected, found] =
                    sides.map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>());
                let diff = TextDiff::from_lines(&expected, &found);
                let unified = diff
                    .unified_diff()
                    .context_radius(CONTEXT)
                    .header(&format!("{trace}: expected"), "found")
                    .to_string();
                text.push_str(&unified);
            }
        }
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Lines {
        Lines(BTreeMap::from([("t".to_owned(), lines.iter().map(|line| (*line).to_owned()).collect())]))
    }

    #[test]
    fn a_difference_is_shown_with_what_stands_around_it() {
        let expected = lines(&["one", "two", "three", "four"]);
        assert_eq!(expected.difference(&expected), None);
        let shown = expected.difference(&lines(&["one", "two", "3", "four"])).unwrap();
        for part in ["--- t: expected\n+++ found\n", " two\n-three\n+3\n four\n"] {
            assert!(shown.contains(part), "{shown}");
        }
        let shown = expected.difference(&Lines::default()).unwrap();
        assert!(shown.contains("-one\n-two"), "{shown}");
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("expect.json");
        assert_eq!(Lines::read(&path).unwrap(), None);
        lines(&["a \"b\""]).write(&path).unwrap();
        assert_eq!(Lines::read(&path).unwrap(), Some(lines(&["a \"b\""])));
        fs::write(&path, "[]").unwrap();
        assert!(Lines::read(&path).unwrap_err().to_string().contains("expect.json"));
    }
}
