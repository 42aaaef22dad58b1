//! Two doubles of the Kubernetes API server: one that plugins use, and its twin, which is sent the same with nothing
//! between. Both begin alike and see the same in the same order, so that they answer alike.

use std::path::Path;
use std::time::{Duration, Instant};

use tidegate::plugin::Grants;
use tidegate_tests::kubernetes::{ApiServer, Client, Request};

use crate::Outcome;

/// What stands beside the rows of plugins that use a double.
pub(crate) const SAME_REQUESTS: &str = "the same requests straight to a double of the API server";

pub(crate) struct Twins {
    used: ApiServer,
    client: Client,
    _twin: ApiServer,
}

impl Twins {
    pub(crate) fn start() -> Self {
        let (used, twin) = (ApiServer::start(), ApiServer::start());
        used.objects().requests = Some(Vec::new());
        Self { used, client: twin.client(), _twin: twin }
    }

    /// What a plugin needs that uses the one, as a pod would; its service account is in `folder`.
    pub(crate) fn grants(&self, folder: &Path) -> Grants {
        Grants { kubernetes: Some(self.used.account(folder)), ..Grants::default() }
    }

    /// Sends the other what the one has been sent since this was asked last. Says how long each request takes, from its
    /// first byte to the last of its answer.
    pub(crate) async fn sent_straight(&self) -> Outcome<Vec<Duration>> {
        let requests = self.used.objects().requests.replace(Vec::new()).unwrap_or_default();
        let mut times = Vec::with_capacity(requests.len());
        for request in &requests {
            times.push(self.send(request).await?);
        }
        Ok(times)
    }

    async fn send(&self, request: &Request) -> Outcome<Duration> {
        let began = Instant::now();
        let status = self.client.send(request).await?;
        let took = began.elapsed();
        if status != request.status {
            let Request { method, target, status: expected, .. } = request;
            return Err(format!("{method} {target} is answered {status}, and not {expected}").into());
        }
        Ok(took)
    }
}
