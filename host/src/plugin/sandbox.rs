//! What a guest sees of the world: nothing, at a time that stands still.

use std::time::Duration;

use tidegate_common::time::Timestamp;
use wasmtime_wasi::filesystem::FsPerms;
use wasmtime_wasi::random::Deterministic;
use wasmtime_wasi::{HostMonotonicClock, HostWallClock, WasiCtx};

use super::CallError;
use super::error::chain;
use super::grants::{Folder, Granted};
use super::output::Output;
use crate::fnv::fnv1a;

/// A guest's WASI context, and what it writes to its standard streams.
pub(super) struct Sandbox {
    pub(super) wasi: WasiCtx,
    pub(super) output: Output,
}

impl Sandbox {
    /// For guests that must be pure functions: the clocks show `now`, and random numbers follow from `seed` and `now`,
    /// so that the same call runs the same in every language. WASI is there only so that language runtimes can start.
    pub(super) fn deterministic(now: Timestamp, seed: &str, output_limit: usize) -> Self {
        let since_1970 = Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or_default());
        let bytes = random_bytes(seed, now);
        let output = Output::new(output_limit);
        let wasi = WasiCtx::builder()
            .wall_clock(Still(since_1970))
            .monotonic_clock(Still(since_1970))
            .secure_random(Deterministic::new(bytes.clone()))
            .insecure_random(Deterministic::new(bytes))
            .insecure_random_seed(u128::from(fnv1a(seed.bytes())))
            .stdout(output.clone())
            .stderr(output.clone())
            .build();
        Self { wasi, output }
    }

    /// For guests with effects: real clocks and random numbers; files and environment only by grant.
    ///
    /// # Errors
    /// When the granted folder is not there.
    pub(super) fn granted(granted: &Granted, output_limit: usize) -> Result<Self, CallError> {
        let output = Output::new(output_limit);
        let mut wasi = WasiCtx::builder();
        wasi.stdout(output.clone()).stderr(output.clone()).envs(&granted.env);
        if let Some(Folder { path, write }) = &granted.folder {
            let may = if *write { FsPerms::ReadWrite } else { FsPerms::ReadOnly };
            wasi.preopened_dir(path, "/", may)
                .map_err(|error| CallError::Ungrantable { path: path.display().to_string(), source: chain(error) })?;
        }
        Ok(Self { wasi: wasi.build(), output })
    }
}

/// A clock that always shows the same instant.
#[derive(Clone, Copy)]
struct Still(Duration);

impl HostWallClock for Still {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

impl HostMonotonicClock for Still {
    fn resolution(&self) -> u64 {
        1_000_000
    }

    /// Never zero, also where no pass has a time: Go's runtime takes that for a broken clock, and does not start.
    fn now(&self) -> u64 {
        u64::try_from(self.0.as_nanos()).unwrap_or(u64::MAX).max(1)
    }
}

/// A few words that look random and depends on nothing but `seed` and `now` (splitmix64).
fn random_bytes(seed: &str, now: Timestamp) -> Vec<u8> {
    let mut state = fnv1a(seed.bytes()) ^ now.as_millis().cast_unsigned();
    let mut bytes = Vec::with_capacity(256);
    for _ in 0..32 {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((word ^ (word >> 31)).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_stands_still_never_stands_at_zero() {
        assert_eq!(HostMonotonicClock::now(&Still(Duration::ZERO)), 1);
        assert_eq!(HostMonotonicClock::now(&Still(Duration::from_millis(3))), 3_000_000);
    }

    #[test]
    fn random_numbers_depend_on_job_and_time_only() {
        let at = Timestamp::from_millis;
        assert_eq!(random_bytes("a", at(1)), random_bytes("a", at(1)));
        assert_ne!(random_bytes("a", at(1)), random_bytes("a", at(2)));
        assert_ne!(random_bytes("a", at(1)), random_bytes("b", at(1)));
    }
}
