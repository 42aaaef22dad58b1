//! The store `kubernetes`: the Java autoscaler's ConfigMaps, and all that an API server may answer.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null; and texts of a test are well-formed")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tidegate::plugin::{Grants, KubernetesGrant};
use tidegate::state::{StateStore, StoreFailure};
use tidegate_tests::daemon::{Daemon, binary};
use tidegate_tests::kubernetes::ApiServer;
use tidegate_tests::wait::eventually;
use tokio::runtime::Runtime;

use crate::restart::{OPTIONS, cluster};
use crate::stores::{Entries, bundled, entries, key, save};

/// The bundled store over the ConfigMaps of a server, in an instance of its own.
pub(crate) async fn config_maps(server: &ApiServer, folder: &Path) -> Arc<dyn StateStore> {
    with_options(server.account(folder), &[]).await
}

async fn with_options(server: KubernetesGrant, options: &[(&str, &str)]) -> Arc<dyn StateStore> {
    let options = options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    bundled("kubernetes", Grants { kubernetes: Some(server), options, ..Grants::default() }).await
}

fn packed(text: &str) -> String {
    let mut packed = GzEncoder::new(Vec::new(), Compression::default());
    packed.write_all(text.as_bytes()).unwrap();
    base64(&packed.finish().unwrap())
}

