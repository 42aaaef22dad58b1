//! What is granted can be used, and nothing else: requests on real sockets, files in a real folder.

use std::fs;
use std::future::pending;
use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Redirect;
use axum::routing::{get, post};
use futures::stream;
use tidegate::plugin::{Folder, Grants, Limits, LoadError, Secret, WasmEventHandler};
use tidegate_test_tls::{SecureListener, authority};
use tidegate_tests::host::{hostile_handler, http_handler};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::hostile_handlers::end_of;
use crate::log::Log;

fn limits() -> Limits {
    Limits { deadline: Duration::from_secs(20), http_time: Duration::from_millis(500), ..Limits::of_event_handlers() }
}

/// A server on loopback that does all that a server can do to its client. Ends with the answer.
async fn server() -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let endless = || async {
        Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 4096]))))
    };
    let app = Router::new()
        .route(
            "/",
            get(|headers: HeaderMap| async move {
                let secret = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap().len());
                format!("hello {secret:?}")
            }),
        )
        .route(
            "/services/{token}",
            get(|path: axum::extract::Path<String>| async move {
                if *path == "T1-B2" { StatusCode::ACCEPTED } else { StatusCode::FORBIDDEN }
            }),
        )
        .route("/moved", get(|| async { Redirect::temporary("/") }))
        .route("/slow", get(|| async { pending::<()>().await }))
        .route("/endless", get(endless))
        .route("/upload", post(|body: Bytes| async move { body.len().to_string() }));
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, app).await.unwrap() });
    (address, serving)
}

async fn said(handler: &WasmEventHandler, act: &str, with: &str) -> String {
    end_of(handler, act, with).await.unwrap_err().to_string()
}

fn to<const N: usize>(places: [String; N]) -> Grants {
    Grants { http: places.iter().map(|place| place.parse().unwrap()).collect(), ..Grants::default() }
}

#[tokio::test]
async fn requests_go_to_granted_places_only() {
    let (address, _serving) = server().await;
    let port = address.port();
    let handler = http_handler(limits(), to([format!("http://127.0.0.1:{port}")])).unwrap();
    assert_eq!(said(&handler, "get", &format!("http://{address}/")).await, "said: ok: 200 hello None");
    for url in [
        format!("https://{address}/"),
        format!("http://localhost:{port}/"),
        format!("http://127.0.0.1:{}/", port ^ 1),
        format!("http://127.0.0.2:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
    ] {
        assert_eq!(said(&handler, "get", &url).await, "said: failed: ErrorCode::HttpRequestDenied", "{url}");
    }
    assert!(said(&handler, "connect", &format!("http://{address}/")).await.contains("HttpRequestDenied"));
}

#[tokio::test]
async fn a_granted_name_does_not_lead_to_this_machine() {
    let (address, _serving) = server().await;
    let port = address.port();
    let own_name = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let names = own_name.lines().filter(|line| line.starts_with("127.") || line.starts_with("::1"));
    let name = names.flat_map(|line| line.split_whitespace().skip(1)).find(|name| *name != "localhost");
    let Some(name) = name else { return };
    let url = format!("http://{name}:{port}/");
    let place = format!("http://{name}:{port}");
    let refused = http_handler(limits(), to([place.clone()])).unwrap();
    assert_eq!(said(&refused, "get", &url).await, "said: failed: ErrorCode::DestinationIpProhibited");
    let granted =
        http_handler(limits(), to([place, format!("http://127.0.0.1:{port}"), format!("http://[::1]:{port}")]));
    assert!(said(&granted.unwrap(), "get", &url).await.starts_with("said: ok: 200"));
    let localhost = http_handler(limits(), to([format!("http://localhost:{port}")])).unwrap();
    assert!(said(&localhost, "get", &format!("http://localhost:{port}/")).await.starts_with("said: ok: 200"));
}

#[tokio::test]
async fn requests_are_limited_in_size_and_time_and_number() {
    let (address, _serving) = server().await;
    let handler = http_handler(limits(), to([format!("http://{address}")])).unwrap();
    for (act, path, expected) in [
        ("get", "/moved", "ok: 307"),
        ("get", "/slow", "failed: ErrorCode::HttpResponseTimeout"),
        ("get", "/endless", "failed: HTTP response body size exceeds limit: 1048576 bytes"),
        ("upload", "/upload", "failed: ErrorCode::HttpRequestBodySize(Some(1048576))"),
        ("flood", "/slow", "ok: 0 of 100, then ErrorCode::HttpResponseTimeout"),
    ] {
        let said = said(&handler, act, &format!("http://{address}{path}")).await;
        assert!(said.contains(expected), "{act} {path}: {said}");
    }
    // Responses that are not read hold their place.
    let flooded = said(&handler, "flood", &format!("http://{address}/endless")).await;
    assert!(flooded.contains("8 of 100, then ErrorCode::ConnectionLimitReached"), "{flooded}");
    let soon = Limits { deadline: Duration::from_millis(200), ..limits() };
    let handler = http_handler(soon, to([format!("http://{address}")])).unwrap();
    assert_eq!(said(&handler, "get", &format!("http://{address}/slow")).await, "ran past its deadline of 200ms");
}

/// An authority, and a server on loopback that shows a certificate of it for `name`. Ends with the answer.
async fn secure_server(name: &str) -> (SocketAddr, Vec<u8>, JoinSet<()>) {
    let authority = authority();
    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let listener = SecureListener::new(plain, &authority, name, None);
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, Router::new().fallback(async || "hello")).await.unwrap() });
    (address, authority.pem().into_bytes(), serving)
}

