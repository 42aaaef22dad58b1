//! Plugins whose files change while the daemon runs, as its users do and see it: the real program, asked over its API.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::model::Digest;
use tidegate_tests::daemon::{Daemon, binary};
use tidegate_tests::host::Scenario;

use crate::short_of_three;

/// The daemon, and a folder with its configuration and its plugins.
struct Running {
    folder: TempDir,
    daemon: Daemon,
}

impl Running {
    /// A daemon for the cluster at `url`, whose only policy is `plugins/mine.wasm`, and whose only event handler, which
    /// is granted nothing, is `plugins/pager.wasm`.
    fn with(name: &str, url: &str, policy: &[u8]) -> Self {
        let folder = TempDir::new().unwrap();
        // Compiled code is kept from one run of the tests to the next, and nothing else of what a daemon keeps.
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        for entry in fs::read_dir(&state).into_iter().flatten().map(|entry| entry.unwrap()) {
            match entry.path() {
                path if path.ends_with("compiled") => {}
                path if path.is_dir() => fs::remove_dir_all(path).unwrap(),
                path => fs::remove_file(path).unwrap(),
            }
        }
        fs::create_dir(folder.path().join("plugins")).unwrap();
        fs::write(folder.path().join("plugins/mine.wasm"), policy).unwrap();
        fs::write(folder.path().join("plugins/pager.wasm"), bundled("log")).unwrap();
        let config = format!(
            "state-dir = \"{}\"\n[control]\ninterval = \"100ms\"\n[plugins]\ndirectory = \"plugins\"\n[[cluster]]\n\
             name = \"c\"\nurl = \"{url}\"\noptions = {{ \"job.autoscaler.enabled\" = true }}\n[plugin.mine]\n\
             role = \"policy\"\nsource = \"mine.wasm\"\n[plugin.pager]\nrole = \"event-handler\"\n\
             source = \"pager.wasm\"\n",
            state.display()
        );
        let path = folder.path().join("tidegate.toml");
        fs::write(&path, config).unwrap();
        let daemon = Daemon::run(["--config".as_ref(), path.as_os_str()], folder.path()).unwrap();
        Self { folder, daemon }
    }

    /// Ends the daemon as a power cut would, and starts it again.
    fn cut_off(self) -> Self {
        let Self { folder, daemon } = self;
        daemon.kill();
        let config = folder.path().join("tidegate.toml");
        let daemon = Daemon::run(["--config".as_ref(), config.as_os_str()], folder.path()).unwrap();
        Self { folder, daemon }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join("plugins").join(name)
    }

    /// Puts a file in the place of the policy at once, as a careful user does.
    fn place(&self, content: &[u8]) {
        self.place_as("mine", content);
    }

    /// The same for any plugin.
    fn place_as(&self, name: &str, content: &[u8]) {
        let (draft, place) = (self.path(&format!("{name}.tmp")), self.path(&format!("{name}.wasm")));
        fs::write(&draft, content).unwrap();
        fs::rename(draft, place).unwrap();
    }

    /// What `tidegate plugin …` says, and whether it succeeds.
    fn plugin(&self, arguments: &[&str]) -> (bool, String) {
        plugin(self.daemon.address().to_string().as_str(), arguments)
    }

    /// How the policy stands.
    fn mine(&self) -> Value {
        self.named("mine")
    }

    fn named(&self, name: &str) -> Value {
        let (_, said) = self.plugin(&["list", "--json"]);
        let listed: Value = serde_json::from_str(&said).unwrap();
        let mut plugins = listed["plugins"].as_array().unwrap().iter();
        plugins.find(|plugin| plugin["name"] == name).unwrap().clone()
    }

    /// How the policy stands, once it does so as wanted.
    async fn mine_is(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        self.is("mine", what, wanted).await
    }