fn unpacked(text: &str) -> String {
    let mut unpacked = String::new();
    GzDecoder::new(bytes(text).as_slice()).read_to_string(&mut unpacked).unwrap();
    unpacked
}

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// By hand, so that two mistakes of one library do not cancel out.
fn base64(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().fold(0_u32, |number, byte| number << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..4 {
            let digit = ALPHABET[(number >> (18 - 6 * place)) as usize % 64];
            text.push(if place <= chunk.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

fn bytes(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .bytes()
        .filter(|byte| *byte != b'=')
        .map(|byte| ALPHABET.iter().position(|digit| *digit == byte).unwrap() as u32)
        .collect();
    let of = |chunk: &[u32]| {
        let number = chunk.iter().fold(0, |number, digit| number << 6 | digit) << (6 * (4 - chunk.len()));
        (0..chunk.len() - 1).map(|place| (number >> (16 - 8 * place)) as u8).collect::<Vec<u8>>()
    };
    digits.chunks(4).flat_map(of).collect()
}

/// As the Java autoscaler leaves it, for the custom resource `orders`.
fn by_java() -> Value {
    let history = "---\n0a448493b4782967b150582570326227:\n  \"2023-11-15T16:00:00Z\":\n    currentParallelism: 2\n    \
                   newParallelism: 4\n    metrics:\n      LAG:\n        current: 5.0\n      EXPECTED_PROCESSING_RATE:\n        \
                   current: \"NaN\"\n        average: .inf\n";
    let samples = "---\n\"2023-11-15T16:00:00.500Z\":\n  vertexMetrics:\n    0a448493b4782967b150582570326227:\n      \
                   LOAD: 0.5\n  globalMetrics:\n    GC_PRESSURE: 0.25\n";
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": "autoscaler-orders",
            "labels": { "component": "autoscaler", "app": "orders" },
            "ownerReferences": [{
                "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "name": "orders", "uid": "u-1",
            }],
        },
        "data": {
            "scalingHistory": packed(history),
            "scalingTracking": packed("---\nscalingRecords:\n  \"2023-11-15T16:00:00Z\":\n    restartDuration: 60.000000000\n"),
            "collectedMetrics": packed(samples),
            "parallelismOverrides": "0a448493b4782967b150582570326227:4",
            "configOverrides": "---\nremovals: []\noverrides: {}\n",
            "delayedScaleDown": "---\ndelayedVertices: {}\n",
        },
    })
}

#[tokio::test]
async fn the_java_autoscalers_config_map_is_taken_up_and_given_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    server.objects().put("configmaps", "streams", by_java());
    let store = with_options(server.account(folder.path()), &[("resource", "{cluster}")]).await;
    let job = key("orders", "Enrich everything");
    let expected = entries(&[
        (
            "collectedMetrics",
            r#"{"2023-11-15T16:00:00.500Z":{"vertexMetrics":{"0a448493b4782967b150582570326227":{"LOAD":0.5}},"globalMetrics":{"GC_PRESSURE":0.25}}}"#,
        ),
        ("configOverrides", r#"{"removals":[],"overrides":{}}"#),
        ("delayedScaleDown", r#"{"delayedVertices":{}}"#),
        ("parallelismOverrides", "0a448493b4782967b150582570326227:4"),
        (
            "scalingHistory",
            r#"{"0a448493b4782967b150582570326227":{"2023-11-15T16:00:00Z":{"currentParallelism":2,"newParallelism":4,"metrics":{"LAG":{"current":5.0},"EXPECTED_PROCESSING_RATE":{"current":"NaN","average":".inf"}}}}}"#,
        ),
        ("scalingTracking", r#"{"scalingRecords":{"2023-11-15T16:00:00Z":{"restartDuration":60.000000000}}}"#),
    ]);
    assert_eq!(store.load(&job).await.unwrap(), expected);
    assert_eq!(store.jobs().await.unwrap(), [], "it is nobody's yet");

    let history = r#"{"0a448493b4782967b150582570326227":{}}"#;
    let changes = [
        ("scalingHistory", Some(history)),
        ("parallelismOverrides", Some("0a448493b4782967b150582570326227:6")),
        ("configOverrides", None),
    ];
    save(&*store, &job, &changes).await;
    assert_eq!(store.jobs().await.unwrap(), std::slice::from_ref(&job));
    let kept = server.objects().find("configmaps", "streams", "autoscaler-orders").unwrap().clone();
    let (data, before) = (kept["data"].as_object().unwrap(), by_java());
    assert_eq!(unpacked(data["scalingHistory"].as_str().unwrap()), history, "JSON is YAML");
    assert_eq!(data["parallelismOverrides"], "0a448493b4782967b150582570326227:6");
    assert_eq!(data["scalingTracking"], before["data"]["scalingTracking"], "what is not changed is not touched");
    assert!(!data.contains_key("configOverrides"));
    assert_eq!(kept["metadata"]["ownerReferences"], before["metadata"]["ownerReferences"]);
    let labels = &kept["metadata"]["labels"];
    assert_eq!((&labels["component"], &labels["app"]), (&json!("autoscaler"), &json!("orders")));

    // Another job that would have the same ConfigMap gets nothing of it.
    let error = store.load(&key("orders", "another")).await.unwrap_err();
    assert_eq!(error.kind, StoreFailure::Rejected);
    assert!(
        error.source.to_string().contains("is that of the job orders/Enrich everything: see the option `resource`")
    );
}

#[tokio::test]
async fn what_others_write_meanwhile_is_kept_and_what_both_write_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let store = config_maps(&server, folder.path()).await;
    let job = key("c", "orders");
    let theirs = |key: &str, text: &str| json!({ "data": { key: text } });
    // Somebody makes it just before we do.
    server.objects().meddling.push_back(theirs("theirs", "1"));
    save(&*store, &job, &[("a", Some("1"))]).await;
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "1"), ("theirs", "1")]));
    for round in ["2", "3", "4"] {
        server.objects().meddling.push_back(theirs("theirs", round));
        save(&*store, &job, &[("a", Some(round))]).await;
        assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", round), ("theirs", round)]));
    }
    server.objects().meddling.push_back(theirs("a", "theirs"));
    let changes: BTreeMap<String, Option<String>> = [("a".to_owned(), Some("ours".to_owned()))].into();
    let error = store.save(&job, &changes).await.unwrap_err();
    assert_eq!(error.kind, StoreFailure::Conflict, "{error:?}");
    assert_eq!(store.load(&job).await.unwrap()["a"], "theirs");
    store.save(&job, &changes).await.unwrap();
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "ours"), ("theirs", "4")]));
    // It is removed under our hands.
    let name = only_name(&server);
    server.objects().remove("configmaps", "streams", &name);
    save(&*store, &job, &[("b", Some("1"))]).await;
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("b", "1")]));
}