#[tokio::test]
async fn over_tls_only_an_authority_that_is_granted_is_trusted() {
    let (address, authority, _serving) = secure_server("127.0.0.1").await;
    let (elsewhere, for_another_name, _also) = secure_server("hooks.internal").await;
    let (plain, _serving_too) = server().await;
    let trusting = |authority: &[u8], place: SocketAddr| {
        let grants = Grants { authorities: Some(authority.to_vec()), ..to([place.to_string()]) };
        http_handler(limits(), grants).unwrap()
    };
    for (handler, place, expected) in [
        (trusting(&authority, address), address, "said: ok: 200 hello"),
        (trusting(&for_another_name, address), address, "said: failed: ErrorCode::TlsCertificateError"),
        (trusting(&for_another_name, elsewhere), elsewhere, "said: failed: ErrorCode::TlsCertificateError"),
        (trusting(&authority, plain), plain, "said: failed: ErrorCode::HttpProtocolError"),
    ] {
        assert_eq!(said(&handler, "get", &format!("https://{place}/")).await, expected, "{place}");
    }
    let unsecured = http_handler(limits(), to([format!("http://{address}")])).unwrap();
    let answer = said(&unsecured, "get", &format!("http://{address}/")).await;
    assert!(answer.starts_with("said: failed: ErrorCode::"), "{answer}");
    let Err(LoadError::Grant { reason }) =
        http_handler(limits(), Grants { authorities: Some(b"text".to_vec()), ..to([address.to_string()]) })
    else {
        panic!("that is no authority")
    };
    assert_eq!(reason, "`ca` has no certificate in PEM");
}

#[tokio::test]
async fn a_secret_is_sent_and_never_seen() {
    let (address, _serving) = server().await;
    let (log, _guard) = Log::listen();
    let place = format!("http://{address}");
    let secret =
        |name: &str, value: &str| Secret { name: name.to_owned(), to: place.parse().unwrap(), value: value.to_owned() };
    let grants = Grants { secrets: vec![secret("PATH", "T1-B2"), secret("TOKEN", "hunter2")], ..to([place.clone()]) };
    let handler = http_handler(limits(), grants).unwrap();
    assert!(said(&handler, "get", &format!("{place}/services/{{{{secret:PATH}}}}")).await.contains("202"));
    let header = said(&handler, "get", &format!("{place}/ Bearer {{{{secret:TOKEN}}}}")).await;
    assert_eq!(header, "said: ok: 200 hello Some(14)", "that is `Bearer hunter2`");
    let unknown = said(&handler, "get", &format!("{place}/services/{{{{secret:OTHER}}}}")).await;
    assert_eq!(unknown, "said: failed: ErrorCode::HttpRequestDenied");
    assert_eq!(log.lines("plugin's request refused").len(), 1);
    assert!(log.lines("hunter2").is_empty() && log.lines("T1-B2").is_empty());
}

