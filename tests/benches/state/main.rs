//! What it costs to keep state and to tell events, beside the same done with nothing between: bytes written through to
//! the same disk, rows inserted into the same database, requests sent to the same receiver.
//!
//! `cargo bench --bench state` prints both tables; `-- flush` or `-- events` one of them. Databases are
//! left out where their programs are not there. The Kubernetes API server is a double: what etcd and a network add to a
//! request, both sides of these rows are without.

#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

mod events;
mod flush;
mod rows;
mod twins;

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use tidegate::plugin::{Grants, SqlGrant};
use tidegate_tests::database::{AnyServer, every};
use tokio::runtime;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let threads = runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if is_wanted("flush") {
        threads.block_on(flush::table())?;
    }
    if is_wanted("events") {
        threads.block_on(events::table())?;
    }
    Ok(())
}

/// What a plugin needs that opens this database as `main`.
fn database(url: &str) -> Outcome<Grants> {
    let databases = BTreeMap::from([("main".to_owned(), SqlGrant::new(url, Path::new("/"))?)]);
    Ok(Grants { databases, ..Grants::default() })
}

/// The database servers whose programs are there, by their names.
fn databases(folder: &Path) -> Vec<(&'static str, AnyServer)> {
    let mut running = Vec::new();
    for (name, started) in every(folder) {
        match started {
            Ok(server) => running.push((name, server)),
            Err(error) => println!("{name} is left out: {error}"),
        }
    }
    running
}

/// The median of how long the work takes with each of these.
async fn median<T>(items: &[T], mut work: impl AsyncFnMut(&T) -> Outcome<()>) -> Outcome<Duration> {
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        let began = Instant::now();
        work(item).await?;
        all.push(began.elapsed());
    }
    middle(all)
}

fn middle(mut all: Vec<Duration>) -> Outcome<Duration> {
    all.sort_unstable();
    all.get(all.len() / 2).copied().ok_or_else(|| "nothing was done".into())
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.1}", one.as_secs_f64() / other.as_secs_f64())
}