/// The name of the one ConfigMap that there is.
fn only_name(server: &ApiServer) -> String {
    let names = server.objects().names("configmaps");
    assert_eq!(names.len(), 1);
    names.into_iter().next().unwrap()
}

/// Samples that hardly can be packed, one for each second.
fn samples(number: u64) -> String {
    let mut state = 7_u64;
    let mut noise = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / 4096.0
    };
    let sample = |second: u64| {
        let vertices: BTreeMap<String, Value> =
            (0..600).map(|vertex| (format!("{vertex:032x}"), json!({ "LOAD": noise(), "LAG": noise() }))).collect();
        let at = format!("2023-11-15T16:{:02}:{:02}Z", second / 60, second % 60);
        (at, json!({ "vertexMetrics": vertices, "globalMetrics": {} }))
    };
    serde_json::to_string(&(0..number).map(sample).collect::<BTreeMap<_, _>>()).unwrap()
}

#[tokio::test]
async fn the_oldest_samples_go_where_a_config_map_is_too_small() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let store = config_maps(&server, folder.path()).await;
    let job = key("c", "large");
    let all = samples(61);
    save(&*store, &job, &[("collectedMetrics", Some(&all)), ("parallelismOverrides", Some("a:1"))]).await;
    let loaded = store.load(&job).await.unwrap();
    let left: BTreeMap<String, Value> = serde_json::from_str(&loaded["collectedMetrics"]).unwrap();
    let whole: BTreeMap<String, Value> = serde_json::from_str(&all).unwrap();
    assert!((10..60).contains(&left.len()), "{} are left", left.len());
    assert!(whole.iter().rev().zip(left.iter().rev()).all(|(one, other)| one == other), "the latest, as they were");
    let length = |server: &ApiServer| {
        let name = only_name(server);
        let data = server.objects().find("configmaps", "streams", &name).unwrap()["data"].clone();
        ["collectedMetrics", "scalingHistory"].map(|key| data[key].as_str().map_or(0, str::len))
    };
    assert!(length(&server)[0] <= 1_000_000);

    // History that grows later takes the room of samples that are already there.
    let history = samples(20);
    save(&*store, &job, &[("scalingHistory", Some(&history))]).await;
    let [samples, kept] = length(&server);
    assert!(kept > 300_000 && samples + kept <= 1_000_000, "{samples} + {kept}");
    assert_eq!(store.load(&job).await.unwrap()["scalingHistory"], history);
}

#[tokio::test]
async fn what_the_server_answers_is_told_in_kinds_that_the_host_knows() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let store = config_maps(&server, folder.path()).await;
    let job = key("c", "orders");
    save(&*store, &job, &[("a", Some("1"))]).await;
    for (status, kind) in [
        (401, StoreFailure::Unavailable),
        (403, StoreFailure::Unavailable),
        (429, StoreFailure::Unavailable),
        (500, StoreFailure::Unavailable),
        (503, StoreFailure::Unavailable),
        (422, StoreFailure::Rejected),
        (413, StoreFailure::Rejected),
    ] {
        server.objects().answers.push_back(status);
        let error = store.load(&job).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert!(error.source.to_string().contains(&format!("answered {status} to ")), "{error:?}");
        // In the middle of a flush: it is as if nothing had been tried.
        server.objects().answers.extend([0, status]);
        let error = store.save(&job, &[("a".to_owned(), Some("lost".to_owned()))].into()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{status}");
        assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "1")]));
    }
    server.objects().forbidden = ["patch configmaps".to_owned()].into();
    let error = store.save(&job, &[("a".to_owned(), Some("2".to_owned()))].into()).await.unwrap_err();
    assert!(error.source.to_string().contains("this store needs `get`, `list`, `create`, `patch` and `delete`"));
    server.objects().forbidden.clear();
    // Keys of any form, and more than there is room for.
    save(&*store, &job, &[("a key/of any form", Some("x"))]).await;
    assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", "1"), ("a key/of any form", "x")]));
    let error = store.save(&job, &[("a".to_owned(), Some("x".repeat(1 << 20)))].into()).await.unwrap_err();
    assert!(error.kind == StoreFailure::Rejected && error.source.to_string().contains("Too long"), "{error:?}");
}

