//! What it costs to keep state and to tell events, beside the same done with nothing between: bytes written through to
//! the same disk, rows inserted into the same database, requests sent to the same receiver.
//!
//! `cargo bench -p tidegate-tests --bench state` prints both tables; `-- flush` or `-- events` one of them. Databases are
//! left out where their programs are not there.

#![expect(clippy::print_stdout, reason = "the tables are what this program is for")]

mod events;
mod flush;

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use tidegate::plugin::{Grants, SqlGrant};
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

/// The median of so many times.
async fn median(times: usize, mut work: impl AsyncFnMut(usize) -> Outcome<()>) -> Outcome<Duration> {
    let mut all = Vec::with_capacity(times);
    for number in 0..times {
        let began = Instant::now();
        work(number).await?;
        all.push(began.elapsed());
    }
    all.sort_unstable();
    all.get(times / 2).copied().ok_or_else(|| "nothing was done".into())
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1e3)
}

fn ratio(one: Duration, other: Duration) -> String {
    format!("{:.1}", one.as_secs_f64() / other.as_secs_f64())
}
