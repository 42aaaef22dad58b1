//! Lines that a running daemon streams.

use std::io::{BufRead, BufReader};

use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use tokio::sync::mpsc;
use ureq::Agent;
use ureq::http::StatusCode;

/// Lines that wait to be written; behind them the connection fills, and the daemon then counts what it loses.
const BACKLOG: usize = 8;

/// What to record.
pub(super) struct Query {
    pub(super) job: String,
    pub(super) cluster: Option<String>,
    pub(super) header_every: usize,
}

/// Asks the daemon at `url`. The lines end with the recording, or with an error when the connection breaks.
pub(super) async fn open(url: &str, token: Option<String>, query: Query) -> Result<mpsc::Receiver<Result<String>>> {
    let url = url.trim_end_matches('/').to_owned();
    let answer = tokio::task::spawn_blocking(move || ask(&url, token.as_deref(), &query)).await?;
    let mut reader = answer?;
    let (to, lines) = mpsc::channel(BACKLOG);
    // A thread of its own, for it waits for as long as the recording takes.
    std::thread::spawn(move || {
        loop {
            let line = match read_line(&mut reader) {
                Ok(None) => return,
                Ok(Some(line)) => Ok(line),
                Err(error) => Err(error),
            };
            let is_last = line.is_err();
            if to.blocking_send(line).is_err() || is_last {
                return;
            }
        }
    });
    Ok(lines)
}

fn ask(url: &str, token: Option<&str>, query: &Query) -> Result<impl BufRead + Send + use<>> {
    let agent: Agent = Agent::config_builder().http_status_as_error(false).build().into();
    let mut request = agent.get(format!("{url}/api/v1/record")).query("job", &query.job);
    if let Some(cluster) = &query.cluster {
        request = request.query("cluster", cluster);
    }
    request = request.query("header-every", query.header_every.to_string());
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let mut answer = request.call().with_context(|| format!("cannot reach a daemon at {url}: check that it runs"))?;
    match answer.status() {
        StatusCode::OK => Ok(BufReader::new(answer.into_body().into_reader())),
        status => {
            #[derive(Deserialize)]
            struct Refusal {
                error: String,
            }
            let body = answer.body_mut().read_to_string().unwrap_or_default();
            match serde_json::from_str::<Refusal>(&body) {
                Ok(Refusal { error }) if status == StatusCode::UNAUTHORIZED => {
                    bail!("the daemon refuses: {error} (here with --token-env NAME)")
                }
                Ok(Refusal { error }) => bail!("the daemon refuses: {error}"),
                Err(_) => bail!("{url} is no tidegate that can record: it answers with status {status}"),
            }
        }
    }
}

/// The next whole line.
fn read_line(reader: &mut impl BufRead) -> Result<Option<String>> {
    let mut line = String::new();
    let read = reader.read_line(&mut line);
    read.context("the connection to the daemon broke off; what is recorded can be read")?;
    match line.pop() {
        None => Ok(None),
        Some('\n') => Ok(Some(line)),
        Some(_) => Err(anyhow!("the daemon broke off in the middle of a line; what is recorded before it can be read")),
    }
}