#[tokio::test]
async fn a_server_may_be_down_at_the_start_and_later() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ApiServer::start();
    let grant = server.account(folder.path());
    server.kill();
    let store = with_options(grant, &[]).await;
    let job = key("c", "orders");
    for round in ["1", "2"] {
        for error in [store.load(&job).await.map(drop), store.jobs().await.map(drop)] {
            assert_eq!(error.unwrap_err().kind, StoreFailure::Unavailable);
        }
        let error = store.save(&job, &[("a".to_owned(), Some("lost".to_owned()))].into()).await.unwrap_err();
        assert_eq!(error.kind, StoreFailure::Unavailable, "{error:?}");
        assert!(error.source.to_string().contains("out of reach"), "{error:?}");
        server.restart();
        save(&*store, &job, &[("a", Some(round))]).await;
        assert_eq!(store.load(&job).await.unwrap(), entries(&[("a", round)]));
        server.kill();
    }
}

#[tokio::test]
async fn more_jobs_than_one_answer_holds_are_listed_and_others_are_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    for number in 0..600 {
        let metadata = json!({
            "name": format!("autoscaler-{number}"),
            "labels": { "app.kubernetes.io/managed-by": if number % 3 == 0 { "helm" } else { "tidegate" } },
            "annotations": { "tidegate.io/cluster": "c", "tidegate.io/job": format!("job {number}") },
        });
        server.objects().put("configmaps", "streams", json!({ "metadata": metadata }));
    }
    let jobs = config_maps(&server, folder.path()).await.jobs().await.unwrap();
    assert_eq!(jobs.len(), 400);
    assert!(jobs.contains(&key("c", "job 599")) && !jobs.contains(&key("c", "job 0")));
}

#[tokio::test]
async fn a_damaged_text_is_left_out_and_the_others_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let mut damaged = by_java();
    let whole = damaged["data"]["scalingHistory"].as_str().unwrap().to_owned();
    damaged["data"]["scalingHistory"] = whole[..whole.len() / 2 / 4 * 4].into();
    damaged["data"]["collectedMetrics"] = packed(&" ".repeat(40 << 20)).into();
    server.objects().put("configmaps", "streams", damaged);
    let store = with_options(server.account(folder.path()), &[("resource", "{cluster}")]).await;
    let loaded: Entries = store.load(&key("orders", "x")).await.unwrap();
    assert_eq!(
        loaded.keys().collect::<Vec<_>>(),
        ["configOverrides", "delayedScaleDown", "parallelismOverrides", "scalingTracking"]
    );
}

#[tokio::test]
async fn what_is_wrong_is_said_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let grant = server.account(folder.path());
    for (options, words) in [
        (vec![("resources", "x")], "there is no option `resources`; there are: namespace, resource"),
        (vec![("namespace", "No Name")], "option `namespace`: `No Name` is no name of a namespace"),
        (vec![("resource", "{job}")], "option `resource`: `Enrich it` is no name of a custom resource"),
    ] {
        let store = with_options(grant.clone(), &options).await;
        let error = store.load(&key("c", "Enrich it")).await.unwrap_err();
        assert_eq!(error.kind, StoreFailure::Rejected);
        assert!(error.source.to_string().contains(words), "{error:?}");
    }
    let elsewhere = with_options(grant, &[("namespace", "nowhere")]).await;
    let error = elsewhere.save(&key("c", "x"), &[("a".to_owned(), Some("1".to_owned()))].into()).await.unwrap_err();
    assert!(error.source.to_string().contains("namespaces \"nowhere\" not found"), "{error:?}");
    let http = Grants { http: vec!["http://127.0.0.1:1".parse().unwrap()], ..Grants::default() };
    let error = bundled("kubernetes", http).await.load(&key("c", "x")).await.unwrap_err();
    assert!(error.source.to_string().contains("grant = { kubernetes = \"in-cluster\" }"), "{error:?}");
}