#[tokio::test]
async fn a_handler_that_needs_what_it_is_not_granted_is_refused() {
    let Err(LoadError::Misfit { misfit, .. }) = http_handler(limits(), Grants::default()) else {
        panic!("it is loaded")
    };
    assert!(misfit.contains("which plugin `http` is not granted: `grant = { http = [\"host:port\"] }`"), "{misfit}");
}

#[tokio::test]
async fn a_granted_folder_is_all_that_is_seen() {
    let outer = tempfile::tempdir().unwrap();
    fs::write(outer.path().join("secret"), "hunter2").unwrap();
    let path = outer.path().join("inner");
    fs::create_dir(&path).unwrap();
    fs::write(path.join("note"), "hello").unwrap();
    symlink(outer.path().join("secret"), path.join("absolute")).unwrap();
    symlink("../secret", path.join("relative")).unwrap();
    let folder = |write| Grants { folder: Some(Folder { path: path.clone(), write }), ..Grants::default() };

    let none = hostile_handler(limits(), Grants::default());
    let reader = hostile_handler(limits(), folder(false));
    let writer = hostile_handler(limits(), folder(true));
    assert!(said(&none, "read", "/note").await.starts_with("said: failed"));
    for handler in [&reader, &writer] {
        assert_eq!(said(handler, "read", "/note").await, "said: ok: hello");
        for outside in ["/absolute", "/relative", "/../secret", "/etc/hostname"] {
            assert!(said(handler, "read", outside).await.starts_with("said: failed"), "{outside}");
        }
    }
    assert!(said(&reader, "write", "/note").await.starts_with("said: failed"));
    assert_eq!(fs::read_to_string(path.join("note")).unwrap(), "hello");
    assert_eq!(said(&writer, "write", "/note").await, "said: ok: done");
    assert_eq!(fs::read_to_string(path.join("note")).unwrap(), "written");
    assert!(said(&writer, "write", "/relative").await.starts_with("said: failed"));
    assert_eq!(fs::read_to_string(outer.path().join("secret")).unwrap(), "hunter2");

    fs::remove_dir_all(&path).unwrap();
    let gone = end_of(&writer, "read", "/note").await.unwrap_err();
    assert_eq!(gone.kind(), "grant", "{gone}");
}

#[tokio::test]
async fn what_is_written_is_limited() {
    let folder = tempfile::tempdir().unwrap();
    let limits = Limits { file_bytes: 100_000, files: 5, ..limits() };
    let grants = Grants { folder: Some(Folder { path: folder.path().to_owned(), write: true }), ..Grants::default() };
    let handler = hostile_handler(limits, grants);
    let filled = said(&handler, "fill", "/full").await;
    assert!(filled.contains("after 98304 bytes"), "{filled}");
    assert_eq!(fs::metadata(folder.path().join("full")).unwrap().len(), 98304);
    assert!(said(&handler, "stretch", "/long").await.starts_with("said: failed"));
    assert_eq!(fs::metadata(folder.path().join("long")).unwrap().len(), 0);
    let littered = said(&handler, "litter", "/").await;
    assert!(littered.contains("after 5 files"), "{littered}");
    // A pipe would hold up whoever opens it.
    let pipe = folder.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(said(&handler, "read", "/pipe").await.starts_with("said: failed"));
}

#[tokio::test]
async fn only_named_variables_are_seen() {
    let none = hostile_handler(limits(), Grants::default());
    assert_eq!(said(&none, "environment", "").await, "said: []");
    let grants = Grants { env: vec![("X".to_owned(), "1".to_owned())], ..Grants::default() };
    let one = hostile_handler(limits(), grants);
    assert_eq!(said(&one, "environment", "").await, "said: [(\"X\", \"1\")]");
}
