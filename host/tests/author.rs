//! A plugin's author at work: from nothing to a plugin that does what is expected of it, by the commands of the tutorial.
//! What is built here is Rust: this project's own toolchain is there.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]
#![expect(clippy::print_stdout, reason = "what was measured is to be seen")]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

const ROLES: [&str; 6] = ["policy", "evaluator", "filter", "aligner", "event-handler", "state-store"];

fn tidegate(folder: &Path, arguments: &[&str]) -> Output {
    let mut it = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    it.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    it.current_dir(folder).args(["plugin"]).args(arguments).output().unwrap()
}

/// What a command answers, which must go well.
fn good(folder: &Path, arguments: &[&str]) -> String {
    let output = tidegate(folder, arguments);
    let (out, said) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}\n{out}\n{said}");
    out
}

fn json(folder: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&good(folder, arguments)).unwrap()
}

/// What a command answers and says that must fail.
fn failure(folder: &Path, arguments: &[&str]) -> String {
    let output = tidegate(folder, arguments);
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}\n{said}");
    said
}

/// A new plugin. What all of them are made of is compiled once.
fn new(folder: &Path, name: &str, arguments: &[&str]) -> PathBuf {
    good(folder, &[&["new", name], arguments].concat());
    let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
    fs::create_dir_all(&shared).unwrap();
    symlink(shared, folder.join(name).join("target")).unwrap();
    folder.join(name)
}

#[test]
#[ignore = "builds plugins with cargo, and compiles them: minutes"]
fn every_rust_template_builds_and_does_what_is_expected_of_it() {
    let folder = tempfile::tempdir().unwrap();
    for role in ROLES {
        let name = format!("a-{role}");
        let plugin = new(folder.path(), &name, &["--role", role, "--lang", "rust"]);
        let built = json(&plugin, &["build", "--json"]);
        assert_eq!(built["file"], format!("./{name}.wasm"));
        let checked = json(&plugin, &["check", "--json"]);
        assert_eq!(
            (&checked["role"], checked["wrong"].as_array().unwrap().len()),
            (&Value::from(role), 0),
            "{checked}"
        );
        let inspected = json(folder.path(), &["inspect", "--json", &format!("{name}/{name}.wasm")]);
        assert_eq!(inspected["roles"][0]["role"], role);
        assert_eq!(inspected["digest"], built["digest"]);
        let tested = json(&plugin, &["test", "--json"]);
        assert_eq!(tested["good"], true);
        let lines: usize = tested["lines"].as_object().unwrap().values().map(|it| it.as_array().unwrap().len()).sum();
        assert!(lines >= 5, "{name} has too little to say: {tested}");
    }
}

#[test]
#[ignore = "builds plugins with cargo, and compiles them: minutes"]
fn a_policy_that_decides_otherwise_is_shown_with_the_lines_that_differ() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = new(folder.path(), "other", &["--role", "policy"]);
    let early = failure(&plugin, &["test"]);
    assert!(early.contains("`./other.wasm` is not built yet: run `tidegate plugin build` first"), "{early}");
    let rule = plugin.join("src/rule.rs");
    let source = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, source.replace("bounds.target).ceil()", "bounds.target).ceil() + 1.0")).unwrap();
    good(&plugin, &["build"]);
    let said = failure(&plugin, &["test"]);
    for part in ["-2026", "+2026", "other does something else than is expected", "--bless"] {
        assert!(said.contains(part), "{part}\n{said}");
    }
    good(&plugin, &["test", "--bless"]);
    assert!(good(&plugin, &["test"]).contains("other: as expected"));

    let manifest = plugin.join("tidegate-plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    fs::write(&manifest, text.replace("\"rule.target-load\" = 0.7", "\"rule.target-load\" = 'much'")).unwrap();
    let said = failure(&plugin, &["check"]);
    assert!(said.contains("`rule.target-load` must be a positive number, not `much`"), "{said}");

    let measured = json(&plugin, &["bench", "--time", "20ms", "--json"]);
    let calls = measured["plugin"]["calls"].as_array().unwrap();
    assert_eq!(calls.len(), measured["bundled"]["calls"].as_array().unwrap().len());
    assert!(calls.iter().all(|it| it["min_us"].as_f64().unwrap() > 0.0), "{measured}");
}

#[test]
#[ignore = "builds plugins with cargo, and compiles them: minutes"]
fn a_store_without_its_manifest_is_tried_and_one_that_traps_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = new(folder.path(), "store", &["--role", "state-store"]);
    let bare = folder.path().join("bare.wasm");
    let build = || {
        good(&plugin, &["build"]);
        fs::copy(plugin.join("store.wasm"), &bare).unwrap();
    };
    build();
    let checked = json(folder.path(), &["check", "--json", "bare.wasm"]);
    assert_eq!(checked["asked"][0]["said"], "kept, told and forgotten", "{checked}");
    let code = plugin.join("src/lib.rs");
    let source = fs::read_to_string(&code).unwrap();
    let broken =
        source.replace("Ok(Store::new(JobStore {", "assert!(job.job.is_empty());\n        Ok(Store::new(JobStore {");
    assert_ne!(source, broken);
    fs::write(&code, broken).unwrap();
    build();
    let said = failure(folder.path(), &["check", "bare.wasm"]);
    assert!(said.contains("about a job's state: the state store does not keep to its contract"), "{said}");
}

