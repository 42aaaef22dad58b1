//! What it does instead of telling anybody.

use std::env;
use std::fmt::Display;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, Write};
use std::thread;
use std::time::Duration;

use crate::bindings::tidegate::host::log::{Level, write};

/// What came of it, in words.
fn told(result: io::Result<impl Display>) -> String {
    match result {
        Ok(text) => format!("ok: {text}"),
        Err(error) => format!("failed: {error}"),
    }
}

/// Writes until it may not, and says how much was written.
fn fill(path: &str) -> io::Result<String> {
    let mut file = File::create(path)?;
    let mut written = 0;
    loop {
        match file.write_all(&[b'x'; 4096]) {
            Ok(()) => written += 4096,
            Err(error) => return Err(io::Error::other(format!("after {written} bytes: {error}"))),
        }
    }
}

/// Makes files until it may not, and says how many were made.
fn litter(folder: &str) -> io::Result<String> {
    let mut made = 0;
    loop {
        match File::create(format!("{folder}/{made}")) {
            Ok(_) => made += 1,
            Err(error) => return Err(io::Error::other(format!("after {made} files: {error}"))),
        }
    }
}

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
        "environment" => return Err(format!("{:?}", env::vars().collect::<Vec<_>>())),
        "read" => return Err(told(fs::read_to_string(with))),
        "write" => return Err(told(fs::write(with, "written").map(|()| "done".to_owned()))),
        "fill" => return Err(told(fill(with))),
        "stretch" => {
            return Err(told(File::create(with).and_then(|file| file.set_len(1 << 40)).map(|()| "done".to_owned())));
        }
        "litter" => return Err(told(litter(with))),
        "panic" => panic!("on purpose"),
        "exit" => std::process::exit(3),
        "complain" => return Err("no\n".repeat(10_000)),
        "complain-at-length" => return Err("no\n".repeat(10_000_000)),
        // What the host tells of a job that is scaled: forever.
        "ScalingReport" => loop {
            black_box(());
        },
        _ => return Err(format!("nothing is known of `{act}`")),
    }
    Ok(())
}