    /// Refused is `content`; why is in the table, beside what is in service.
    async fn shows_refused(&self, name: &str, way: &str, content: &[u8], words: &str) {
        let is_refused = |plugin: &Value| {
            let newest = &plugin["versions"][0];
            newest["digest"] == digest(content) && newest["state"] == "refused"
        };
        let before = self.named(name)["active"].clone();
        let plugin = self.is(name, way, is_refused).await;
        let error = plugin["versions"][0]["error"].as_str().unwrap();
        assert!(error.contains(words), "{way}: {error}");
        assert_eq!((&plugin["state"], &plugin["active"]), (&"active".into(), &before), "{way}");
        let (listed, said) = self.plugin(&["list"]);
        let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let row = format!("{name} {} active {:.12} ", plugin["role"].as_str().unwrap(), before.as_str().unwrap());
        assert!(listed && flat.contains(&row), "{way}: `{row}` is not in\n{said}");
        assert!(flat.contains("was refused: ") && flat.contains(words), "{way}:\n{said}");
    }

    async fn is(&self, name: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let mut seen = Value::Null;
        for _ in 0..300 {
            seen = self.named(name);
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("{what}: {seen:#}\n{}", self.daemon.log().unwrap());
    }
}

fn plugin(address: &str, arguments: &[&str]) -> (bool, String) {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BINARY.get_or_init(|| binary().unwrap()));
    let ran = command.arg("plugin").args(arguments).args(["--daemon", address]).output().unwrap();
    (ran.status.success(), format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr)))
}

fn bundled(name: &str) -> Vec<u8> {
    let found = tidegate_bundled::ALL.iter().find(|bundled| bundled.name == name);
    found.unwrap().bytes.to_vec()
}

/// The bundled policy, as another version that does the same.
fn version(number: u8) -> Vec<u8> {
    [bundled("default-policy").as_slice(), &[0, 2, 1, number]].concat()
}

