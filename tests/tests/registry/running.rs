//! A daemon whose plugins come from a real registry: with it, without it, and when it comes back.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::model::Digest;
use tidegate_tests::daemon::Daemon;
use tidegate_tests::registry::Registry;
use tidegate_tests::simulated::SimulatedCluster;
use tidegate_tests::wait::eventually;

use crate::commands::{pushed, tidegate, version};

/// The first pauses between two attempts are 5 and 10 seconds.
const TRIED_AGAIN_WITHIN: Duration = Duration::from_secs(120);

/// A registry, a cluster with a job, and a folder with the configuration of a daemon.
struct World {
    registry: Registry,
    cluster: SimulatedCluster,
    state: PathBuf,
    folder: TempDir,
}

impl World {
    fn new(name: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        // Compiled code may stay from one run of the tests to the next.
        for gone in ["artifacts", "tidegate.db", "tidegate.db-wal", "tidegate.db-shm"] {
            let gone = state.join(gone);
            let _ = if gone.is_dir() { fs::remove_dir_all(gone) } else { fs::remove_file(gone) };
        }
        let registry = Registry::start(folder.path()).unwrap();
        let cluster = SimulatedCluster::start(1, 3, 0, folder.path()).unwrap();
        Self { registry, cluster, state, folder }
    }

    /// The configuration: the policy is `source`, and `more` follows.
    fn configure(&self, source: &str, more: &str) -> PathBuf {
        let text = format!(
            "state-dir = \"{}\"\n[control]\ninterval = \"200ms\"\n[[cluster]]\nname = \"c\"\nurl = \"{}\"\noptions = {{ \
             \"job.autoscaler.enabled\" = true }}\n[plugin.mine]\nrole = \"policy\"\nsource = \"{source}\"\n{more}",
            self.state.display(),
            self.cluster.url()
        );
        let path = self.folder.path().join("tidegate.toml");
        let draft = self.folder.path().join("draft.toml");
        fs::write(&draft, text).unwrap();
        fs::rename(draft, &path).unwrap();
        path
    }

    /// Has all plugins of a configuration compiled, so that no daemon is waited for while it does that.
    fn compile(&self, source: &str, more: &str) {
        let config = self.configure(source, more);
        tidegate(&["check", "--config", config.to_str().unwrap()], self.folder.path()).unwrap();
    }

    fn start(&self) -> Daemon {
        let config = self.folder.path().join("tidegate.toml");
        Daemon::run(["--config".as_ref(), config.as_os_str()], self.folder.path()).unwrap()
    }

    fn pushed(&self, name: &str, component: &[u8]) -> String {
        pushed(&self.registry, name, component, self.folder.path())
    }

    fn forget_artifacts(&self) {
        fs::remove_dir_all(self.state.join("artifacts")).unwrap();
    }

    fn list(&self, daemon: &Daemon, flags: &[&str]) -> String {
        let address = daemon.address().to_string();
        let arguments = [&["plugin", "list", "--daemon", address.as_str()], flags].concat();
        tidegate(&arguments, self.folder.path()).unwrap()
    }

    /// How a plugin stands, once it does so as wanted.
    fn is(&self, daemon: &Daemon, plugin: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let look = || {
            let listed: Value = serde_json::from_str(&self.list(daemon, &["--json"])).unwrap();
            let plugins = listed["plugins"].as_array().unwrap();
            Ok(plugins.iter().find(|found| found["name"] == plugin).unwrap().clone())
        };
        eventually(what, TRIED_AGAIN_WITHIN, look, |found: &Value| wanted(found))
            .unwrap_or_else(|error| panic!("{error}\n{}", daemon.log().unwrap()))
    }

