//! The processor time of a call, which is less than its time on the clock: guests wait for a processor, and for the host.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// How long a call took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Took {
    /// On the clock.
    pub(super) time: Duration,
    /// On a processor, whichever threads it ran on.
    pub(super) cpu: Duration,
}

/// What `future` answers, and how long it took.
pub(super) async fn measured<F: Future>(future: F) -> (F::Output, Took) {
    let started = Instant::now();
    let mut future = pin!(future);
    let mut spent = Duration::ZERO;
    let answer = poll_fn(|context| {
        let before = thread_time();
        let polled = future.as_mut().poll(context);
        spent += thread_time().saturating_sub(before);
        polled
    })
    .await;
    (answer, Took { time: started.elapsed(), cpu: spent })
}

/// The processor time of this thread since it began.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or_default();
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waiting_takes_no_processor_time_and_work_does() {
        let wait = Duration::from_millis(200);
        let ((), waiting) = measured(tokio::time::sleep(wait)).await;
        assert!(waiting.cpu < wait / 2 && waiting.time >= wait, "{waiting:?}");
        let busy = async {
            for _ in 0..5 {
                let begun = thread_time();
                while thread_time() - begun < Duration::from_millis(1) {}
                tokio::task::yield_now().await;
            }
        };
        let ((), working) = measured(busy).await;
        assert!(working.cpu >= Duration::from_millis(5), "{working:?}");
    }
}
