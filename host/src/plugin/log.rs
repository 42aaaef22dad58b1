//! `tidegate:host/log`, and where a guest's standard output goes.

use tracing::{debug, error, info, trace, warn};

use super::call::State;

pub(super) mod bindings {
    wasmtime::component::bindgen!({
        inline: "package tidegate:any; world guest { import tidegate:host/log@0.1.0; }",
        path: ["../wit/host/v0.1"],
        imports: { default: async | trappable },
    });
}

use bindings::tidegate::host::log::Host;
pub(super) use bindings::tidegate::host::log::Level;

/// What tells the lines of plugins from those of the host: their target.
pub const GUEST_LOG: &str = module_path!();

/// A line longer than this is cut.
const LONGEST_LINE: usize = 4096;

/// What each line costs beside its own bytes, about as much as the host writes around it: empty lines have an end, too.
const LINE: usize = 100;

/// What one call may write to the host's log.
pub(super) struct GuestLog {
    plugin: String,
    job: String,
    left: usize,
    dropped: u64,
}

impl GuestLog {
    /// A log for one call of `plugin` about `job`, of at most `limit` bytes.
    pub(super) fn new(plugin: &str, job: &str, limit: usize) -> Self {
        Self { plugin: plugin.to_owned(), job: job.to_owned(), left: limit, dropped: 0 }
    }

    /// Writes one line, or counts it as dropped.
    pub(super) fn write(&mut self, level: Level, message: &str) {
        let message = clean(message);
        let Some(left) = self.left.checked_sub(message.len() + LINE) else {
            self.dropped += 1;
            return;
        };
        self.left = left;
        let (plugin, job) = (&self.plugin, &self.job);
        match level {
            Level::Trace => trace!(plugin, job, "{message}"),
            Level::Debug => debug!(plugin, job, "{message}"),
            Level::Info => info!(plugin, job, "{message}"),
            Level::Warn => warn!(plugin, job, "{message}"),
            Level::Error => error!(plugin, job, "{message}"),
        }
    }

    /// Says how much was dropped, once, when the call is over: lines here, and so many bytes of standard output.
    pub(super) fn close(&mut self, bytes: u64) {
        let lines = std::mem::take(&mut self.dropped);
        if lines > 0 || bytes > 0 {
            warn!(plugin = self.plugin, job = self.job, lines, bytes, "plugin logged more than its limit");
        }
    }
}

impl Host for State {
    async fn write(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        self.log.write(level, &message);
        Ok(())
    }
}

/// `message` cut to one line's length, control characters escaped, so that a guest cannot forge lines.
pub(super) fn clean(message: &str) -> String {
    let mut line = String::with_capacity(message.len().min(LONGEST_LINE));
    for character in message.chars() {
        if line.len() >= LONGEST_LINE {
            line.push('…');
            break;
        }
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_cannot_forge_lines() {
        assert_eq!(clean("a\nERROR b\u{1b}[31m"), "a\\nERROR b\\u{1b}[31m");
        assert_eq!(clean(&"x".repeat(5000)).chars().count(), LONGEST_LINE + 1);
    }

    #[test]
    fn a_call_cannot_log_more_than_its_limit() {
        let mut log = GuestLog::new("p", "j", 10 + 2 * LINE);
        log.write(Level::Info, "12345678");
        log.write(Level::Info, "12345678");
        log.write(Level::Info, "12");
        log.write(Level::Info, "");
        assert_eq!((log.left, log.dropped), (0, 2));
    }
}
