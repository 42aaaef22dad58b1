//! The handler `kubernetes`: events of Kubernetes, counted.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;
use tidegate::event::EventHandler;
use tidegate::metrics::Metrics;
use tidegate::model::JobEvent;
use tidegate::plugin::{Grants, WasmEventHandler};
use tidegate_common::time::Timestamp;
use tidegate_tests::kubernetes::ApiServer;

use crate::contract::{Arrived, Place, keeps_to_the_contract};
use crate::handlers::{bundled, complaint, counted, event, set};

/// The handler that makes events in the namespace of a server.
fn events_of(server: &ApiServer, folder: &Path, options: &[(&str, &str)]) -> WasmEventHandler {
    let kubernetes = Some(server.account(folder));
    bundled("kubernetes", Grants { kubernetes, options: set(options), ..Grants::default() }).unwrap()
}

/// A server with the events that it has.
struct Cluster {
    folder: TempDir,
    server: ApiServer,
}

#[async_trait(?Send)]
impl Place for Cluster {
    fn handler(&self, metrics: &Arc<Metrics>) -> WasmEventHandler {
        let kubernetes = Some(self.server.account(self.folder.path()));
        counted("kubernetes", Grants { kubernetes, ..Grants::default() }, metrics).unwrap()
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let objects = self.server.objects();
        let made = objects.writes.iter().filter(|write| write.verb == "create");
        let arrived = |name: &String| {
            let event = objects.find("events", "streams", name).unwrap();
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            let at: Timestamp = text("firstTimestamp").parse().unwrap();
            Arrived {
                is_warning: text("type") == "Warning",
                reason: text("reason"),
                message: text("message"),
                count: event["count"].as_u64().unwrap().try_into().unwrap(),
                at: Some(at.as_millis() / 1000),
                cluster: event["involvedObject"]["name"].as_str().map(str::to_owned),
                key: Some(name.clone()),
                ..Arrived::default()
            }
        };
        made.map(|write| arrived(&write.name)).collect()
    }

    /// Nobody reads more of one there.
    fn shown(&self, event: &JobEvent) -> String {
        event.event.message.chars().take(32_000).collect()
    }

    async fn away(&mut self) -> bool {
        self.server.kill();
        true
    }

    async fn back(&mut self) {
        self.server.restart();
    }
}

#[tokio::test]
async fn kubernetes_keeps_to_the_contract() {
    let (folder, server) = (tempfile::tempdir().unwrap(), ApiServer::start());
    keeps_to_the_contract(&mut Cluster { folder, server }).await;
}

/// Every event that there is: message, count, first and last time.
fn events(server: &ApiServer) -> Vec<(String, Value, String, String)> {
    let objects = server.objects();
    let names = objects.names("events");
    let of = |name: &String| {
        let event = objects.find("events", "streams", name).unwrap();
        let text = |key: &str| event[key].as_str().unwrap().to_owned();
        (text("message"), event["count"].clone(), text("firstTimestamp"), text("lastTimestamp"))
    };
    let mut found: Vec<_> = names.iter().map(of).collect();
    found.sort_by(|one, other| one.2.cmp(&other.2));
    found
}

fn row(message: &str, count: u32, first: &str, last: &str) -> (String, Value, String, String) {
    let at = |minute: &str| format!("2026-01-01T00:{minute}:00Z");
    (message.to_owned(), count.into(), at(first), at(last))
}

#[tokio::test]
async fn what_is_the_same_is_one_event_with_a_count() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let handler = events_of(&server, folder.path(), &[]);
    handler.handle(&[event(0, "ScalingReport", "first", 1), event(60, "Other", "another", 1)]).await.unwrap();
    handler.handle(&[event(120, "ScalingReport", "second", 4), event(180, "ScalingReport", "third", 1)]).await.unwrap();
    assert_eq!(events(&server), [row("third", 6, "00", "03"), row("another", 1, "01", "01")]);
    // Its hour is over, as the server sees it.
    let names = server.objects().names("events");
    for name in names {
        server.objects().remove("events", "streams", &name);
    }
    handler.handle(&[event(240, "ScalingReport", "again", 2), event(300, "ScalingReport", "more", 1)]).await.unwrap();
    assert_eq!(events(&server), [row("more", 3, "04", "05")]);
}

