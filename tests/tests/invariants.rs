//! The architecture's invariants, as absences: what may not be named where.

#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::{Path, PathBuf};

/// The longest that a source file may be before its tests.
const LONGEST_FILE: usize = 400;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Every Rust file below `folder`, with its text.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                if path.file_name().unwrap() != "target" {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
                files.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!files.is_empty(), "there is nothing in {folder}");
    files.sort();
    files
}

/// The lines that are code: no comments, and nothing from the tests on.
fn code(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .take_while(|line| !line.starts_with("#[cfg(test)]"))
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The places among `files` that name one of `words`.
fn places<'a>(files: impl IntoIterator<Item = &'a (String, String)>, words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (name, text) in files {
        for line in code(text) {
            if words.iter().any(|word| line.contains(word)) {
                found.push(format!("{name}: {}", line.trim()));
            }
        }
    }
    found
}

#[test]
fn only_the_plugin_room_names_wasmtime() {
    let host = sources("host/src");
    let outside = host.iter().filter(|(name, _)| !name.starts_with("host/src/plugin/"));
    assert_eq!(places(outside, &["wasmtime"]), [""; 0]);
    let inside = host.iter().filter(|(name, _)| name.starts_with("host/src/plugin/"));
    assert!(!places(inside, &["wasmtime"]).is_empty(), "this test looks at the wrong files");
}

#[test]
fn only_the_flink_room_names_reqwest() {
    let host = sources("host/src");
    let outside: Vec<_> = host.iter().filter(|(name, _)| !name.starts_with("host/src/flink/")).collect();
    assert_eq!(places(outside.iter().copied(), &["reqwest"]), [""; 0]);
    // Plugins have a way of their own to the network, and so have their registries.
    let ways = ["host/src/plugin/http/", "host/src/plugin/oci/"];
    let neither = outside.into_iter().filter(|(name, _)| !ways.iter().any(|way| name.starts_with(way)));
    assert_eq!(places(neither, &["rustls", "hyper"]), [""; 0]);
}

#[test]
fn what_computes_does_no_io_reads_no_clock_and_is_not_async() {
    const IMPURE: [&str; 10] = [
        "tokio",
        "async ",
        ".await",
        "std::fs",
        "std::net",
        "std::env",
        "std::thread",
        "Instant::now",
        "SystemTime",
        "rand::",
    ];
    for folder in ["host/src/model", "plugins/policy-kit/src", "plugins/kubernetes-kit/src", "plugins/common/src"] {
        assert_eq!(places(&sources(folder), &IMPURE), [""; 0], "{folder}");
    }
    // The half of `collect` that asks the cluster, and the half that computes.
    let asking = ["host/src/collect/collector.rs", "host/src/collect/fetch.rs"];
    let collect = sources("host/src/collect");
    let computing = collect.iter().filter(|(name, _)| !asking.contains(&name.as_str()) && !name.contains("/tests"));
    assert_eq!(places(computing, &IMPURE), [""; 0]);
}

#[test]
fn decisions_know_no_clock_but_the_one_they_are_given() {
    let control = sources("host/src/control");
    assert_eq!(places(&control, &["SystemTime"]), [""; 0]);
}

#[test]
fn the_model_uses_nothing_of_the_host() {
    const OTHERS: [&str; 8] = ["config", "control", "collect", "flink", "plugin", "state", "event::", "admin"];
    let uses: Vec<String> = OTHERS.iter().map(|room| format!("crate::{room}")).collect();
    let uses: Vec<&str> = uses.iter().map(String::as_str).collect();
    assert_eq!(places(&sources("host/src/model"), &uses), [""; 0]);
}

#[test]
fn a_door_holds_no_logic() {
    for (name, text) in sources("host/src").iter().chain(&sources("plugins/policy-kit/src")) {
        if name.ends_with("/mod.rs") && !name.starts_with("host/src/cli/") {
            let logic = code(text).find(|line| line.starts_with("fn ") || line.starts_with("impl"));
            assert_eq!(logic, None, "{name}");
        }
    }
}

#[test]
fn every_file_says_what_it_is_for_and_stays_small() {
    for folder in [
        "host/src",
        "plugins/common/src",
        "plugins/policy-kit/src",
        "plugins/default-policy/src",
        "plugins/file-store/src",
        "plugins/guest-build/src",
        "plugins/kubernetes-api/src",
        "plugins/kubernetes-handler/src",
        "plugins/kubernetes-kit/src",
        "plugins/kubernetes-store/src",
        "plugins/log-handler/src",
        "plugins/sql-handler/src",
        "plugins/sql-kit/src",
        "plugins/sql-store/src",
        "plugins/store-kit/src",
        "plugins/webhook-handler/src",
        "examples/state-store/src",
        "tests",
        "examples/rust",
    ] {
        for (name, text) in sources(folder) {
            assert!(text.starts_with("//! "), "{name} does not open with its purpose");
            let lines = text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")).count();
            assert!(lines <= LONGEST_FILE || name.contains("/tests"), "{name} has {lines} lines before its tests");
        }
    }
}
