//! A way to a cluster that shows one job and changes nothing.

use async_trait::async_trait;
use serde_json::{Value, json};

use super::{FlinkError, Request, Response, Transport};
use crate::model::JobId;

/// Lets only reads through, shows only one job, and hides what the job itself says about `hidden` options: the options
/// given beside it then hold.
#[derive(Debug)]
pub(super) struct Onlooker<T> {
    pub(super) inner: T,
    pub(super) job: JobId,
    pub(super) hidden: Vec<&'static str>,
}

#[async_trait]
impl<T: Transport> Transport for Onlooker<T> {
    fn url(&self, path: &str) -> String {
        self.inner.url(path)
    }

    async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError> {
        if request.put.is_some() {
            let body = json!({ "errors": ["this host only looks on"] }).to_string().into_bytes();
            return Ok(Response { status: 405, body });
        }
        let path = request.path;
        let response = self.inner.exchange(request).await?;
        let keep: &dyn Fn(&Value) -> bool = match path {
            "/jobs/overview" => &|job| job["jid"] == self.job.to_string(),
            _ if path.ends_with("/jobmanager/config") => {
                &|entry| !self.hidden.iter().any(|hidden| entry["key"] == *hidden)
            }
            _ => return Ok(response),
        };
        // What is no JSON is for the client to judge.
        let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else { return Ok(response) };
        let entries = if path == "/jobs/overview" { body.get_mut("jobs") } else { Some(&mut body) };
        if let Some(entries) = entries.and_then(Value::as_array_mut) {
            entries.retain(keep);
        }
        Ok(Response { body: body.to_string().into_bytes(), ..response })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Echo(&'static str);

    #[async_trait]
    impl Transport for Echo {
        fn url(&self, path: &str) -> String {
            path.to_owned()
        }

        async fn exchange(&self, request: Request<'_>) -> Result<Response, FlinkError> {
            assert_eq!(request.put, None, "nothing may be changed");
            Ok(Response { status: 200, body: self.0.as_bytes().to_vec() })
        }
    }

    async fn shown(path: &str, put: bool, body: &'static str) -> (u16, String) {
        let hidden = vec!["job.autoscaler.enabled"];
        let onlooker = Onlooker { inner: Echo(body), job: JobId::from_u128(10), hidden };
        let put = put.then(|| b"{}".to_vec());
        let response = onlooker.exchange(Request { path, query: &[], put }).await.unwrap();
        (response.status, String::from_utf8(response.body).unwrap())
    }

    #[tokio::test]
    async fn one_job_is_shown_and_nothing_is_changed() {
        let own = r#"{"jobs":[{"jid":"0000000000000000000000000000000a"}]}"#;
        let all = r#"{"jobs":[{"jid":"0000000000000000000000000000000a"},{"jid":"0000000000000000000000000000000b"}]}"#;
        assert_eq!(shown("/jobs/overview", false, all).await, (200, own.to_owned()));
        let config = r#"[{"key":"job.autoscaler.enabled","value":"false"},{"key":"a","value":"b"}]"#;
        let left = r#"[{"key":"a","value":"b"}]"#;
        assert_eq!(shown("/jobs/x/jobmanager/config", false, config).await, (200, left.to_owned()));
        assert_eq!(shown("/jobs/overview", false, "<html>").await, (200, "<html>".to_owned()));
        assert_eq!(shown("/jobs/x/resource-requirements", true, "{}").await.0, 405);
    }
}
