//! What the log says, and how often.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tidegate::control::Realization;
use tidegate::simulate::{JobShape, Scheduler};
use tidegate_tests::host::Scenario;
use tracing::subscriber::DefaultGuard;

use crate::short_of_three;

/// What this thread logs.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Begins to listen, until the guard is dropped.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// The lines with `part` in them.
    pub(crate) fn lines(&self, part: &str) -> Vec<String> {
        let text = String::from_utf8(self.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(part)).map(str::to_owned).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_job_that_cannot_be_rescaled_is_said_once_and_the_others_go_on() {
    let (log, _guard) = Log::listen();
    let rigid = JobShape { scheduler: Scheduler::Default, ..short_of_three("rigid") };
    let mut host = Scenario::of([rigid, short_of_three("orders")]).start().await;
    host.passes(40).await;
    let Realization::Impossible { reason } = &host.last("rigid").realization else {
        panic!("{}", host.last("rigid").realization);
    };
    assert!(reason.contains("jobmanager.scheduler: adaptive"), "{reason}");
    assert_eq!(log.lines("targets are not held").iter().filter(|line| line.contains("rigid")).count(), 1);
    assert_eq!(log.lines("pass failed"), [""; 0]);
    assert_eq!(host.puts("orders").len(), 1);
    assert_eq!(host.parallelism("rigid"), [1, 1]);
}

#[tokio::test]
async fn a_cluster_that_is_unreachable_is_said_once_and_so_is_its_return() {
    let (log, _guard) = Log::listen();
    let mut host = Scenario::of([short_of_three("orders")]).start().await;
    host.pass().await;
    host.cluster.fail("/jobs/overview", 503);
    host.passes(2).await;
    assert_eq!(log.lines("cluster is unreachable").len(), 1);
    assert_eq!(host.records("orders").len(), 1, "no job is looked at meanwhile");
    host.cluster.heal("/jobs/overview");
    host.passes(2).await;
    assert_eq!(log.lines("cluster is reachable").len(), 2);
    assert_eq!(host.last("orders").samples, 3, "what was measured before is still there");
}
