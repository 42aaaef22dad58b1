//! Events of Kubernetes: one for everything that is the same, with how often it has happened.
#![expect(clippy::indexing_slicing, reason = "in JSON, what is not there is null")]

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tidegate_common::time::Timestamp;
use tidegate_kubernetes_api::{Answer, Form, Method, send};
use tidegate_kubernetes_kit::name::{filled, of_event};

use crate::bindings::exports::tidegate::event_handler::handler::{Event, Severity};
use crate::bindings::tidegate::host::log::{Level, write};
use crate::settings::{Settings, told};

/// Who says so, as `kubectl` shows it.
const SOURCE: &str = "tidegate";

/// Attempts at an event that others write, too.
const ATTEMPTS: usize = 4;

/// The longest message, in characters: what is longer nobody reads there, and an object has an end.
const LONGEST_MESSAGE: usize = 32_000;

/// Writes the events of one call.
pub(crate) struct Recorder {
    settings: Settings,
    /// What was found out of each object: its id, if it has one.
    subjects: BTreeMap<String, Option<String>>,
    /// Events as they are now, as far as that is known.
    seen: BTreeMap<String, Seen>,
    is_forbidden: bool,
    /// Whether events may be made, but not read.
    is_hidden: bool,
}

/// An event that is there.
struct Seen {
    version: String,
    count: u64,
}

impl Recorder {
    pub(crate) fn new(settings: Settings) -> Self {
        Self { settings, subjects: BTreeMap::new(), seen: BTreeMap::new(), is_forbidden: false, is_hidden: false }
    }

    /// Makes an event, or counts one more of it. Without the permission to, nothing: the host says so, once.
    pub(crate) fn record(&mut self, event: &Event) -> Result<(), String> {
        if self.is_forbidden {
            return Ok(());
        }
        let subject = filled(&self.settings.subject.name, &event.cluster, &event.job_name);
        let uid = self.uid(&subject)?;
        let kind = match event.severity {
            Severity::Normal => "Normal",
            Severity::Warning => "Warning",
        };
        let name =
            of_event(&event.reason, &event.message_key, kind, &self.settings.subject.kind, &subject, uid.as_deref());
        for _ in 0..ATTEMPTS {
            let seen = self.seen(&name)?;
            let is_new = seen.is_none();
            let answer = match seen {
                None => self.create(&name, event, kind, &subject, uid.as_deref())?,
                Some(Seen { version, count }) => self.count(&name, event, &version, count)?,
            };
            match answer.status {
                200 | 201 => {
                    let version = answer.body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
                    let count = answer.body["count"].as_u64().unwrap_or(1);
                    self.seen.insert(name, Seen { version, count });
                    return Ok(());
                }
                403 => return self.forbidden(&answer),
                409 if is_new && self.is_hidden => return self.forbidden(&answer),
                // Somebody else was faster, or its time was over: it is looked at again.
                409 => {}
                404 if !is_new => {}
                _ => return Err(answer.told("an event")),
            }
        }
        Err(format!("the event `{name}` is written by others all the time"))
    }

    fn forbidden(&mut self, answer: &Answer) -> Result<(), String> {
        self.is_forbidden = true;
        write(Level::Debug, &answer.told("an event"));
        Ok(())
    }

    /// The id of the object that events are about; none where it is not there, or is not for us to see.
    fn uid(&mut self, subject: &str) -> Result<Option<String>, String> {
        if let Some(known) = self.subjects.get(subject) {
            return Ok(known.clone());
        }
        let uid = match self.settings.subject.path(&self.settings.namespace, subject) {
            None => None,
            Some(path) => {
                let answer = send(&Method::Get, &path, Form::Metadata, None).map_err(told)?;
                answer.body["metadata"]["uid"].as_str().map(str::to_owned)
            }
        };
        self.subjects.insert(subject.to_owned(), uid.clone());
        Ok(uid)
    }

    /// An event as it is now; what is known from the last write is used up by that.
    fn seen(&mut self, name: &str) -> Result<Option<Seen>, String> {
        if let Some(seen) = self.seen.remove(name) {
            return Ok(Some(seen));
        }
        let path = format!("{}/{name}", self.path());
        let answer = send(&Method::Get, &path, Form::Whole, None).map_err(told)?;
        match answer.status {
            200 => Ok(Some(Seen {
                version: answer.body["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned(),
                count: answer.body["count"].as_u64().unwrap_or(1),
            })),
            // One that may not be read may still be made.
            403 => {
                self.is_hidden = true;
                Ok(None)
            }
            404 => Ok(None),
            _ => Err(answer.told("an event")),
        }
    }

    fn create(
        &self,
        name: &str,
        event: &Event,
        kind: &str,
        subject: &str,
        uid: Option<&str>,
    ) -> Result<Answer, String> {
        let at = time(event.at);
        let namespace = &self.settings.namespace;
        let mut about = json!({
            "apiVersion": self.settings.subject.api_version, "kind": self.settings.subject.kind,
            "namespace": namespace, "name": subject,
        });
        if let Some(uid) = uid {
            about["uid"] = uid.into();
        }
        let body = json!({
            "apiVersion": "v1", "kind": "Event", "metadata": { "name": name, "namespace": namespace },
            "involvedObject": about, "type": kind, "reason": event.reason, "message": cut(&event.message),
            "firstTimestamp": at, "lastTimestamp": at, "count": event.count,
            "source": { "component": SOURCE }, "reportingComponent": SOURCE,
        });
        send(&Method::Post, &self.path(), Form::Whole, Some(&body)).map_err(told)
    }

    fn count(&self, name: &str, event: &Event, version: &str, count: u64) -> Result<Answer, String> {
        let patch: Value = json!({
            "metadata": { "resourceVersion": version }, "message": cut(&event.message),
            "lastTimestamp": time(event.at), "count": count + u64::from(event.count),
        });
        send(&Method::Patch, &format!("{}/{name}", self.path()), Form::Whole, Some(&patch)).map_err(told)
    }

    fn path(&self) -> String {
        format!("/api/v1/namespaces/{}/events", self.settings.namespace)
    }
}

/// To the second: Kubernetes keeps no more.
fn time(at: i64) -> String {
    Timestamp::from_millis(at.div_euclid(1000) * 1000).to_string()
}

fn cut(message: &str) -> &str {
    message.char_indices().nth(LONGEST_MESSAGE).map_or(message, |(end, _)| message.get(..end).unwrap_or(message))
}
