//! The binary as its users meet it: what it says when something is wrong, and with which exit code it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use tempfile::TempDir;

fn tidegate(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tidegate")).args(arguments).output().unwrap()
}

/// Runs what must fail, and returns what it says.
fn failure(arguments: &[&str], code: i32) -> String {
    let output = tidegate(arguments);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
    said
}

fn file(folder: &TempDir, name: &str, content: impl AsRef<[u8]>) -> String {
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn assert_says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "expected `{part}` in:\n{said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    assert_says(&failure(&["rum"], 2), &["rum", "run"]);
    assert_says(&failure(&["run", "--clutser", "http://x"], 2), &["--cluster"]);
    let option = ["run", "--cluster", "http://x", "--option", "job.autoscaler.metrics.windw=5m"];
    assert_says(&failure(&option, 2), &["did you mean `job.autoscaler.metrics.window`?"]);
    assert_says(&failure(&["run", "--interval", "soon"], 2), &["`soon` is no duration", "10s"]);
    assert_says(&failure(&["run", "--policy", "oci://x/y"], 2), &["no source of a plugin"]);
}

#[test]
fn a_configuration_that_cannot_be_meant_is_marked() {
    let folder = TempDir::new().unwrap();
    let path = file(&folder, "tidegate.toml", "[control]\nintervall = \"5s\"\n");
    let said = failure(&["run", "--config", &path], 1);
    assert_says(&said, &["tidegate.toml:2:1", "intervall = \"5s\"", "^^^^^^^^^", "did you mean `interval`?"]);
    assert_says(&failure(&["run", "--config", "/nowhere.toml"], 1), &["failed to read `/nowhere.toml`"]);
    assert_says(&failure(&["run"], 1), &["no cluster is configured", "--cluster URL"]);
}

#[test]
fn a_policy_that_is_none_is_told_apart() {
    let folder = TempDir::new().unwrap();
    let core_module = b"\0asm\x01\0\0\0";
    let truncated = &tidegate_bundled::DEFAULT_POLICY[..2000];
    for (name, content, expected) in [
        ("empty.wasm", b"".as_slice(), "the file is empty"),
        ("script.wasm", b"#!/bin/sh\n", "is no WebAssembly component"),
        ("core.wasm", core_module, "wasm32-wasip2"),
        ("truncated.wasm", truncated, "damaged, truncated"),
        ("handler.wasm", tidegate_bundled::LOG_HANDLER, "does not export `tidegate:policy/scaling@0.1`"),
    ] {
        let path = file(&folder, name, content);
        let said = failure(&["check", "--cluster", "http://localhost:1", "--policy", &path], 1);
        assert_says(&said, &["plugin `policy` cannot be loaded", name, expected]);
    }
    let said = failure(&["check", "--cluster", "http://localhost:1", "--policy", "nowhere.wasm"], 1);
    assert_says(&said, &["failed to read", "nowhere.wasm"]);
    let said = failure(&["check", "--cluster", "http://localhost:1", "--policy", "bundled:nothing"], 1);
    assert_says(&said, &["no bundled plugin `nothing`", "default-policy"]);
}

#[test]
fn a_good_configuration_is_checked_without_touching_a_cluster() {
    let folder = TempDir::new().unwrap();
    file(&folder, "mine.wasm", tidegate_bundled::DEFAULT_POLICY);
    let path = file(
        &folder,
        "tidegate.toml",
        "[[cluster]]\nname = \"a\"\nurl = \"http://localhost:1\"\n[plugin.mine]\nrole = \"policy\"\nsource = \
         \"mine.wasm\"\njobs = [\"a/*\"]\n",
    );
    let output = tidegate(&["check", "--config", &path]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "ok: 1 cluster(s), 1 plugin(s) beside the bundled ones\n");
}

