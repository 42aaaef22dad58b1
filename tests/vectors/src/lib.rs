//! What Apache's Java autoscaler computes, as cases for the tests of all rooms.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test without its cases has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// The cases of a file (its name without `.json`) that apply here, each with its place in the file, from 0.
///
/// # Panics
/// When there is no such file, or it does not hold as many cases as it says.
pub fn cases(file: &str) -> impl Iterator<Item = Value> {
    let skipped = skipped(file);
    all_cases(file).into_iter().enumerate().filter(move |(place, _)| !skipped.contains(place)).map(|(_, case)| case)
}

/// A number of a case: NaN where it is missing, and JSON's missing ones by their names.
///
/// # Panics
/// When it is something else.
pub fn number(value: &Value) -> f64 {
    match value {
        Value::Null => f64::NAN,
        Value::String(text) => text.parse().unwrap_or_else(|_| panic!("{text} is no number")),
        _ => value.as_f64().unwrap_or_else(|| panic!("{value} is no number")),
    }
}

fn all_cases(file: &str) -> Vec<Value> {
    let path = folder().join("data").join(format!("{file}.json"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let (cases, count) = match serde_json::from_str(&text).unwrap() {
        Value::Array(cases) => (cases, None),
        mut whole => match whole.get_mut("cases").map(Value::take) {
            Some(Value::Array(cases)) => (cases, whole.get("count").and_then(Value::as_u64)),
            _ => panic!("{} has no cases", path.display()),
        },
    };
    assert!(!cases.is_empty(), "{} is empty", path.display());
    assert_eq!(count.unwrap_or(cases.len() as u64), cases.len() as u64, "cases of {}", path.display());
    cases
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The rows of the table of cases that do not apply: file, place in it, reason.
fn table() -> Vec<(String, usize, String)> {
    let text = fs::read_to_string(folder().join("does-not-apply.tsv")).unwrap();
    let row = |line: &str| match line.split('\t').collect::<Vec<_>>().as_slice() {
        [file, place, reason] => ((*file).to_owned(), place.parse().unwrap(), (*reason).to_owned()),
        _ => panic!("`{line}` is no row of the table"),
    };
    text.lines().skip(1).map(row).collect()
}

fn skipped(file: &str) -> BTreeSet<usize> {
    table().into_iter().filter(|(of, ..)| of == file).map(|(_, place, _)| place).collect()
}

#[cfg(test)]
mod tests {
    use std::io::{Write, stdout};
    use std::path::Path;

    use super::*;

    /// All sources of the project that hold tests.
    fn sources() -> Vec<String> {
        fn collect(folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let is_ours = !path.ends_with("target") && !path.ends_with("tests/vectors");
                if path.is_dir() && is_ours {
                    collect(&path, found);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    found.push(fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = Vec::new();
        for room in ["host", "plugins", "tests"] {
            collect(&folder().join("../..").join(room), &mut found);
        }
        found
    }

    #[test]
    fn every_file_is_run_by_a_test() {
        let sources = sources();
        let (mut files, mut passed) = (0, 0);
        for entry in fs::read_dir(folder().join("data")).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let name = format!("\"{file}\"");
            assert!(sources.iter().any(|source| source.contains(&name)), "no test runs {file}");
            files += 1;
            passed += cases(&file).count();
        }
        let left_out = table().len();
        // Written past the capture of the test runner: whoever runs the tests shall see it.
        writeln!(stdout(), "vectors: {passed} cases in {files} files, {left_out} more that do not apply").unwrap();
        assert!(files >= 60 && passed >= 4800, "{passed} cases in {files} files");
    }

    #[test]
    fn what_does_not_apply_is_there_and_has_a_reason() {
        let table = table();
        for (file, place, reason) in &table {
            assert!(all_cases(file).len() > *place, "{file} has no case {place}");
            assert!(reason.len() > 20, "{file} {place}: {reason}");
        }
        let places: BTreeSet<_> = table.iter().map(|(file, place, _)| (file, place)).collect();
        assert_eq!(places.len(), table.len(), "a case is named twice");
    }
}
