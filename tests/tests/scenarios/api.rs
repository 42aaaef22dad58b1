//! What the daemon tells over its API, and whom.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tidegate::config::Config;
use tidegate::daemon::Daemon;
use tidegate::plugin::Source;
use tidegate_tests::host::Scenario;
use tokio::task::spawn_blocking;

use crate::short_of_three;

/// A daemon for the cluster at `url`, with more lines in its `[admin]`.
async fn daemon(url: &str, admin: &str, folder: &Path) -> Daemon {
    let text = format!(
        "state-dir = \"state\"\n[control]\ninterval = \"100ms\"\n[admin]\nlisten = \"127.0.0.1:0\"\n{admin}\n[[cluster]]\nname = \"c:1\"\n\
         url = \"{url}\"\noptions = {{ \"job.autoscaler.enabled\" = true }}",
    );
    Daemon::start(Config::parse(&folder.join("tidegate.toml"), &text).unwrap()).await.unwrap()
}

/// The status of an answer, and its body.
async fn get(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = ureq::get(format!("http://{address}{path}"));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = move || {
        let mut answer = request.config().http_status_as_error(false).build().call().unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
    };
    let (status, body) = spawn_blocking(answer).await.unwrap();
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_latest_record_of_every_job_is_told() {
    let host = Scenario::of([short_of_three("orders/eu"), short_of_three("clicks")]).start().await;
    let folder = TempDir::new().unwrap();
    let daemon = daemon(host.url(), "", folder.path()).await;
    let address = daemon.address();
    let mut listed = Value::Null;
    for _ in 0..100 {
        listed = get(address, "/api/v1/jobs", &[]).await.1;
        if listed["jobs"].as_array().is_some_and(|jobs| jobs.len() == 2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let names: Vec<&str> = listed["jobs"].as_array().unwrap().iter().map(|job| job["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"orders/eu") && names.contains(&"clicks"), "{listed}");

    let (status, record) = get(address, "/api/v1/jobs/c:1/orders%2Feu", &[]).await;
    assert_eq!(status, 200, "{record}");
    assert_eq!((&record["cluster"], &record["name"]), (&"c:1".into(), &"orders/eu".into()));
    assert_eq!((&record["status"], &record["policy"]), (&"RUNNING".into(), &"default-policy".into()));
    let vertices = record["vertices"].as_array().unwrap();
    assert_eq!((&vertices[1]["name"], &vertices[1]["parallelism"]), (&"work".into(), &1.into()));
    let by_id = format!("/api/v1/jobs/c:1/{}", host.job("orders/eu"));
    assert_eq!(get(address, &by_id, &[]).await.1["name"], record["name"]);

    for (path, expected) in [
        ("/api/v1/jobs/c:1/payments", "there is no job `payments` in cluster `c:1`; looked after: "),
        ("/api/v1/nothing", "there is no such thing"),
    ] {
        let (status, answer) = get(address, path, &[]).await;
        assert_eq!(status, 404, "{path}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(expected), "{path}: {answer}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_that_are_no_numbers_break_neither_the_api_nor_what_prometheus_reads() {
    let job = short_of_three("orders").configured("hostile.act", "evaluate-nan");
    let host = Scenario::of([job]).start().await;
    let folder = TempDir::new().unwrap();
    let plugin = format!("[plugin.mine]\nrole = \"policy\"\nsource = '{}'", env!("TIDEGATE_HOSTILE_POLICY"));
    let daemon = daemon(host.url(), &plugin, folder.path()).await;
    let mut record = Value::Null;
    for _ in 0..100 {
        record = get(daemon.address(), "/api/v1/jobs/c:1/orders", &[]).await.1;
        if record["samples"].as_u64() > Some(2) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(record["policy"], "mine", "{record}");
    assert_eq!(
        (&record["error"], &record["vertices"][0]["evaluated"]),
        (&Value::Null, &serde_json::json!({})),
        "{record}"
    );
    let (status, text) = get(daemon.address(), "/metrics", &[]).await;
    let text = text.as_str().unwrap();
    assert!(status == 200 && text.ends_with("# EOF\n"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.rsplit(' ').next().unwrap().parse::<f64>().is_ok(), "{line}");
    }
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_api_asks_for_its_token_and_keeps_foreign_web_pages_out() {
    let host = Scenario::of([]).start().await;
    let folder = TempDir::new().unwrap();
    std::fs::write(folder.path().join("token"), "s3cret\n").unwrap();
    let guarded = daemon(host.url(), "token-file = \"token\"", folder.path()).await;
    // A place of its own for its state.
    let elsewhere = TempDir::new().unwrap();
    let open = daemon(host.url(), "", elsewhere.path()).await;
    for (daemon, path, headers, expected) in [
        (&guarded, "/api/v1/jobs", [].as_slice(), 401),
        (&guarded, "/api/v1/nothing", &[], 401),
        (&guarded, "/api/v1/jobs", &[("Authorization", "Bearer wrong")], 401),
        (&guarded, "/api/v1/jobs", &[("Authorization", "Bearer s3cret")], 200),
        (&guarded, "/healthz", &[], 200),
        (&guarded, "/metrics", &[], 200),
        (&open, "/api/v1/jobs", &[], 200),
        (&open, "/api/v1/jobs", &[("Host", "evil.example")], 403),
        (&open, "/api/v1/jobs", &[("Origin", "http://evil.example")], 403),
        (&open, "/metrics", &[("Host", "scraped.example")], 200),
    ] {
        let (status, answer) = get(daemon.address(), path, headers).await;
        assert_eq!(status, expected, "{path} {headers:?}: {answer}");
    }
    guarded.stop().await;
    open.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_state_store_is_shown_among_the_plugins_and_stays_as_it_is() {
    let host = Scenario::of([short_of_three("orders")]).start().await;
    let folder = TempDir::new().unwrap();
    let daemon = daemon(host.url(), "", folder.path()).await;
    let address = daemon.address();
    let shown = async || {
        let listed = get(address, "/api/v1/plugins", &[]).await.1;
        listed["plugins"].as_array().unwrap().iter().find(|plugin| plugin["role"] == "state-store").unwrap().clone()
    };
    let mut store = shown().await;
    for _ in 0..100 {
        if store["starts"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        store = shown().await;
    }
    let digest = Source::Bundled("sql".to_owned()).fetch("state-store").unwrap().digest.to_string();
    for (key, expected) in [
        ("name", "state-store".into()),
        ("source", "bundled:sql".into()),
        ("state", "active".into()),
        ("active", Value::String(digest)),
        ("starts", 1.into()),
        ("failures", 0.into()),
        ("last_failure", Value::Null),
    ] {
        assert_eq!(store[key], expected, "{key}");
    }
    for action in ["reload", "rollback", "suspend", "resume"] {
        let url = format!("http://{address}/api/v1/plugins/state-store/{action}");
        let ask = || ureq::post(url).config().http_status_as_error(false).build().send_empty().unwrap();
        let mut answer = spawn_blocking(ask).await.unwrap();
        assert_eq!(answer.status().as_u16(), 409);
        let said = answer.body_mut().read_to_string().unwrap();
        assert!(said.contains("change `[state-store]` and start the daemon again"), "{said}");
    }
    daemon.stop().await;
}