fn digest(content: &[u8]) -> Value {
    Digest::of(content).to_string().into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_policy_that_is_broken_in_any_way_leaves_the_one_in_service_and_says_why() {
    // The hostile policy traps over this job's options, as soon as it rehearses.
    let job = short_of_three("orders").configured("hostile.act", "panic");
    let host = Scenario::of([job]).start().await;
    let first = version(1);
    let running = Running::with("plugins-broken", host.url(), &first);
    running.mine_is("it starts", |mine| mine["active"] == digest(&first)).await;

    let other_contract = replaced(&first, b"tidegate:policy/scaling@0.1.0", b"tidegate:policy/scaling@0.2.0");
    let hostile = fs::read(env!("TIDEGATE_HOSTILE_POLICY")).unwrap();
    let other_function = replaced(&hostile, b"window-full-at", b"window-full-by");
    let other_type = replaced(&hostile, b"executing", b"exhausted");
    let asking = replaced(&hostile, b"tidegate:host/log@", b"tidegate:host/sql@");
    for (way, broken, words) in [
        ("truncated", &first[..first.len() / 2], "damaged, truncated"),
        ("a text", b"#!/bin/sh\necho no policy\n", "is no WebAssembly component"),
        ("a core module", b"\0asm\x01\0\0\0", "wasm32-wasip2"),
        ("another role", &bundled("log"), "tidegate:policy/scaling"),
        ("another version of the contract", &other_contract, "0.2"),
        (
            "a function that no host has",
            &other_function,
            "it needs `view.window-full-by` of `tidegate:policy/observation`",
        ),
        ("a type that is another", &other_type, "`decide` of `tidegate:policy/scaling` has another type: "),
        (
            "an import that no policy is given",
            &asking,
            "needs `tidegate:host/sql`, which this kind of plugin is not given",
        ),
        ("it traps", &hostile, "failed its rehearsal"),
    ] {
        running.place(broken);
        running.shows_refused("mine", way, broken, words).await;
    }
    // What a policy is never given, a handler may be granted, but this one is not.
    let sender = fs::read(env!("TIDEGATE_HTTP_HANDLER")).unwrap();
    running.place_as("pager", &sender);
    let words = "which plugin `pager` is not granted: `grant = { http = [\"host:port\"] }`";
    running.shows_refused("pager", "it asks for more than it is granted", &sender, words).await;

    // Written in place, slowly: half of it is never taken.
    let second = version(2);
    let mut file = fs::File::create(running.path("mine.wasm")).unwrap();
    for part in second.chunks(second.len() / 4 + 1) {
        std::io::Write::write_all(&mut file, part).unwrap();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    drop(file);
    let mine = running.mine_is("it is mended", |mine| mine["active"] == digest(&second)).await;
    assert_eq!(mine["versions"][0]["state"], "active", "{mine:#}");
    assert_eq!(mine["versions"][1]["digest"], digest(&hostile), "nothing came between: {mine:#}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plugins_are_steered_from_the_command_line() {
    let host = Scenario::of([short_of_three("orders")]).start().await;
    let (first, second) = (version(1), version(2));
    let running = Running::with("plugins-steered", host.url(), &first);
    running.mine_is("it starts", |mine| mine["active"] == digest(&first)).await;
    let (done, said) = running.plugin(&["rollback", "mine"]);
    assert!(!done && said.contains("no good version before"), "{said}");
    running.place(&second);
    running.mine_is("another is in service", |mine| mine["active"] == digest(&second)).await;

    let (done, said) = running.plugin(&["show", "mine"]);
    assert!(done && said.contains("asks for") && said.contains("tidegate:policy/observation@0.1"), "{said}");
    assert!(said.contains("is granted  nothing") && said.contains(" calls, 0 of them failed"), "{said}");
    assert!(said.contains("  active  ") && said.contains("  ready   "), "{said}");

    let (done, said) = running.plugin(&["rollback", "mine"]);
    assert!(done && said.contains("is in service again"), "{said}");
    assert_eq!(running.mine()["active"], digest(&first));
    let (done, said) = running.plugin(&["reload", "mine"]);
    assert!(done && said.contains("mine: it is in service"), "{said}");
    assert_eq!(running.mine()["active"], digest(&second));
    let (done, said) = running.plugin(&["suspend", "mine"]);
    assert!(done && said.contains("out of service until it is resumed"), "{said}");
    assert_eq!((&running.mine()["state"], &running.mine()["active"]), (&"out of service".into(), &Value::Null));
    let (done, said) = running.plugin(&["suspend", "mine"]);
    assert!(!done && said.contains("is not in service"), "{said}");
    let (done, said) = running.plugin(&["resume", "mine"]);
    assert!(done && said.contains("mine: "), "{said}");
    assert_eq!(running.mine()["active"], digest(&second));
    let (done, said) = running.plugin(&["reload", "yours"]);
    assert!(!done && said.contains("there is no plugin `yours`; there are: ") && said.contains("mine"), "{said}");

    // The file goes, and what is in service stays; then it comes back with something else.
    fs::remove_file(running.path("mine.wasm")).unwrap();
    let mine = running.mine_is("it is gone", |mine| mine["source_lacks"] == "the file is gone").await;
    assert_eq!(mine["active"], digest(&second));
    fs::write(running.path("spare.wasm"), &first).unwrap();
    running.place(&version(3));
    let mine = running.mine_is("it is back", |mine| mine["active"] == digest(&version(3))).await;
    assert_eq!(mine["source_lacks"], Value::Null);
    let (_, said) = running.plugin(&["list"]);
    assert!(said.contains("not used, for no [plugin.…] table names it: ") && said.contains("spare.wasm"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "compiles a policy several times, and kills the daemon"]
async fn a_daemon_that_is_killed_in_the_middle_of_a_swap_starts_with_one_whole_version() {
    let host = Scenario::of([short_of_three("orders")]).start().await;
    let mut running = Running::with("plugins-killed", host.url(), &version(10));
    running.mine_is("it starts", |mine| mine["active"] == digest(&version(10))).await;
    // Before the file is seen, while it is compiled, and one that was compiled before: while it comes into service.
    for (number, after) in [(11, 0), (12, 150), (11, 100)] {
        let next = version(number);
        running.place(&next);
        tokio::time::sleep(Duration::from_millis(after)).await;
        running = running.cut_off();
        let mine = running.mine_is("it starts again", |mine| mine["active"] == digest(&next)).await;
        assert_eq!(mine["state"], "active", "{after} ms: {mine:#}");
        let versions = mine["versions"].as_array().unwrap();
        assert_eq!(versions.iter().filter(|version| version["state"] == "active").count(), 1, "{after} ms: {mine:#}");
    }
    // Half a file lies there when it starts again: nothing decides, and it says why; then the whole one comes.
    let whole = version(20);
    fs::write(running.path("mine.wasm"), &whole[..whole.len() / 2]).unwrap();
    let folder = running.folder.path().to_owned();
    let log = running.daemon.log().unwrap();
    assert!(!log.contains("panicked"), "{log}");
    let Running { folder: kept, daemon } = running;
    daemon.kill();
    let refused = Daemon::run(["--config".as_ref(), folder.join("tidegate.toml").as_os_str()], kept.path());
    assert!(refused.is_err(), "there is no policy at all");
    fs::write(folder.join("plugins/mine.wasm"), &whole).unwrap();
    let daemon = Daemon::run(["--config".as_ref(), folder.join("tidegate.toml").as_os_str()], kept.path()).unwrap();
    let running = Running { folder: kept, daemon };
    running.mine_is("it is whole again", |mine| mine["active"] == digest(&whole)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "compiles a policy several times, and kills the daemon"]
async fn a_daemon_that_is_killed_while_it_keeps_compiled_code_starts_and_keeps_it_then() {
    let host = Scenario::of([short_of_three("orders")]).start().await;
    let mut running = Running::with("plugins-cut-off", host.url(), &version(30));
    running.mine_is("it starts", |mine| mine["active"] == digest(&version(30))).await;
    let compiled = Path::new(env!("CARGO_TARGET_TMPDIR")).join("plugins-cut-off/compiled");
    // What was written is not the same in every run, so that it is never found compiled.
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos().to_le_bytes();
    for changes in 1..=3 {
        let next = [version(30).as_slice(), &[0, 6, 1, b'k', seed[0], seed[1], seed[2], changes]].concat();
        running.place(&next);
        // The code, its counters, and the list of all files are written one after another.
        let mut seen = contents(&compiled);
        for _ in 0..changes {
            let before = seen.clone();
            while seen == before {
                seen = contents(&compiled);
            }
        }
        running = running.cut_off();
        let mine = running.mine_is("it starts again", |mine| mine["active"] == digest(&next)).await;
        assert_eq!(mine["state"], "active", "{changes}: {mine:#}");
        let left = contents(&compiled.join("code/modules"));
        assert!(left.iter().all(|(path, _)| !path.to_string_lossy().contains("wip-")), "{changes}: {left:?}");
        let list = fs::read_to_string(compiled.join("files.json")).unwrap();
        assert!(list.contains(mine["active"].as_str().unwrap()), "{changes}: {list}");
    }
}

/// The files in a folder, and how long each is.
fn contents(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => found.extend(contents(&entry.path())),
            Ok(metadata) => found.push((entry.path(), metadata.len())),
            Err(_) => {}
        }
    }
    found.sort();
    found
}

/// The same bytes, with another text of the same length wherever the first one stands.
fn replaced(bytes: &[u8], text: &[u8], with: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let places: Vec<usize> =
        bytes.windows(text.len()).enumerate().filter(|(_, it)| *it == text).map(|(place, _)| place).collect();
    assert!(!places.is_empty());
    for place in places {
        bytes[place..place + text.len()].copy_from_slice(with);
    }
    bytes
}