#[test]
fn an_address_that_is_not_flinks_ends_the_start() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let page = "<html>It works!</html>";
            let length = page.len();
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {length}\r\n\r\n{page}");
        }
    });
    let said = failure(&["run", "--cluster", &url, "--listen", "127.0.0.1:0"], 1);
    assert_says(&said, &["is not Flink's REST API", "<html>"]);
}

#[test]
fn an_admin_port_that_is_taken_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let said = failure(&["run", "--cluster", "http://localhost:1", "--listen", &taken], 1);
    assert_says(&said, &["cannot listen on", "--listen"]);
}

#[test]
fn an_unreachable_cluster_is_told_once_and_the_daemon_goes_on() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let daemon = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--cluster", "http://127.0.0.1:1", "--interval", "100ms", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let mut daemon = Ended(daemon);
    wait_for(&log, "cluster is unreachable");
    thread::sleep(Duration::from_secs(1));
    assert!(daemon.0.try_wait().unwrap().is_none(), "it gave up:\n{}", fs::read_to_string(&log).unwrap());
    // The shell's own `kill`: a bare machine lacks the program.
    let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", daemon.0.id())]).status().unwrap();
    assert!(asked.success());
    let ended = daemon.0.wait().unwrap();
    let said = fs::read_to_string(&log).unwrap();
    assert!(ended.success(), "{said}");
    assert_eq!(said.matches("cluster is unreachable").count(), 1, "{said}");
    assert_says(&said, &["cannot reach http://127.0.0.1:1", "stopped"]);
}

