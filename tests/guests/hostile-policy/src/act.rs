//! What it does instead of deciding.

use std::collections::hash_map::RandomState;
use std::env;
use std::fs;
use std::hash::BuildHasher;
use std::hint::black_box;
use std::io::Read;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::bindings::exports::tidegate::policy::scaling::{
    Column, Decision, Event, Failure, Scalar, Severity, Verdict,
};
use crate::bindings::tidegate::host::log::{Level, write};
use crate::bindings::tidegate::policy::observation::View;
use crate::{decision, memory, scale};

/// More than one answer may carry.
const HUGE: usize = 16 << 20;

pub(crate) fn on_options(act: &str) -> Vec<String> {
    match act {
        "spin-on-options" => spin(),
        "rant-on-options" => vec!["no ".repeat(100_000)],
        _ => Vec::new(),
    }
}

pub(crate) fn on_view(act: &str, view: &View) -> Result<Decision, Failure> {
    let hold = || Verdict::Hold(String::new());
    let vertices = view.vertices();
    Ok(match act {
        "spin" => spin(),
        "hoard" => hoard(),
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "sleep" => {
            thread::sleep(Duration::from_secs(3600));
            decision(hold())
        }
        "exhaust" => decision(Verdict::Hold(deep(1 << 40).to_string())),
        "ask-without-end" => loop {
            black_box(view.vertices());
        },
        "call-back" => {
            memory::call_back();
            decision(Verdict::Hold(view.names().concat()))
        }
        "spin-in-an-answer" => {
            memory::spin();
            decision(Verdict::Hold(view.names().concat()))
        }
        "hoard-answers" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(view.options(&["hostile.bulk".to_owned()]));
            }
        }
        "evaluate-nan" => {
            let (current, average) = (vec![f64::NAN; vertices.len()], vec![f64::NEG_INFINITY; vertices.len()]);
            let column = Column { metric: "LOAD".to_owned(), current, average };
            let scalar = Scalar { metric: "GC_PRESSURE".to_owned(), current: f64::NAN, average: f64::INFINITY };
            let is_full = view.window_full_at() <= view.now();
            let verdict = if is_full { scale(vertices, 2) } else { hold() };
            Decision { evaluated: vec![column], evaluated_global: vec![scalar], ..decision(verdict) }
        }
        "gamble" => decision(Verdict::Hold(gamble())),
        "recurse" => decision(Verdict::Hold(recurse(0).to_string())),
        "log" => loop {
            write(Level::Info, "all work and no play");
        },
        "log-nothing" => loop {
            write(Level::Info, "");
        },
        "print" => loop {
            println!("all work and no play");
        },
        "decline" => return Err(Failure::Executing("no\n".repeat(100_000))),
        "scale-anyway" => decision(scale(vertices, 2)),
        "scale-a-stranger" => decision(scale(vec!["f".repeat(32)], 2)),
        "scale-nonsense" => decision(scale(vec!["not a vertex".to_owned()], 2)),
        "scale-to-0" => decision(scale(vertices, 0)),
        "scale-to-4-billion" => decision(scale(vertices, 4_000_000_000)),
        "scale-twice" => decision(scale([vertices.clone(), vertices].concat(), 2)),
        "smuggle-targets" => {
            let targets: Vec<String> = vertices.iter().map(|vertex| format!("{vertex}:2")).collect();
            Decision { state: vec![("parallelismOverrides".to_owned(), Some(targets.join(",")))], ..decision(hold()) }
        }
        "say-too-much" => decision(Verdict::Hold("x".repeat(HUGE))),
        "recommend-too-many" => Decision { recommended: vec![2; vertices.len() + 1], ..decision(hold()) },
        "evaluate-too-few" => {
            let column = Column { metric: "LOAD".to_owned(), current: vec![0.5], average: Vec::new() };
            Decision { evaluated: vec![column], ..decision(hold()) }
        }
        "keep-ever-more" => {
            let key = view.now().to_string();
            Decision { state: vec![(key, Some("x".repeat(512 << 10)))], ..decision(hold()) }
        }
        "tell-too-much" => {
            Decision { events: (0..5_000).map(|number| event(number, view.now())).collect(), ..decision(hold()) }
        }
        "tell-ever-more" => {
            Decision { events: (0..500).map(|number| event(number, view.now())).collect(), ..decision(hold()) }
        }
        _ => return Err(Failure::Executing(format!("nothing is known of `{act}`"))),
    })
}

/// Everything that could differ from one call to the next.
fn gamble() -> String {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let heap = Box::new(0_u8);
    let mut input = String::new();
    let read = std::io::stdin().read_to_string(&mut input).ok();
    let facts = [
        format!("{time:?} {:?}", Instant::now()),
        format!("random {} {}", RandomState::new().hash_one(1), RandomState::new().hash_one(1)),
        format!("heap {:p}", &raw const *heap),
        format!("environment {:?} {:?}", env::vars().collect::<Vec<_>>(), env::args().collect::<Vec<_>>()),
        format!("input {read:?} {input:?}"),
        format!("files {:?} {:?}", fs::read_dir("/").is_ok(), fs::write("/x", "x").is_ok()),
        format!("network {:?}", TcpStream::connect("127.0.0.1:1").map_err(|error| error.kind())),
    ];
    facts.join("; ")
}

/// Recursion that no loop can stand for, and that keeps nothing in the guest's memory.
#[inline(never)]
fn deep(left: u64) -> u64 {
    if left == 0 { 0 } else { deep(left - 1).wrapping_mul(31) ^ left }
}

fn spin() -> ! {
    loop {
        black_box(());
    }
}

fn hoard() -> ! {
    let mut hoard = Vec::new();
    loop {
        hoard.push(vec![black_box(1_u8); 1 << 20]);
    }
}

#[expect(unconditional_recursion, reason = "that is what it is for")]
fn recurse(depth: u64) -> u64 {
    let place = black_box([depth; 64]);
    recurse(depth + 1) + place.iter().sum::<u64>()
}

/// An event that no other is like, to be remembered for ever.
fn event(number: u32, now: i64) -> Event {
    Event {
        severity: Severity::Normal,
        reason: format!("Reason{now}x{number}"),
        message: format!("{now} {number}"),
        message_key: None,
        interval: Some(u64::MAX),
    }
}
