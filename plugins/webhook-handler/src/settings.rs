//! What the operator can set.

use std::collections::BTreeMap;
use std::time::Duration;

use tidegate_common::value::Value;

use crate::attempts::Attempts;
use crate::bindings::tidegate::host::options;
use crate::body::Format;
use crate::request::Target;

const NAMES: [&str; 7] = ["url", "format", "template", "headers", "attempts", "back-off", "patience"];

/// The `options` of the plugin.
pub(crate) struct Settings {
    pub(crate) target: Target,
    pub(crate) format: Format,
    attempts: u32,
    back_off: Duration,
    patience: Duration,
}

impl Settings {
    pub(crate) fn read() -> Result<Self, String> {
        if let Some(unknown) = options::names().into_iter().find(|name| !NAMES.contains(&name.as_str())) {
            return Err(format!("there is no option `{unknown}`; there are: {}", NAMES.join(", ")));
        }
        let url = options::get("url").ok_or("option `url` is missing: where are events to be sent?")?;
        let headers = match options::get("headers") {
            Some(text) => serde_json::from_str::<BTreeMap<String, String>>(&text)
                .map_err(|_| "option `headers`: expected a table of texts".to_owned())?,
            None => BTreeMap::new(),
        };
        Ok(Self {
            target: Target::new(&url, headers)?,
            format: format()?,
            attempts: option("attempts", 4, "a number", |text| text.parse().ok().filter(|number| *number >= 1))?,
            back_off: option("back-off", Duration::from_millis(500), Duration::EXPECTED, Duration::parse)?,
            // With one request more, of 10 s, it has to end before the host's deadline of 30 s.
            patience: option("patience", Duration::from_secs(15), Duration::EXPECTED, Duration::parse)?,
        })
    }

    /// A call's attempts.
    pub(crate) fn attempts(&self) -> Attempts {
        Attempts::new(self.attempts, self.back_off, self.patience)
    }
}

fn format() -> Result<Format, String> {
    let format = options::get("format");
    if let Some(template) = options::get("template") {
        if format.is_some() {
            return Err("give one of the options `format` and `template`".to_owned());
        }
        return Format::template(template);
    }
    match format.as_deref() {
        None | Some("json") => Ok(Format::Json),
        Some("slack") => Ok(Format::Slack),
        Some("alertmanager") => Ok(Format::Alertmanager),
        Some(other) => Err(format!("option `format`: `{other}` is none of json, slack, alertmanager")),
    }
}

fn option<T>(name: &str, otherwise: T, expected: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, String> {
    match options::get(name) {
        None => Ok(otherwise),
        Some(text) => read(&text).ok_or_else(|| format!("option `{name}`: `{text}` is not {expected}")),
    }
}
