//! Registries that lie, or say nothing: what is not what the digest names never comes into service.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tempfile::TempDir;
use tidegate::config::Role;
use tidegate::metrics::Metrics;
use tidegate::plugin::{Code, Offer, Registry, Runtime, Source, Spec, Strictness};
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::commands::{tidegate, version};
use crate::double::{Content, Double, manifest};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_what_the_digest_names_is_refused() {
    let folder = TempDir::new().unwrap();
    let good = version(1);
    let honest = Double::of(&good, Content::Bytes(good.clone()));
    let with_manifest = |manifest: String| Double { manifest, ..honest.clone() };
    let tampered = [good.as_slice(), b"!"].concat();
    let mut flipped = good.clone();
    flipped[9000] ^= 1;
    let large = manifest("application/wasm", &format!("sha256:{}", "0".repeat(64)), (64 << 20) + 1);
    let image = manifest("application/vnd.oci.image.layer.v1.tar+gzip", &format!("sha256:{}", "0".repeat(64)), 10);
    let changed = format!("{} ", honest.manifest);
    for (way, double, pinned_to, words) in [
        ("the component is longer", Double::of(&good, Content::Bytes(tampered)), None, "the component is not what"),
        ("one bit of it is flipped", Double::of(&good, Content::Bytes(flipped)), None, "the component is not what"),
        ("it is cut off", Double::of(&good, Content::Bytes(good[..9000].to_vec())), None, "the component is not what"),
        ("it never ends", Double::of(&good, Content::Endless), None, "the component is not what"),
        ("the manifest is another", with_manifest(changed), Some(&honest), "the manifest is not what"),
        ("it says that it is huge", with_manifest(large), None, "more than the 64 MiB"),
        ("it is an image", with_manifest(image), None, "not `application/wasm`"),
        ("it is a page", with_manifest("<html>".to_owned()), None, "manifest cannot be read"),
    ] {
        let address = double.clone().serve().await;
        let reference = pinned_to.unwrap_or(&double).reference(address);
        let out = folder.path().join("out.wasm");
        let config = folder.path().join("tidegate.toml");
        let text = format!(
            "state-dir = \"state\"\n[[cluster]]\nname = \"c\"\nurl = \"http://127.0.0.1:1\"\n[plugin.mine]\nrole = \
             \"policy\"\nsource = \"{reference}\"\n"
        );
        fs::write(&config, text).unwrap();
        let asked = tokio::task::spawn_blocking({
            let (folder, out) = (folder.path().to_owned(), out.clone());
            move || {
                let pulled = tidegate(&["plugin", "pull", &reference, "--out", out.to_str().unwrap()], &folder);
                [pulled, tidegate(&["check", "--config", config.to_str().unwrap()], &folder)]
            }
        });
        for said in asked.await.unwrap() {
            let said = said.unwrap_err();
            assert!(said.contains(words), "{way}: `{words}` is not in\n{said}");
        }
        assert!(!out.exists(), "{way}");
        let kept = fs::read_dir(folder.path().join("state/artifacts")).map_or(0, Iterator::count);
        assert_eq!(kept, 0, "{way}: nothing of it is kept");
    }
}

#[tokio::test]
async fn a_registry_that_says_nothing_holds_up_no_other_plugin() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap();
    let metrics = Arc::new(Metrics::default());
    let runtime = Runtime::with_cache(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).unwrap();
    let registry = Registry::new(runtime, metrics, Arc::new(Timestamp::default));
    registry.take(registry.prepare(Vec::new(), Strictness::All).await.unwrap());
    let far = Double::of(b"", Content::Endless).reference(address).parse::<Source>().unwrap();
    let spec = Spec { source: far, ..Spec::bundled("far", Role::EventHandler) };
    let waiting = registry.prepare(vec![spec], Strictness::All);
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(300), &mut waiting).await.is_err(), "the registry says nothing");
    // Another plugin is exchanged meanwhile.
    let code = Code::new(Source::File(PathBuf::from("policy.wasm")), version(1));
    let exchanged = tokio::select! {
        exchanged = registry.offer("default-policy", code) => exchanged.unwrap(),
        _ = &mut waiting => panic!("the registry has answered"),
    };
    assert!(matches!(exchanged, Offer::Active { .. }));
}
