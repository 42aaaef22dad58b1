//! What the host costs: it looks after simulated clusters of several sizes, each run a process of its own.
//!
//! `cargo bench --bench cost` prints a table; `-- 100x10` measures one size of it, `-- 100x10-first` that size by a daemon
//! that has never run before, `-- latency` the round trips.

mod trial;

use std::env;
use std::time::Duration;

use tidegate_tests::error::HarnessError;
use trial::{Cost, Trial};

/// Every size is looked at as often as its interval allows, so that few seconds have many passes.
const SIZES: [Trial; 5] = [
    Trial::of(1, 10).every(50).window(60).passes(400),
    Trial::of(100, 10).every(500).window(60).passes(30),
    Trial::of(100, 10).every(500).window(60).passes(30).first_start(),
    Trial::of(1000, 10).every(4_000).window(12).passes(5),
    Trial::of(10, 200).every(400).window(60).passes(30),
];

/// One large job of a cluster that is far away.
const DISTANT: Trial = Trial::of(1, 200).every(1_000).window(4).passes(8).latency(2);

fn main() -> Result<(), HarnessError> {
    let wanted: Vec<String> = env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
    let mut header = Some(header);
    for size in SIZES.iter().filter(|size| is_wanted(&size.name())) {
        let cost = size.run()?;
        if let Some(header) = header.take() {
            header();
        }
        row(size, &cost);
    }
    if is_wanted("latency") {
        let together = DISTANT.run()?;
        let in_turn = DISTANT.connections(1).run()?;
        round_trips(&together, &in_turn);
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn header() {
    println!("per job and pass:");
    println!(
        "{:>12} | {:>9} {:>7} | {:>8} {:>7} | {:>9} {:>8} {:>8} | {:>8} {:>8} | {:>6}",
        "size",
        "interval",
        "samples",
        "CPU",
        "policy",
        "wall time",
        "requests",
        "received",
        "resident",
        "peak",
        "passes"
    );
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn row(size: &Trial, cost: &Cost) {
    println!(
        "{:>12} | {:>9} {:>7} | {:>8} {:>7} | {:>9} {:>8.1} {:>8} | {:>8} {:>8} | {:>6}",
        size.name(),
        format!("{:?}", size.interval()),
        cost.samples,
        milliseconds(cost.cpu),
        format!("{:.1} %", 100.0 * cost.policy.as_secs_f64() / cost.cpu.as_secs_f64()),
        milliseconds(cost.wall),
        cost.requests,
        format!("{:.1} kB", cost.received / 1000.0),
        megabytes(cost.resident),
        megabytes(cost.peak),
        cost.passes,
    );
}

#[expect(clippy::print_stdout, reason = "the table is what this program is for")]
fn round_trips(together: &Cost, in_turn: &Cost) {
    println!("\na pass of a job of 200 vertices, every answer 2 ms late:");
    println!("  {} with the usual 32 connections", milliseconds(together.wall));
    println!("  {} with one connection, so that its calls go one after another", milliseconds(in_turn.wall));
    println!("  {:.1} times as fast", in_turn.wall.as_secs_f64() / together.wall.as_secs_f64());
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1000.0)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
