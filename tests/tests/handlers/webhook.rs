//! The handler `webhook`, against a receiver that answers as a test says.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tidegate::event::EventHandler;
use tidegate::metrics::Metrics;
use tidegate::plugin::{Grants, WasmEventHandler};
use tidegate_common::time::Timestamp;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

use crate::contract::{Arrived, Place, keeps_to_the_contract};
use crate::handlers::{bundled, complaint, counted, event, set};

/// Headers of an answer.
type Headers = Vec<(&'static str, &'static str)>;

/// The next answers, a status and headers each; 200 after them.
struct Answers(Mutex<VecDeque<(u16, Headers)>>);

impl Answers {
    fn good() -> Self {
        Self::with([])
    }

    fn with(statuses: impl IntoIterator<Item = u16>) -> Self {
        Self(Mutex::new(statuses.into_iter().map(|status| (status, Headers::new())).collect()))
    }

    fn first(status: u16, headers: &[(&'static str, &'static str)]) -> Self {
        Self(Mutex::new([(status, headers.to_vec())].into()))
    }
}

/// A server that takes JSON. What it has seen outlives it.
struct Receiver {
    address: SocketAddr,
    seen: Arc<Seen>,
    runtime: Option<Runtime>,
}

struct Seen {
    answers: Answers,
    /// Every request: its body, and what it is authorised by.
    requests: Mutex<Vec<(Value, String)>>,
    /// When each of them came.
    times: Mutex<Vec<Instant>>,
}