#[test]
fn compiled_code_is_kept_and_a_place_where_that_cannot_be_costs_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("log.wasm"), tidegate_bundled::LOG_HANDLER).unwrap();
    let check = |cache: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.current_dir(folder.path()).args(["plugin", "check", "--json", "log.wasm"]).env("XDG_CACHE_HOME", cache);
        let output = command.output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        (serde_json::from_slice::<Value>(&output.stdout).unwrap()["at_hand"].as_bool(), said)
    };
    let cache = folder.path().join("cache");
    assert_eq!([check(&cache), check(&cache)], [(Some(false), String::new()), (Some(true), String::new())]);
    let said = check(&folder.path().join("log.wasm"));
    let expected = "warning: compiled plugins are not kept, every command compiles them: failed to use `";
    assert!(said.0 == Some(false) && said.1.starts_with(expected) && said.1.lines().count() == 1, "{said:?}");
}

#[test]
fn what_cannot_be_meant_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path();
    assert!(failure(here, &["build"]).contains("there is no `tidegate-plugin.toml` in `.`"));
    assert!(failure(here, &["new", "My Policy", "--role", "policy"]).contains("lower-case letters, digits and dashes"));
    fs::write(here.join("x.wasm"), "#!/bin/sh").unwrap();
    assert!(
        failure(here, &["inspect", "x.wasm"])
            .contains("`x.wasm` is no WebAssembly component: it does not start as one")
    );
    let manifest = "name = 'x'\nrole = 'policy'\nlang = 'c'\n[build]\nsteps = [{ run = ['no-such-tool'], hint = 'see x.org' }]\n\
                    artifact = 'x.wasm'\noutput = 'x.wasm'\n";
    fs::write(here.join("tidegate-plugin.toml"), manifest).unwrap();
    assert!(failure(here, &["build"]).contains("`no-such-tool` is not installed: see x.org"));
    let usage = tidegate(here, &["new", "x", "--role", "polciy"]);
    assert_eq!(usage.status.code(), Some(2));
}

/// The demo of one's own policy, until it is dropped.
struct Demo {
    process: Child,
    lines: Receiver<String>,
}

impl Demo {
    fn of(policy: &Path) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command.args(["demo", "--plain", "--seconds", "600", "--policy"]).arg(policy).stdout(Stdio::piped());
        let mut process = command.env("XDG_STATE_HOME", env!("CARGO_TARGET_TMPDIR")).spawn().unwrap();
        let output = BufReader::new(process.stdout.take().unwrap());
        let (told, lines) = mpsc::channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        Self { process, lines }
    }

    /// Waits until this version decides.
    fn is_decided_by(&self, digest: &str) {
        let until = Instant::now() + Duration::from_secs(120);
        let expected = format!("version {} decides", &digest[..12]);
        loop {
            let line = self.lines.recv_timeout(until - Instant::now()).expect("a demo that goes on");
            assert!(!line.contains("is refused"), "{line}");
            if line.ends_with(&expected) {
                return;
            }
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "builds plugins with cargo, and compiles them: minutes"]
fn a_change_is_seen_in_a_demo_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = new(folder.path(), "seen", &["--role", "policy", "--lang", "rust"]);
    let digest = |built: &Value| built["digest"].as_str().unwrap().to_owned();
    let first = digest(&json(&plugin, &["build", "--json"]));
    let demo = Demo::of(&plugin.join("seen.wasm"));
    demo.is_decided_by(&first);
    let rule = plugin.join("src/rule.rs");
    let source = fs::read_to_string(&rule).unwrap();
    fs::write(&rule, source.replace("bounds.target).ceil()", "bounds.target).ceil() + 1.0")).unwrap();
    let built = json(&plugin, &["build", "--json"]);
    let began = Instant::now();
    let second = digest(&built);
    assert_ne!(first, second);
    demo.is_decided_by(&second);
    let (building, seen) = (built["seconds"].as_f64().unwrap(), began.elapsed().as_secs_f64());
    println!("author: a changed policy was built in {building:.1} s and decided {seen:.1} s later");
}

/// The commands of the tutorial, but for those that need a cluster, or do not end by themselves.
#[test]
#[ignore = "builds plugins with cargo, and compiles them: minutes"]
fn the_tutorial_can_be_followed_to_the_letter() {
    let folder = tempfile::tempdir().unwrap();
    let mut here = folder.path().to_owned();
    let text = include_str!("../../docs/write-a-plugin.md");
    let mut followed = 0;
    for line in text.lines().filter_map(|line| line.strip_prefix("    ")) {
        if let Some(into) = line.strip_prefix("cd ") {
            here = here.join(into);
        }
        let Some(command) = line.strip_prefix("tidegate plugin ") else { continue };
        // What is measured is another test's.
        if ["--watch", "--trace", "bench"].iter().any(|other| command.contains(other)) {
            continue;
        }
        let arguments: Vec<&str> = command.split_whitespace().collect();
        if arguments[0] == "new" {
            new(&here, arguments[1], &arguments[2..]);
        } else {
            good(&here, &arguments);
        }
        followed += 1;
    }
    assert_eq!(followed, 10, "the tutorial has other commands now: does this test still follow them?");
}
