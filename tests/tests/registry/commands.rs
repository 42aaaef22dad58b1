//! `tidegate plugin push` and `pull` on a real registry, as their users type them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::model::Digest;
use tidegate_tests::daemon::binary;
use tidegate_tests::registry::Registry;

/// What a command wrote, and whether it succeeded. `login` is a folder for `DOCKER_CONFIG`.
pub(crate) fn tidegate(arguments: &[&str], login: &Path) -> Result<String, String> {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    let mut command = Command::new(BINARY.get_or_init(|| binary().unwrap()));
    let ran = command.args(arguments).env("DOCKER_CONFIG", login).output().unwrap();
    match ran.status.success() {
        true => Ok(String::from_utf8(ran.stdout).unwrap().trim().to_owned()),
        false => Err(String::from_utf8(ran.stderr).unwrap()),
    }
}

/// The bundled policy as another version that does the same.
pub(crate) fn version(number: u8) -> Vec<u8> {
    let policy = tidegate_bundled::find("policy", "default-policy").unwrap();
    [policy, &[0, 2, 1, number]].concat()
}

/// Pushes a component, and returns the pinned reference that is printed.
pub(crate) fn pushed(registry: &Registry, name: &str, component: &[u8], folder: &Path) -> String {
    let file = folder.join("pushed.wasm");
    fs::write(&file, component).unwrap();
    let reference = format!("oci://{}/{name}", registry.address());
    tidegate(&["plugin", "push", file.to_str().unwrap(), &reference], folder).unwrap()
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn what_is_pushed_is_pulled_bit_for_bit_and_pinned_by_the_same_digest_every_time() {
    let folder = TempDir::new().unwrap();
    let registry = Registry::start(folder.path()).unwrap();
    let pinned = pushed(&registry, "team/policy:1.0.0", &version(1), folder.path());
    assert_eq!(pushed(&registry, "team/policy:1.0.0", &version(1), folder.path()), pinned, "the same content");
    let other = pushed(&registry, "team/policy:1.0.0", &version(2), folder.path());
    assert_ne!(other, pinned, "the tag was moved");

    let out = folder.path().join("pulled.wasm");
    for (reference, expected) in
        [(format!("oci://{}/team/policy:1.0.0", registry.address()), &other), (pinned.clone(), &pinned)]
    {
        let printed = tidegate(&["plugin", "pull", &reference, "--out", out.to_str().unwrap()], folder.path()).unwrap();
        assert_eq!(printed, *expected);
        assert_eq!(fs::read(&out).unwrap(), version(if *expected == pinned { 1 } else { 2 }));
    }

    // Other tools see a WebAssembly artifact.
    let (name, digest) = pinned.trim_start_matches("oci://").split_once('@').unwrap();
    let repository = name.split_once('/').unwrap().1.trim_end_matches(":1.0.0");
    let ask = |path: String| {
        let url = format!("http://{}/v2/{repository}/{path}", registry.address());
        let accept = "application/vnd.oci.image.manifest.v1+json";
        ureq::get(url).header("accept", accept).call().unwrap().body_mut().read_json::<Value>().unwrap()
    };
    let manifest = ask(format!("manifests/{digest}"));
    assert_eq!(manifest["config"]["mediaType"], "application/vnd.wasm.config.v0+json");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"][0]["digest"], format!("sha256:{}", Digest::of(&version(1))));
    let config = ask(format!("blobs/{}", manifest["config"]["digest"].as_str().unwrap()));
    assert_eq!(config["component"]["exports"][0], "tidegate:policy/scaling@0.1.0");

    // For programs.
    let shown = tidegate(&["plugin", "pull", &pinned, "--json"], folder.path()).unwrap();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!((&shown["reference"], &shown["digest"]), (&pinned.as_str().into(), &digest.into()));
    assert_eq!(shown["version"], Digest::of(&version(1)).to_string());
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn what_cannot_be_pushed_or_pulled_says_what_to_do() {
    let folder = TempDir::new().unwrap();
    let mut registry = Registry::start(folder.path()).unwrap();
    let place = format!("oci://{}/policy", registry.address());
    let file = folder.path().join("p.wasm");
    let refused = |content: &[u8], arguments: &[&str], words: &str| {
        fs::write(&file, content).unwrap();
        let arguments: Vec<&str> =
            arguments.iter().map(|&word| if word == "FILE" { file.to_str().unwrap() } else { word }).collect();
        let said = tidegate(&arguments, folder.path()).unwrap_err();
        assert!(said.contains(words), "{arguments:?}: `{words}` is not in\n{said}");
    };
    let (tagged, pinned) = (format!("{place}:1"), format!("{place}@sha256:{}", Digest::of(b"")));
    refused(b"#!/bin/sh", &["plugin", "push", "FILE", &tagged], "no WebAssembly component");
    refused(&version(1)[..9000], &["plugin", "push", "FILE", &tagged], "damaged");
    refused(&version(1), &["plugin", "push", "FILE", &pinned], "give the artifact a tag");
    refused(&version(1), &["plugin", "push", "FILE", "oci://policy:1"], "names no registry");
    refused(b"", &["plugin", "pull", &tagged], "does not have it");
    refused(b"", &["plugin", "pull", &pinned], "does not have it");
    registry.end();
    refused(b"", &["plugin", "pull", &tagged], "cannot be reached");
    refused(&version(1), &["plugin", "push", "FILE", &tagged], "cannot be reached");
}

#[test]
#[ignore = "starts Debian's docker-registry"]
fn a_registry_lets_in_whom_docker_login_knows() {
    let folder = TempDir::new().unwrap();
    let registry = Registry::start_with_login(folder.path()).unwrap();
    let (file, reference) = (folder.path().join("p.wasm"), format!("oci://{}/policy:1", registry.address()));
    fs::write(&file, version(1)).unwrap();
    let push = || tidegate(&["plugin", "push", file.to_str().unwrap(), &reference], folder.path());
    let said = push().unwrap_err();
    assert!(said.contains(&format!("docker login {}", registry.address())), "{said}");
    registry.log_in(folder.path()).unwrap();
    let pinned = push().unwrap();
    assert_eq!(tidegate(&["plugin", "pull", &pinned], folder.path()).unwrap(), pinned);
    fs::write(folder.path().join("config.json"), "{").unwrap();
    let said = tidegate(&["plugin", "pull", &pinned], folder.path()).unwrap_err();
    assert!(said.contains("config.json") && said.contains("cannot be used"), "{said}");
}