    /// This version of the policy is in service, and has decided since.
    fn decides(&self, daemon: &Daemon, version: &[u8]) {
        let digest = Value::from(Digest::of(version).to_string());
        let found = self.is(daemon, "mine", "the version in service", |mine| mine["active"] == digest);
        assert_eq!((&found["reason"], &found["source_lacks"]), (&Value::Null, &Value::Null));
        let before = found["used"]["answered"].as_u64().unwrap();
        self.is(daemon, "mine", "decisions", |mine| mine["used"]["answered"].as_u64().unwrap() > before);
    }
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn a_daemon_starts_without_its_registry_once_it_has_what_it_needs() {
    let mut world = World::new("registry-start");
    let policy = world.pushed("policy:1", &version(1));
    let log = tidegate_bundled::find("event-handler", "log").unwrap();
    let handler = world.pushed("handlers/log:1", log);
    world.compile(&policy, &format!("[plugin.told]\nrole = \"event-handler\"\nsource = \"{handler}\"\n"));
    world.forget_artifacts();
    let daemon = world.start();
    world.decides(&daemon, &version(1));
    world.is(&daemon, "told", "the handler", |told| told["active"] == Digest::of(log).to_string());
    daemon.stop().unwrap();

    world.registry.end();
    let daemon = world.start();
    world.decides(&daemon, &version(1));
    daemon.stop().unwrap();

    // With nothing kept it starts all the same: jobs hold, and it is said why.
    world.forget_artifacts();
    let daemon = world.start();
    let mine = world.is(&daemon, "mine", "the failure", |mine| mine["source_lacks"].is_string());
    assert_eq!(mine["state"], "out of service");
    assert!(mine["source_lacks"].as_str().unwrap().contains("cannot be reached"), "{mine:#}");
    let table = world.list(&daemon, &[]).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(table.contains("cannot be reached"), "{table}");
    world.registry.restart().unwrap();
    world.decides(&daemon, &version(1));
    daemon.stop().unwrap();
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn what_cannot_be_fetched_leaves_the_version_in_service_and_comes_when_it_can() {
    let mut world = World::new("registry-reload");
    let [first, second, third] = [1, 2, 3].map(|number| world.pushed("policy:latest", &version(number)));
    for version in [&third, &second, &first] {
        world.compile(version, "");
    }
    world.forget_artifacts();
    let daemon = world.start();
    world.decides(&daemon, &version(1));
    world.configure(&second, "");
    world.decides(&daemon, &version(2));

    let nowhere = format!("oci://{}/policy@sha256:{}", world.registry.address(), Digest::of(b"nobody pushed this"));
    world.configure(&nowhere, "");
    let is_refused = |words: &str| {
        let look = || Ok(world.list(&daemon, &[]).split_whitespace().collect::<Vec<_>>().join(" "));
        let said = |text: &String| text.contains("was refused") && text.contains(words);
        eventually(words, TRIED_AGAIN_WITHIN, look, said).unwrap();
    };
    is_refused("does not have it");
    world.decides(&daemon, &version(2));

    world.registry.end();
    world.configure(&third, "");
    let look = || Ok(world.list(&daemon, &[]).split_whitespace().collect::<Vec<_>>().join(" "));
    let said = |text: &String| text.contains("was refused") && text.contains("cannot be reached");
    eventually("the refusal", TRIED_AGAIN_WITHIN, look, said).unwrap();
    world.decides(&daemon, &version(2));
    // Nobody touches the configuration again.
    world.registry.restart().unwrap();
    world.decides(&daemon, &version(3));
    daemon.stop().unwrap();
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn a_state_store_comes_from_a_registry_too_and_check_fetches_it() {
    let mut world = World::new("registry-store");
    let policy = world.pushed("policy:1", &version(1));
    let file = world.pushed("stores/file:1", tidegate_bundled::find("state-store", "file").unwrap());
    let kept = world.folder.path().join("kept");
    fs::create_dir(&kept).unwrap();
    let grant = format!("grant = {{ fs = {{ path = \"{}\", write = true }} }}", kept.display());
    let config = world.configure(&policy, &format!("[state-store]\nsource = \"{file}\"\n{grant}\n"));
    let check = || tidegate(&["check", "--config", config.to_str().unwrap()], world.folder.path());
    assert!(check().unwrap().starts_with("ok: "));
    let daemon = world.start();
    world.decides(&daemon, &version(1));
    daemon.stop().unwrap();
    assert!(fs::read_dir(&kept).unwrap().next().is_some(), "the store has written");

    world.registry.end();
    assert!(check().unwrap().starts_with("ok: "), "both are kept");
    world.forget_artifacts();
    let said = check().unwrap_err();
    assert!(said.contains("failed to fetch") && said.contains("cannot be reached"), "{said}");
}
