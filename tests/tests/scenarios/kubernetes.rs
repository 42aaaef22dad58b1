//! The API server, as a plugin that is granted it reaches it: under one name, with credentials that it never sees.

use std::fs;
use std::sync::Arc;

use tidegate::plugin::{Grants, KubernetesGrant, Limits, WasmEventHandler};
use tidegate_tests::host::http_handler;
use tidegate_tests::kubernetes::ApiServer;

use crate::hostile_handlers::end_of;
use crate::log::Log;

const URL: &str = "https://kubernetes.default.svc/api/v1/namespaces/streams/configmaps?limit=1";

fn granted(server: KubernetesGrant) -> Arc<WasmEventHandler> {
    http_handler(Limits::of_event_handlers(), Grants { kubernetes: Some(server), ..Grants::default() }).unwrap()
}

async fn said(handler: &WasmEventHandler, url: &str) -> String {
    end_of(handler, "get", url).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_service_account_is_followed_when_its_files_change() {
    let folder = tempfile::tempdir().unwrap();
    let (log, _guard) = Log::listen();
    let server = ApiServer::start();
    let handler = granted(server.account(folder.path()));
    assert!(said(&handler, URL).await.starts_with("said: ok: 200 {\"items\":[]"));
    // A guest's own word on who it is does not leave.
    assert!(said(&handler, &format!("{URL} Bearer mine")).await.starts_with("said: ok: 200"));

    server.objects().tokens = ["second-token".to_owned()].into();
    for _ in 0..3 {
        assert!(said(&handler, URL).await.starts_with("said: ok: 401"));
    }
    assert_eq!(log.lines("the API server refuses plugin's requests").len(), 1, "once, and not for every request");
    fs::write(folder.path().join("token"), "second-token\n").unwrap();
    assert!(said(&handler, URL).await.starts_with("said: ok: 200"));

    // Another cluster in the place of the first, with another authority: its file says so.
    let other = ApiServer::start();
    other.objects().tokens = ["second-token".to_owned()].into();
    fs::copy(folder.path().join("ca.crt"), folder.path().join("old.crt")).unwrap();
    other.account(folder.path());
    let failed = said(&handler, URL).await;
    assert_eq!(failed, "said: failed: ErrorCode::TlsCertificateError");
    fs::copy(folder.path().join("old.crt"), folder.path().join("ca.crt")).unwrap();
    fs::write(folder.path().join("token"), "second-token").unwrap();
    assert!(said(&handler, URL).await.starts_with("said: ok: 200"));

    fs::remove_file(folder.path().join("token")).unwrap();
    let failed = said(&handler, URL).await;
    assert!(failed.contains("InternalError") && failed.contains("token`: No such file"), "{failed}");
    assert!(log.lines("first-token").is_empty() && log.lines("second-token").is_empty());
}

#[tokio::test]
async fn a_kubeconfig_leads_to_its_server_with_a_token_or_a_certificate() {
    for server in [ApiServer::start(), ApiServer::by_certificate()] {
        let folder = tempfile::tempdir().unwrap();
        let file = server.kubeconfig(folder.path());
        let handler = granted(KubernetesGrant::Kubeconfig { file: file.clone(), context: None });
        assert!(said(&handler, URL).await.starts_with("said: ok: 200"));
        // Under its own address it is not reached, nor anybody else.
        for url in [format!("https://{}/", server.address()), "https://kubernetes.default.svc:6443/".to_owned()] {
            assert_eq!(said(&handler, &url).await, "said: failed: ErrorCode::HttpRequestDenied", "{url}");
        }
        fs::write(&file, "current-context: [").unwrap();
        assert!(said(&handler, URL).await.contains("is no kubeconfig"));
        server.kubeconfig(folder.path());
        assert!(said(&handler, URL).await.starts_with("said: ok: 200"));
    }
}

#[tokio::test]
async fn a_server_that_goes_away_is_reached_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = ApiServer::start();
    let grant = server.account(folder.path());
    server.kill();
    let handler = granted(grant);
    assert_eq!(said(&handler, URL).await, "said: failed: ErrorCode::ConnectionRefused");
    for _ in 0..2 {
        server.restart();
        assert!(said(&handler, URL).await.starts_with("said: ok: 200"));
        server.kill();
        assert!(said(&handler, URL).await.starts_with("said: failed: "));
    }
}