#[test]
fn another_configuration_is_taken_and_a_wrong_one_leaves_the_old_in_force() {
    let folder = TempDir::new().unwrap();
    let cluster = |name: &str| format!("[[cluster]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:1\"\n");
    let path = file(&folder, "tidegate.toml", cluster("old"));
    let log = folder.path().join("log");
    let daemon = Command::new(env!("CARGO_BIN_EXE_tidegate"))
        .args(["run", "--config", &path, "--listen", "127.0.0.1:0"])
        .stderr(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let daemon = Ended(daemon);
    let hang_up = || {
        let asked = Command::new("sh").args(["-c", &format!("kill -HUP {}", daemon.0.id())]).status().unwrap();
        assert!(asked.success());
    };
    wait_for(&log, "started");
    fs::write(&path, cluster("new") + "[control]\nintervall = \"5s\"\n").unwrap();
    hang_up();
    wait_for(&log, "configuration not reloaded: the one before stays in force");
    let said = fs::read_to_string(&log).unwrap();
    assert_says(&said, &["tidegate.toml:5:1", "did you mean `interval`?", "^^^^^^^^^"]);
    assert!(!said.contains("new"), "{said}");
    // Nobody asks: the file is another.
    let aside = file(&folder, "aside", cluster("new"));
    fs::rename(aside, &path).unwrap();
    wait_for(&log, "configuration reloaded");
    wait_for(&log, "cluster is no longer looked after");
    let said = fs::read_to_string(&log).unwrap();
    assert_says(&said, &["cluster `new` added, cluster `old` removed"]);
}

/// A process that does not outlive its test, however that ends.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until `expected` stands in a file.
fn wait_for(path: &Path, expected: &str) {
    for _ in 0..600 {
        if fs::read_to_string(path).unwrap().contains(expected) {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("`{expected}` never came:\n{}", fs::read_to_string(path).unwrap());
}

fn golden(name: &str) -> String {
    format!("{}/../tests/traces/{name}.jsonl.gz", env!("CARGO_MANIFEST_DIR"))
}

/// The lines of a golden trace.
fn lines(name: &str) -> Vec<String> {
    let file = fs::File::open(golden(name)).unwrap();
    BufReader::new(MultiGzDecoder::new(BufReader::new(file))).lines().map(Result::unwrap).collect()
}

#[test]
fn traces_are_replayed_and_compared_with_what_they_expect() {
    let replayed = tidegate(&["replay", "--check", &golden("validation"), &golden("not-running")]);
    let said = String::from_utf8(replayed.stdout).unwrap();
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    assert_says(&said, &["validation: 12 passes", "not-running: 60 passes", "72 passes compared, no differences"]);
    let told = String::from_utf8(tidegate(&["replay", &golden("not-running")]).stdout).unwrap();
    assert_says(&told, &["  scale: ", " -> ", "  hold: ", "the job is RESTARTING", "1 rescales"]);
}

#[test]
fn a_trace_that_expects_something_else_is_told_pass_vertex_and_field() {
    let folder = TempDir::new().unwrap();
    let mut altered = lines("not-running");
    let mut pass: Value = serde_json::from_str(&altered[15]).unwrap();
    let put = pass["expect"]["put"].as_object_mut().unwrap();
    let (vertex, bounds) = put.iter_mut().next().unwrap();
    let (vertex, found) = (vertex.clone(), bounds["upper"].take());
    bounds["upper"] = 77.into();
    altered[15] = pass.to_string();
    let path = file(&folder, "altered.jsonl", altered.join("\n"));

    let replayed = tidegate(&["replay", "--json", "--check", &path]);
    let said = String::from_utf8(replayed.stderr).unwrap();
    assert_eq!(replayed.status.code(), Some(1), "{said}");
    let place = format!("not-running: pass of 2026-04-20T07:55:22Z (line 16): vertex {vertex}: put: ");
    let values = format!(r#"expected {{"lower":1,"upper":77}}, found {{"lower":1,"upper":{found}}}"#);
    assert_says(&said, &[&format!("{place}{values}"), "1 of 60 passes differ"]);
    assert_eq!(said.lines().count(), 2, "{said}");

    let printed = String::from_utf8(replayed.stdout).unwrap();
    let passes: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(passes.len(), 60);
    let scaled: Vec<&Value> = passes.iter().filter(|pass| pass["scaled"] == true).collect();
    let [scaled] = scaled.as_slice() else { panic!("{scaled:?}") };
    assert_eq!((&scaled["at"], &scaled["stage"]), (&"2026-04-20T07:55:22Z".into(), &"executed".into()));
    assert_eq!(scaled["put"][&vertex]["upper"], found);
    for field in ["recommended", "overrides", "samples"] {
        assert_eq!(scaled[field], pass["expect"][field], "{field}");
    }
}

#[test]
fn what_cannot_be_replayed_is_told_apart() {
    let folder = TempDir::new().unwrap();
    let mut broken = lines("validation");
    broken[4].truncate(1000);
    let path = file(&folder, "broken.jsonl", broken.join("\n"));
    assert_says(&failure(&["replay", &path], 1), &["broken.jsonl:5:1000: not a pass of a trace: "]);
    let whole = fs::read(golden("validation")).unwrap();
    let path = file(&folder, "cut.jsonl.gz", &whole[..whole.len() / 2]);
    assert_says(&failure(&["replay", &path], 1), &["cut.jsonl.gz:", "the file is damaged"]);
    assert_says(&failure(&["replay", "nowhere.jsonl"], 1), &["cannot read `nowhere.jsonl`", "No such file"]);

    let trace = golden("validation");
    let path = file(&folder, "handler.wasm", tidegate_bundled::LOG_HANDLER);
    assert_says(
        &failure(&["replay", "--policy", &path, &trace], 1),
        &["the policy cannot be loaded", "does not export"],
    );
    let option = ["replay", "--option", "job.autoscaler.metrics.windw=5m", &trace];
    assert_says(&failure(&option, 2), &["did you mean `job.autoscaler.metrics.window`?"]);
    let mut silent: Vec<String> = lines("validation");
    for line in silent.iter_mut().skip(1) {
        let mut pass: Value = serde_json::from_str(line).unwrap();
        pass.as_object_mut().unwrap().remove("expect");
        *line = pass.to_string();
    }
    let path = file(&folder, "silent.jsonl", silent.join("\n"));
    assert_says(&failure(&["replay", "--check", &path], 1), &["there is nothing to compare with"]);
}