impl Receiver {
    async fn start(answers: Answers) -> Self {
        let listener = StdListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen { answers, requests: Mutex::default(), times: Mutex::default() });
        let mut receiver = Self { address, seen, runtime: None };
        receiver.serve(listener);
        receiver
    }

    fn serve(&mut self, listener: StdListener) {
        let take = |State(seen): State<Arc<Seen>>, headers: HeaderMap, body: String| async move {
            assert_eq!(headers.get("content-type").unwrap(), "application/json");
            let token = headers.get("authorization").map_or("", |token| token.to_str().unwrap());
            seen.requests.lock().unwrap().push((serde_json::from_str(&body).unwrap(), token.to_owned()));
            seen.times.lock().unwrap().push(Instant::now());
            let (status, headers) = seen.answers.0.lock().unwrap().pop_front().unwrap_or((200, Headers::new()));
            let header = |(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
            (StatusCode::from_u16(status).unwrap(), headers.into_iter().map(header).collect::<HeaderMap>())
        };
        let app = Router::new().route("/hook", post(take)).with_state(Arc::clone(&self.seen));
        let app = app.layer(DefaultBodyLimit::max(1 << 20));
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        listener.set_nonblocking(true).unwrap();
        runtime.spawn(async move { axum::serve(TcpListener::from_std(listener).unwrap(), app).await.unwrap() });
        self.runtime = Some(runtime);
    }

    /// Ends it, with every connection.
    fn kill(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }

    /// Starts it again, at the same address.
    fn restart(&mut self) {
        // What was killed may hold the port for a moment.
        let bound = (0..100).find_map(|_| {
            let bound = StdListener::bind(self.address).ok();
            if bound.is_none() {
                thread::sleep(Duration::from_millis(50));
            }
            bound
        });
        self.serve(bound.unwrap());
    }

    /// The handler that sends here.
    fn handler(&self, options: &[(&str, &str)]) -> WasmEventHandler {
        self.handler_counted(options, &Arc::default())
    }

    fn handler_counted(&self, options: &[(&str, &str)], metrics: &Arc<Metrics>) -> WasmEventHandler {
        let url = format!("http://{}/hook", self.address);
        let mut options = set(options);
        options.insert("url".to_owned(), url);
        options.entry("back-off".to_owned()).or_insert_with(|| "10 ms".to_owned());
        let http = vec![format!("http://{}", self.address).parse().unwrap()];
        counted("webhook", Grants { http, options, ..Grants::default() }, metrics).unwrap()
    }

    /// How long after the one before each request came.
    fn gaps(&self) -> Vec<Duration> {
        let times = self.seen.times.lock().unwrap();
        times.iter().zip(times.iter().skip(1)).map(|(before, after)| *after - *before).collect()
    }

    fn bodies(&self) -> Vec<Value> {
        self.seen.requests.lock().unwrap().iter().map(|(body, _)| body.clone()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.kill();
    }
}

#[async_trait(?Send)]
impl Place for Receiver {
    fn handler(&self, metrics: &Arc<Metrics>) -> WasmEventHandler {
        self.handler_counted(&[], metrics)
    }

    async fn arrived(&self) -> Vec<Arrived> {
        let bodies = self.bodies();
        let arrived = |event: &Value| {
            let text = |key: &str| event[key].as_str().unwrap().to_owned();
            let at: Timestamp = text("at").parse().unwrap();
            Arrived {
                is_warning: text("severity") == "warning",
                reason: text("reason"),
                message: text("message"),
                count: event["count"].as_u64().unwrap().try_into().unwrap(),
                at: Some(at.as_millis() / 1000),
                cluster: Some(text("cluster")),
                job: Some(text("job")),
                job_id: Some(text("job-id")),
                key: None,
            }
        };
        bodies.iter().flat_map(|body| body["events"].as_array().unwrap()).map(arrived).collect()
    }

    async fn away(&mut self) -> bool {
        self.kill();
        true
    }

    async fn back(&mut self) {
        self.restart();
    }
}

#[tokio::test]
async fn webhook_keeps_to_the_contract() {
    keeps_to_the_contract(&mut Receiver::start(Answers::good()).await).await;
}

#[tokio::test]
async fn each_receiver_gets_its_own_form() {
    let told = event(0, "ScalingReport", "a <b> & \"c\"", 3);
    let job = format!("{:032x}", 0xab);
    let template =
        r#"{"title": "{{reason}} of {{cluster}}/{{job}}", "body": ["{{message}}", "{{ count }}", "{{no}}"], "n": 1}"#;
    for (options, expected) in [
        (
            vec![],
            json!({ "events": [{
                "at": "2026-01-01T00:00:00Z", "cluster": "orders", "job": "enrich", "job-id": job, "severity": "warning",
                "reason": "ScalingReport", "message": "a <b> & \"c\"", "count": 3,
            }] }),
        ),
        (
            vec![("format", "slack")],
            json!({ "text": ":warning: *orders/enrich* ScalingReport: a &lt;b&gt; &amp; \"c\" (3 times)" }),
        ),
        (
            vec![("format", "alertmanager")],
            json!([{
                "labels": {
                    "alertname": "ScalingReport", "severity": "warning", "cluster": "orders", "job": "enrich",
                    "job_id": job,
                },
                "annotations": { "summary": "a <b> & \"c\"", "count": "3" },
                "startsAt": "2026-01-01T00:00:00Z",
            }]),
        ),
        (
            vec![("template", template)],
            json!({ "title": "ScalingReport of orders/enrich", "body": ["a <b> & \"c\"", "3", "{{no}}"], "n": 1 }),
        ),
    ] {
        let receiver = Receiver::start(Answers::good()).await;
        receiver.handler(&options).handle(std::slice::from_ref(&told)).await.unwrap();
        assert_eq!(receiver.bodies(), [expected], "{options:?}");
    }
}

#[tokio::test]
async fn what_may_help_is_tried_again_and_nothing_else() {
    for (answers, requests, end) in [
        (vec![503, 429, 200], 3, None),
        (vec![500, 500, 500, 500, 500], 4, Some("answered 500 (attempt 4, the last)")),
        (vec![404], 1, Some("answered 404")),
        (vec![302], 1, Some("answered 302")),
    ] {
        let receiver = Receiver::start(Answers::with(answers.clone())).await;
        let handler = receiver.handler(&[]);
        let events = [event(0, "R", "m", 1)];
        match end {
            None => handler.handle(&events).await.unwrap(),
            Some(end) => {
                let said = complaint(&handler, &events).await;
                assert!(said.contains(end), "{answers:?}: {said}");
            }
        }
        assert_eq!(receiver.bodies().len(), requests, "{answers:?}");
    }
}

#[tokio::test]
async fn a_receiver_says_when_it_wants_to_be_asked_again() {
    let date = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    let events = [event(0, "R", "m", 1)];
    // Each at once, and not one after the other.
    let asked = [
        (429, vec![("retry-after", "1")]),
        (503, vec![("retry-after", " 1 ")]),
        (503, vec![date, ("retry-after", "Thu, 01 Jan 2026 00:00:01 GMT")]),
        (429, vec![date, ("retry-after", "Thursday, 01-Jan-26 00:00:01 GMT")]),
    ];
    let second = asked.map(|(status, headers)| async move {
        let receiver = Receiver::start(Answers::first(status, &headers)).await;
        receiver.handler(&[]).handle(&[event(0, "R", "m", 1)]).await.unwrap();
        assert!(matches!(receiver.gaps()[..], [gap] if gap >= Duration::from_secs(1)), "{headers:?}");
    });
    futures::future::join_all(second).await;

    // Longer than it is waited for: there is no further attempt, and no number is too large.
    for asks in ["3600", "18446744073709551615", "Fri, 31 Dec 9999 23:59:59 GMT"] {
        let receiver = Receiver::start(Answers::first(429, &[("retry-after", asks)])).await;
        let said = complaint(&receiver.handler(&[]), &events).await;
        assert!(said.contains("answered 429 and asks for") && said.contains("more than `patience` leaves"), "{said}");
        assert_eq!(receiver.bodies().len(), 1, "{asks}");
    }
    // What is over, or no time at all, is not waited for; nor do other answers say when.
    for (status, asks) in
        [(429, "Thu, 01 Jan 1970 00:00:00 GMT"), (429, "soon"), (503, "-1"), (503, ""), (500, "3600"), (408, "3600")]
    {
        let receiver = Receiver::start(Answers::first(status, &[("retry-after", asks)])).await;
        receiver.handler(&[]).handle(&events).await.unwrap();
        assert_eq!(receiver.bodies().len(), 2, "{asks}");
    }
}

#[tokio::test]
async fn headers_are_sent() {
    let receiver = Receiver::start(Answers::good()).await;
    let handler = receiver.handler(&[("headers", r#"{"authorization":"Bearer abc"}"#)]);
    handler.handle(&[event(0, "R", "m", 1)]).await.unwrap();
    assert_eq!(receiver.seen.requests.lock().unwrap()[0].1, "Bearer abc");
}

#[tokio::test]
async fn what_is_wrong_is_said_before_it_is_in_service() {
    let http = vec!["http://127.0.0.1:1".parse().unwrap()];
    for (options, expected) in [
        (vec![], "option `url` is missing"),
        (vec![("url", "hooks")], "option `url`: `hooks` is no `https://HOST/PATH`"),
        (vec![("url", "http://127.0.0.1:1/"), ("format", "xml")], "`xml` is none of json, slack, alertmanager"),
        (vec![("url", "http://127.0.0.1:1/"), ("template", "{")], "option `template` is no JSON"),
        (vec![("url", "http://127.0.0.1:1/"), ("attempts", "0")], "option `attempts`: `0` is not a number"),
        (vec![("url", "http://127.0.0.1:1/"), ("retries", "3")], "there is no option `retries`"),
        (vec![("url", "http://127.0.0.1:1/"), ("headers", "x")], "option `headers`: expected a table of texts"),
    ] {
        let grants = Grants { http: http.clone(), options: set(&options), ..Grants::default() };
        let error = bundled("webhook", grants).unwrap().try_out().await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let to = |url: &str| {
        let options = set(&[("url", url), ("back-off", "1 ms")]);
        bundled("webhook", Grants { http: http.clone(), options, ..Grants::default() }).unwrap()
    };
    let events = [event(0, "R", "m", 1)];
    let said = complaint(&to("http://127.0.0.1:1/"), &events).await;
    assert!(said.contains("(attempt 4, the last)"), "{said}");
    let said = complaint(&to("http://127.0.0.2:1/"), &events).await;
    assert!(said.contains("grant = { http ="), "{said}");
    let error = bundled("webhook", Grants::default()).map(drop).unwrap_err();
    assert!(error.to_string().contains("wasi:http"), "{error}");
}
