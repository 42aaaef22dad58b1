//! What the operator can set.

use std::time::Duration;

use tidegate_common::value::Value;

use crate::bindings::tidegate::host::options;

/// How long an event is kept where nothing else is said: the Java autoscaler's default.
const TTL: &str = "90 d";

/// The `options` of the plugin.
pub(crate) struct Settings {
    /// Milliseconds after which an event is forgotten; none: never.
    pub(crate) ttl: Option<i64>,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, String> {
        if let Some(unknown) = options::names().into_iter().find(|name| name != "ttl") {
            return Err(format!("there is no option `{unknown}`; there is: ttl"));
        }
        let ttl = options::get("ttl").unwrap_or_else(|| TTL.to_owned());
        let span =
            Duration::parse(&ttl).ok_or_else(|| format!("option `ttl`: `{ttl}` is not {}", Duration::EXPECTED))?;
        let millis = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        Ok(Self { ttl: (millis > 0).then_some(millis) })
    }
}