#[tokio::test]
async fn an_event_is_about_the_object_that_the_operator_names() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let deployment = json!({ "kind": "FlinkDeployment", "metadata": { "name": "orders" } });
    server.objects().put("flinkdeployments", "streams", deployment);
    let options = [("object", "flink.apache.org/v1beta1/FlinkDeployment/{cluster}")];
    events_of(&server, folder.path(), &options).handle(&[event(0, "ScalingReport", "m", 1)]).await.unwrap();
    let write = server.objects().writes[0].clone();
    let expected = json!({
        "apiVersion": "flink.apache.org/v1beta1", "kind": "FlinkDeployment", "namespace": "streams", "name": "orders",
        "uid": "uid-1",
    });
    assert_eq!(write.body["involvedObject"], expected);
    assert_eq!((&write.body["type"], &write.body["reason"]), (&json!("Warning"), &json!("ScalingReport")));
    // As the Java autoscaler would have called it, so that it goes on counting.
    let hash = "ScalingReportkeyWarningFlinkDeploymentordersuid-1"
        .chars()
        .fold(0_u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit as u32));
    assert_eq!(write.name, format!("Operator.{}", hash & 0x7fff_ffff));
}

#[tokio::test]
async fn without_permission_nothing_fails_and_with_it_all_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let handler = events_of(&server, folder.path(), &[]);
    for verb in ["create", "patch", "get"] {
        server.objects().forbidden = [format!("{verb} events"), "get deployments".to_owned()].into();
        for second in 0..3 {
            handler.handle(&[event(second, "R", "m", 1), event(second, "S", "m", 1)]).await.unwrap();
        }
    }
    server.objects().forbidden.clear();
    handler.handle(&[event(600, "R", "last", 1)]).await.unwrap();
    assert!(events(&server).contains(&row("last", 2, "00", "10")), "{:?}", events(&server));
}

#[tokio::test]
async fn others_may_write_the_same_event() {
    let folder = tempfile::tempdir().unwrap();
    let server = ApiServer::start();
    let handler = events_of(&server, folder.path(), &[]);
    let theirs = json!({
        "involvedObject": { "namespace": "streams" }, "message": "theirs", "count": 10,
        "firstTimestamp": "2025-12-31T23:00:00Z", "lastTimestamp": "2025-12-31T23:00:00Z",
    });
    server.objects().meddling.push_back(theirs);
    handler.handle(&[event(60, "R", "m", 2)]).await.unwrap();
    server.objects().meddling.push_back(json!({ "count": 20 }));
    handler.handle(&[event(120, "R", "n", 1)]).await.unwrap();
    let found = events(&server);
    assert_eq!((found[0].0.as_str(), &found[0].1, found[0].2.as_str()), ("n", &json!(21), "2025-12-31T23:00:00Z"));
}

#[tokio::test]
async fn what_is_wrong_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ApiServer::start();
    let told = [event(0, "R", "m", 1)];
    for (options, words) in [
        (vec![("object", "Deployment")], "option `object`: `Deployment` is no `apiVersion/Kind/name`"),
        (vec![("subject", "x")], "there is no option `subject`; there are: namespace, object"),
        (vec![("namespace", "a/b")], "option `namespace`: `a/b` is no name of a namespace"),
    ] {
        let error = events_of(&server, folder.path(), &options).try_out().await.unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
    let elsewhere = events_of(&server, folder.path(), &[("namespace", "nowhere")]);
    let said = complaint(&elsewhere, &told).await;
    assert!(said.contains("answered 404 to an event: namespaces \"nowhere\" not found"), "{said}");
    let handler = events_of(&server, folder.path(), &[]);
    server.kill();
    let said = complaint(&handler, &told).await;
    assert!(said.contains("the API server is out of reach: ErrorCode::ConnectionRefused"), "{said}");
    server.restart();
    handler.handle(&told).await.unwrap();
    let error = bundled("kubernetes", Grants::default()).map(drop).unwrap_err().to_string();
    assert!(error.contains("`grant = { kubernetes = \"in-cluster\" }`"), "{error}");
}
