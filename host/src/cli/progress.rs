//! What takes long is said, once it has taken a second.

use std::io::{IsTerminal, Write, stderr};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Says on standard error what is being done; on a terminal, also for how long. Dropped, it is done.
pub(super) struct Progress {
    done: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Progress {
    pub(super) fn of(what: impl Into<String>) -> Self {
        let (done, waiting) = mpsc::channel::<()>();
        let what = what.into();
        let thread = thread::spawn(move || {
            let (began, is_terminal) = (Instant::now(), stderr().is_terminal());
            let mut is_shown = false;
            while waiting.recv_timeout(Duration::from_secs(1)) == Err(RecvTimeoutError::Timeout) {
                // Nobody is left to read it: what is being done goes on.
                let _ = match (is_terminal, is_shown) {
                    (true, _) => write!(stderr(), "\r{what} … {} s", began.elapsed().as_secs()),
                    (false, false) => writeln!(stderr(), "{what} …"),
                    (false, true) => Ok(()),
                };
                is_shown = true;
            }
            if is_terminal && is_shown {
                let _ = write!(stderr(), "\r\u{1b}[2K");
            }
        });
        Self { done: Some(done), thread: Some(thread) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        drop(self.done.take());
        if let Some(thread) = self.thread.take() {
            // It says nothing that could be missed.
            let _ = thread.join();
        }
    }
}