#[test]
#[ignore = "builds the daemon, and kills it"]
fn a_daemon_goes_on_with_what_its_config_maps_hold_and_tells_of_it_in_events() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = Runtime::new().unwrap();
    let (simulated, address) = cluster(&runtime);
    let job = simulated.job_named("orders").unwrap();
    let rescales = || simulated.rescales(job).unwrap().len();
    let mut server = ApiServer::start();
    server.kubeconfig(folder.path());
    let options: Vec<String> = OPTIONS
        .iter()
        .map(|option| option.split_once('=').unwrap())
        .map(|(key, value)| format!("\"{key}\" = \"{value}\"\n"))
        .collect();
    // Compiled code is kept from one run of the tests to the next; there is nothing else of the daemon's.
    let state = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubernetes-daemon");
    let config = format!(
        "state-dir = \"{}\"\n[control]\ninterval = \"500ms\"\n[options]\n\"job.autoscaler.enabled\" = true\n{}[[cluster]]\nname = \"simulated\"\n\
         url = \"http://{address}\"\n[state-store]\nsource = \"bundled:kubernetes\"\ngrant = {{ kubernetes = {{ kubeconfig = \
         \"kubeconfig\" }} }}\n[plugin.events]\nrole = \"event-handler\"\nsource = \"bundled:kubernetes\"\ngrant = {{ kubernetes = \
         {{ kubeconfig = \"kubeconfig\", context = \"double\" }} }}\n",
        state.display(),
        options.concat()
    );
    let path = folder.path().join("tidegate.toml");
    std::fs::write(&path, config).unwrap();
    let mut check = Command::new(binary().unwrap());
    let checked = check.args(["check".as_ref(), "--config".as_ref(), path.as_os_str()]).output().unwrap();
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let run = || Daemon::run(["--config".as_ref(), path.as_os_str()], folder.path()).unwrap();
    let executed = |daemon: &Daemon| daemon.metric("tidegate_passes_total", &["stage=\"executed\""]);

    // It starts without the server, and scales nothing that it cannot store.
    server.kill();
    let daemon = run();
    eventually(
        "the outage is told",
        Duration::from_secs(30),
        || daemon.metric("tidegate_state_store_up", &[]),
        |up| *up == 0.0,
    )
    .unwrap();
    assert_eq!(rescales(), 0);
    server.restart();
    eventually("a rescale", Duration::from_secs(90), || Ok(rescales()), |rescales| *rescales == 1).unwrap();
    eventually("a decision after it", Duration::from_secs(60), || executed(&daemon), |passes| *passes >= 4.0).unwrap();
    daemon.kill();
    let held = |server: &ApiServer| {
        let name = only_name(server);
        server.objects().find("configmaps", "streams", &name).unwrap()["data"]["parallelismOverrides"].clone()
    };
    let before = held(&server);
    assert!(before.as_str().unwrap().contains(':'));

    let daemon = run();
    eventually("it goes on", Duration::from_secs(30), || executed(&daemon), |passes| *passes >= 2.0).unwrap();
    assert!(daemon.stop().unwrap().success());
    assert_eq!((rescales(), held(&server)), (1, before), "decided once, and never undone");
    let objects = server.objects();
    let reasons: Vec<&Value> = objects
        .names("events")
        .iter()
        .map(|name| &objects.find("events", "streams", name).unwrap()["reason"])
        .collect();
    assert!(reasons.contains(&&json!("ScalingReport")), "{reasons:?}");
}
