//! The binary as its users meet it: what it says when something is wrong, and with which exit code it ends.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use flate2::bufread::MultiGzDecoder;
use serde_json::Value;
use tempfile::TempDir;

fn tidegate(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// The command, its files not in the home of whoever runs the tests, and another place of them for each test: only one
/// daemon keeps its state in one.
fn command() -> Command {
    let mut it = Command::new(env!("CARGO_BIN_EXE_tidegate"));
    let test = thread::current().name().unwrap_or("main").to_owned();
    it.env("XDG_STATE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join(test)).env_remove("STATE_DIRECTORY");
    it.env("XDG_CACHE_HOME", env!("CARGO_TARGET_TMPDIR"));
    it
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
    assert_says(&failure(&["run", "--policy", "https://x/y"], 2), &["no source of a plugin"]);
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
    assert_says(&said, &["no policy `nothing` is bundled", "default-policy"]);
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
    let daemon = command()
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
fn a_host_that_was_killed_while_it_compiled_starts_again() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let start = || {
        let started = command()
            .env("XDG_STATE_HOME", folder.path())
            .args(["run", "--cluster", "http://127.0.0.1:1", "--listen", "127.0.0.1:0"])
            .stderr(Stdio::from(fs::File::create(&log).unwrap()))
            .spawn();
        Ended(started.unwrap())
    };
    // Before, within and at the end of what takes seconds here; `Ended` kills without notice.
    for milliseconds in [50, 1000, 4000] {
        let killed = start();
        thread::sleep(Duration::from_millis(milliseconds));
        drop(killed);
    }
    let again = start();
    wait_for(&log, "started");
    drop(again);
    assert!(folder.path().join("tidegate/compiled/files.json").exists());
}

#[test]
fn another_configuration_is_taken_and_a_wrong_one_leaves_the_old_in_force() {
    let folder = TempDir::new().unwrap();
    let cluster = |name: &str| format!("[[cluster]]\nname = \"{name}\"\nurl = \"http://127.0.0.1:1\"\n");
    let path = file(&folder, "tidegate.toml", cluster("old"));
    let log = folder.path().join("log");
    let daemon = command()
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

#[test]
fn a_job_is_explained_by_the_daemon_that_looks_after_it() {
    let folder = TempDir::new().unwrap();
    let (log, simulated) = (folder.path().join("log"), folder.path().join("simulated"));
    let start = |arguments: &[&str], log: &Path| {
        let output = fs::File::create(log).unwrap();
        let command = command().args(arguments).stderr(output).spawn();
        Ended(command.unwrap())
    };
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (flink, admin) = (free(), free());
    let _flink = start(&["serve-simulated", "--listen", &flink, "--jobs", "2", "--vertices", "3"], &simulated);
    let cluster = format!("sim=http://{flink}");
    let _daemon = start(&["run", "--cluster", &cluster, "--listen", &admin, "--interval", "200ms"], &log);
    wait_for(&log, "cluster is reachable");

    let explain = |arguments: &[&str]| tidegate(&[&["explain", "--daemon", &admin], arguments].concat());
    let mut listed = String::new();
    for _ in 0..100 {
        listed = String::from_utf8(explain(&[]).stdout).unwrap();
        if listed.lines().count() == 3 {
            break;
        }
        thread::sleep(Duration::from_millis(100));
    }
    assert_says(&listed, &["JOB", "CLUSTER", "LAST PASS", "RUNNING", "default-policy"]);
    let job = listed.lines().nth(1).unwrap().split_whitespace().next().unwrap();
    let told = String::from_utf8(explain(&[job]).stdout).unwrap();
    assert_says(&told, &[job, "VERTEX", "Source: ", "decision: hold: ", "targets: there are none"]);
    let told: Value = serde_json::from_slice(&explain(&["--json", job]).stdout).unwrap();
    assert_eq!((&told["name"], told["vertices"].as_array().map(Vec::len)), (&job.into(), Some(3)));

    let said = failure(&["explain", "--daemon", &admin, "payments"], 1);
    assert_says(&said, &["there is no job `payments`; looked after: ", job]);
    assert_says(&failure(&["explain", "--daemon", &free()], 1), &["cannot reach a daemon at http://127.0.0.1:"]);
    assert_says(&failure(&["explain", "--daemon", &flink], 1), &["is no tidegate of this version"]);
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
    assert_says(
        &said,
        &[
            "validation: 12 passes",
            "not-running: 60 passes",
            "72 passes compared with what the traces expect, no differences",
        ],
    );
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
    assert_says(&failure(&["replay", "--check", &path], 1), &["cut.jsonl.gz:", "the rest is left out", "are cut off"]);
    let path = file(&folder, "stub.jsonl.gz", &whole[..40]);
    assert_says(&failure(&["replay", &path], 1), &["stub.jsonl.gz:1", "the file is damaged"]);
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

/// Where something can listen.
#[test]
fn what_cannot_take_part_in_a_replay_is_told_apart() {
    let folder = TempDir::new().unwrap();
    let trace = golden("validation");
    assert_says(&failure(&["replay", "--plugin", "x.wasm", &trace], 2), &["`x.wasm` is no plugin: expected NAME=FILE"]);
    let component = |role: &str, name: &str| file(&folder, name, tidegate_bundled::find(role, name).unwrap());
    let (policy, webhook) = (component("policy", "default-policy"), component("event-handler", "webhook"));
    for (plugins, expected) in [
        (vec![format!("p={policy}")], "`p` is a policy: give it with --policy or --against"),
        (
            vec![format!("h={webhook}")],
            "`h` is an event-handler: evaluators, aligners and filters take part in a replay",
        ),
        (vec![format!("a={trace}")], "is no WebAssembly component"),
        (vec!["gone=nowhere.wasm".to_owned()], "`gone` cannot be loaded"),
    ] {
        let plugins: Vec<&str> = plugins.iter().flat_map(|plugin| ["--plugin", plugin.as_str()]).collect();
        assert_says(&failure(&[&["replay", trace.as_str()], &plugins[..]].concat(), 1), &[expected]);
    }
}

fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// A simulated cluster with jobs `uniform-0001` and so on.
fn simulated(jobs: &str) -> (Ended, String) {
    let address = free_address();
    let serving =
        command().args(["serve-simulated", "--listen", &address, "--jobs", jobs, "--vertices", "3"]).spawn().unwrap();
    let serving = Ended(serving);
    wait_until_open(&address);
    (serving, format!("http://{address}"))
}

fn wait_until_open(address: &str) {
    for _ in 0..600 {
        if TcpStream::connect(address).is_ok() {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("nobody listens on {address}");
}

#[test]
fn a_live_job_is_recorded_and_replayed() {
    let (_cluster, url) = simulated("2");
    let folder = TempDir::new().unwrap();
    let out = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let path = out("itself.jsonl.gz");
    let options =
        ["--option", "job.autoscaler.metrics.window=1s", "--option", "job.autoscaler.stabilization.interval=0s"];
    let mut arguments =
        vec!["record", "--cluster", &url, "--job", "uniform-0002", "--out", &path, "--interval", "100ms"];
    arguments.extend(options);
    arguments.extend(["--passes", "8", "--stop-after", "20"]);
    let recorded = tidegate(&arguments);
    let said = String::from_utf8(recorded.stderr).unwrap();
    assert!(recorded.status.success(), "{said}");
    assert_says(&said, &["recording uniform-0002 (", "20 passes in 3 file(s)"]);
    for (name, passes) in [("itself", "8"), ("itself.2", "8"), ("itself.3", "4")] {
        let replayed = tidegate(&["replay", "--check", &out(&format!("{name}.jsonl.gz"))]);
        let (said, wrong) = (String::from_utf8(replayed.stdout).unwrap(), String::from_utf8(replayed.stderr).unwrap());
        assert!(replayed.status.success(), "{said}{wrong}");
        let compared =
            format!("{passes} passes compared with what was decided when they were recorded, no differences");
        assert_says(&said, &[&compared]);
    }
    assert_says(&failure(&arguments, 1), &["itself.jsonl.gz` is there already: name another file"]);

    let (log, address) = (folder.path().join("log"), free_address());
    let daemon = command()
        .args(["run", "--cluster", &url, "--interval", "100ms", "--listen", &address])
        .args(options)
        .stderr(Stdio::from(fs::File::create(&log).unwrap()))
        .spawn()
        .unwrap();
    let daemon = Ended(daemon);
    wait_for(&log, "cluster is reachable");
    thread::sleep(Duration::from_secs(1));
    let (daemon_url, path) = (format!("http://{address}"), out("daemon.jsonl"));
    let recorded =
        tidegate(&["record", "--daemon", &daemon_url, "--job", "uniform-0001", "--out", &path, "--stop-after", "10"]);
    assert!(recorded.status.success(), "{}", String::from_utf8_lossy(&recorded.stderr));
    let replayed = tidegate(&["replay", "--check", &path]);
    assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("collectedMetrics") && !text.contains("uniform-0002"), "{text}");
    let said = failure(&["record", "--daemon", &daemon_url, "--job", "nobody", "--out", &out("none")], 1);
    assert_says(&said, &["the daemon refuses: there is no job `nobody`; looked after: ", "/uniform-0001"]);

    // A daemon that stops ends the recording, and does not wait for it.
    let path = out("stopped.jsonl.gz");
    let recording = command()
        .args(["record", "--daemon", &daemon_url, "--job", "uniform-0001", "--out", &path])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for(&log, "job is recorded");
    thread::sleep(Duration::from_secs(1));
    let asked = Command::new("sh").args(["-c", &format!("kill -TERM {}", daemon.0.id())]).status().unwrap();
    assert!(asked.success());
    let ended = recording.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    assert_says(&said, &["the job is gone, or the daemon stops: "]);
    wait_for(&log, "stopped");
    assert!(!fs::read_to_string(&log).unwrap().contains("an admin connection stayed open"));
    assert!(tidegate(&["replay", "--check", &path]).status.success());
}

#[test]
fn a_recording_that_is_killed_can_be_read() {
    let (_cluster, url) = simulated("1");
    let folder = TempDir::new().unwrap();
    for (signal, name) in [("KILL", "killed.jsonl.gz"), ("TERM", "ended.jsonl.gz")] {
        let path = folder.path().join(name);
        let recording = command()
            .args(["record", "--cluster", &url, "--job", "uniform-0001", "--interval", "100ms", "--out"])
            .arg(&path)
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut recording = Ended(recording);
        for _ in 0..600 {
            if fs::metadata(&path).is_ok_and(|found| found.len() > 4000) {
                break;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let asked = Command::new("sh").args(["-c", &format!("kill -{signal} {}", recording.0.id())]).status().unwrap();
        assert!(asked.success());
        let ended = recording.0.wait().unwrap();
        assert_eq!(ended.success(), signal == "TERM");
        let replayed = tidegate(&["replay", "--check", path.to_str().unwrap()]);
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
    }
}

#[test]
fn what_cannot_be_recorded_is_told() {
    let (_cluster, url) = simulated("2");
    let folder = TempDir::new().unwrap();
    let out = folder.path().join("t.jsonl.gz").to_str().unwrap().to_owned();
    let record =
        |cluster: &str, job: &str, out: &str| failure(&["record", "--cluster", cluster, "--job", job, "--out", out], 1);
    assert_says(&record(&url, "nobody", &out), &["runs no job `nobody`; it runs: uniform-0001, uniform-0002"]);
    assert_says(&record("http://127.0.0.1:1", "x", &out), &["cannot reach http://127.0.0.1:1"]);
    assert_says(
        &record(&url, "uniform-0001", "/nowhere/t.jsonl"),
        &["cannot write to `/nowhere/t.jsonl`", "No such file"],
    );
    assert_says(
        &record(&url, "uniform-0001", "/dev/full"),
        &["cannot write to `/dev/full` any further", "No space left"],
    );
    assert_says(&failure(&["record", "--job", "x", "--out", &out], 1), &["no cluster is configured"]);
    assert_says(
        &failure(&["record", "--daemon", "http://127.0.0.1:1", "--job", "x", "--out", &out], 1),
        &["cannot reach a daemon at http://127.0.0.1:1"],
    );
    assert_says(
        &failure(&["record", "--daemon", &url, "--job", "x", "--out", &out], 1),
        &["is no tidegate that can record: it answers with status 404"],
    );
    assert_says(&failure(&["record", "--cluster", &url, "--out", &out], 2), &["--job"]);
    assert_says(
        &failure(&["record", "--cluster", &url, "--job", "x", "--out", &out, "--rotate", "big"], 2),
        &["100mb"],
    );
    assert!(!Path::new(&out).exists(), "nothing is left behind");
}

#[test]
fn two_policies_are_shown_side_by_side() {
    let trace = golden("not-running");
    let same = tidegate(&["replay", &trace, "--against", "bundled:default-policy", "--check"]);
    let said = String::from_utf8(same.stdout).unwrap();
    assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stderr));
    assert_says(
        &said,
        &["not-running: 60 passes, decided differently in 0", "rescales  vertex-hours  passes outside bounds"],
    );
    let json = tidegate(&["replay", &trace, "--json", "--against", "bundled:default-policy"]);
    let printed = String::from_utf8(json.stdout).unwrap();
    let lines: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let Some((sums, passes)) = lines.split_last() else { panic!("nothing") };
    assert_eq!(passes.len(), 60);
    assert!(passes.iter().all(|pass| pass["policy"] == pass["against"] && pass["differences"] == Value::Array(vec![])));
    assert_eq!(sums["totals"]["policy"], sums["totals"]["against"]);
    assert_eq!(sums["totals"]["policy"]["rescales"], 1);
    assert!(sums["totals"]["policy"]["vertex_hours"].as_f64().unwrap() > 0.0);
}

#[test]
fn a_policy_is_tried_on_a_simulated_job() {
    let listed = String::from_utf8(tidegate(&["simulate", "--list"]).stdout).unwrap();
    assert_says(&listed, &["conttune-q1", "debs24-cosine"]);
    let printed = String::from_utf8(tidegate(&["simulate", "--print", "debs24-convergence"]).stdout).unwrap();
    let folder = TempDir::new().unwrap();
    let short = printed.replacen("lasts = \"90min\"", "lasts = \"20min\"", 1);
    let path = file(&folder, "short.toml", &short);
    let (svg, html) = (folder.path().join("short.svg"), folder.path().join("both.html"));
    let chart = |path: &Path| path.to_str().unwrap().to_owned();

    let done = tidegate(&["simulate", &path, "--against", "ds2", "--chart", &chart(&svg)]);
    let said = String::from_utf8(done.stdout).unwrap();
    assert_says(&said, &["short: DEBS'24 convergence", "PER CHANGE", "bundled:default-policy", "ds2"]);
    assert!(fs::read_to_string(&svg).unwrap().starts_with("<svg "), "a picture");

    let done =
        tidegate(&["simulate", &path, &path, "--policy", "ds2", "--json", "--seed", "5", "--chart", &chart(&html)]);
    let lines = String::from_utf8(done.stdout).unwrap();
    let reports: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((reports.len(), &reports[0]), (2, &reports[1]));
    assert_eq!((&reports[0]["seed"], &reports[0]["sides"][0]["policy"]), (&Value::from(5), &Value::from("ds2")));
    assert!(reports[0]["sides"][0]["run"]["rescales"].as_u64().unwrap() >= 1, "{}", reports[0]);
    assert_eq!(fs::read_to_string(&html).unwrap().matches("<svg").count(), 2);

    let wrong = file(&folder, "wrong.toml", short.replacen("lasts", "last", 1));
    for (arguments, says) in [
        (vec!["simulate", &wrong], vec!["wrong.toml:11:1", "did you mean `lasts`?", "^^^^"]),
        (vec!["simulate", "nowhere"], vec!["no file `nowhere`", "conttune-q1"]),
        (vec!["simulate", &path, "--chart", "x.png"], vec!["must end in .svg or .html"]),
        (vec!["simulate", &path, &path, "--chart", "x.svg"], vec!["name an .html file"]),
        (vec!["simulate", "--print", "x"], vec!["--list shows those that do"]),
    ] {
        assert_says(&failure(&arguments, 1), &says);
    }
}
