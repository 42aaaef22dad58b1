//! What a process has used so far, as Linux tells it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rustix::param::clock_ticks_per_second;

use crate::error::HarnessError;

/// Processor time of all threads, user and system, in steps of a clock tick (10 ms).
///
/// # Errors
///
/// There is no such process.
pub fn cpu(process: u32) -> Result<Duration, HarnessError> {
    let text = read(process, "stat")?;
    // The second field is the program's name in parentheses and may hold anything; the 14th and 15th are the times.
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: Vec<u64> = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    if ticks.len() != 2 {
        return Err(HarnessError::Missing { what: "processor time".to_owned(), text });
    }
    Ok(Duration::from_secs_f64(ticks.iter().sum::<u64>() as f64 / clock_ticks_per_second() as f64))
}

/// Bytes under `key` of a process' status: `VmRSS` is what is resident now, `VmHWM` the most that ever was.
///
/// # Errors
///
/// There is no such process, or no such key.
pub fn memory(process: u32, key: &str) -> Result<u64, HarnessError> {
    let text = read(process, "status")?;
    let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes * 1024).ok_or(HarnessError::Missing { what: key.to_owned(), text })
}

fn read(process: u32, file: &str) -> Result<String, HarnessError> {
    let path = PathBuf::from(format!("/proc/{process}/{file}"));
    fs::read_to_string(&path).map_err(|source| HarnessError::File { path, source })
}
