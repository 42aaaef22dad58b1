//! What it does instead of telling anybody.

use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::bindings::tidegate::host::log::{Level, write};

pub(crate) fn on(act: &str, with: &str) -> Result<(), String> {
    match act {
        "take" => write(Level::Info, with),
        "spin" => loop {
            black_box(());
        },
        "sleep" => thread::sleep(Duration::from_secs(3600)),
        "hoard" => {
            let mut hoard = Vec::new();
            loop {
                hoard.push(vec![black_box(1_u8); 1 << 20]);
            }
        }
        "log" => loop {
            write(Level::Info, "all work and no play");
        },
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "complain" => return Err("no\n".repeat(1_000_000)),
        _ => return Err(format!("nothing is known of `{act}`")),
    }
    Ok(())
}
