//! What a pass had to do against what it did.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Outcome, RecordedPass, ToldEvent, Values};
use crate::model::VertexId;

/// How far two doubles may be apart, relative to the larger: sums are not always added in the same order.
const TOLERANCE: f64 = 1e-9;

/// One thing that is not as it had to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// At which vertex, if it is about one.
    pub vertex: Option<VertexId>,
    /// What differs, in the words of the traces.
    pub field: String,
    /// What had to be.
    pub expected: String,
    /// What is.
    pub found: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(vertex) = &self.vertex {
            write!(f, "vertex {vertex}: ")?;
        }
        write!(f, "{}: expected {}, found {}", self.field, self.expected, self.found)
    }
}

/// Everything in which `found` differs from what `pass` expects, or else from what was decided when it was recorded;
/// `None` where neither is there.
///
/// Of what a trace may tell, this is not compared:
/// - `restart_time_s`: what the default policy reckons with. It shows in the rates, and `tracking` is what it comes from.
/// - `excluded` of passes that did not evaluate, and ids in it that the job does not have: nobody finds those.
/// - The order of vertices in an event's text, and the text of an error that a failed request led to: it is the
///   client's own.
pub fn compare(pass: &RecordedPass, found: &Outcome) -> Option<Vec<Difference>> {
    let expected = pass.expected.as_ref().or(pass.decided.as_ref())?;
    let mut differences = Differences::default();
    differences.values("stage", &expected.stage, &found.stage);
    differences.values("scaled", &expected.scaled, &found.scaled);
    differences.vertices("put", expected.put.as_ref(), found.put.as_ref());
    differences.events(&expected.events, &found.events, !pass.faults.is_empty());
    differences.evaluated(expected, found);
    differences.vertices("recommended", expected.recommended.as_ref(), found.recommended.as_ref());
    differences.excluded(expected.excluded.as_ref(), found);
    differences.vertices("overrides", Some(&expected.overrides), Some(&found.overrides));
    differences.values("samples", &expected.samples, &found.samples);
    let (history, found_history) = (&expected.scaling_history_len, &found.scaling_history_len);
    differences.vertices("scaling_history_len", Some(history), Some(found_history));
    differences.values("tracking", &expected.tracking, &found.tracking);
    let (delayed, found_delayed) = (&expected.delayed_scale_down, &found.delayed_scale_down);
    differences.vertices("delayed_scale_down", Some(delayed), Some(found_delayed));
    Some(differences.0)
}

/// Everything in which two policies decided differently; the first one's is what is expected.
pub(super) fn decisions(one: &Outcome, other: &Outcome) -> Vec<Difference> {
    let mut differences = Differences::default();
    differences.values("stage", &one.stage, &other.stage);
    differences.values("scaled", &one.scaled, &other.scaled);
    differences.vertices("recommended", one.recommended.as_ref(), other.recommended.as_ref());
    differences.vertices("overrides", Some(&one.overrides), Some(&other.overrides));
    differences.vertices("put", one.put.as_ref(), other.put.as_ref());
    differences.0
}

#[derive(Default)]
struct Differences(Vec<Difference>);

impl Differences {
    fn add(&mut self, vertex: Option<VertexId>, field: impl Into<String>, expected: String, found: String) {
        self.0.push(Difference { vertex, field: field.into(), expected, found });
    }

    fn values<T: PartialEq + Serialize>(&mut self, field: impl Into<String>, expected: &T, found: &T) {
        if expected != found {
            self.add(None, field, show(expected), show(found));
        }
    }

    /// Values by vertex, which may be absent as a whole.
    fn vertices<T: PartialEq + Serialize>(
        &mut self,
        field: &str,
        expected: Option<&BTreeMap<VertexId, T>>,
        found: Option<&BTreeMap<VertexId, T>>,
    ) {
        let (Some(expected), Some(found)) = (expected, found) else {
            self.values(field, &expected, &found);
            return;
        };
        for vertex in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let (expected, found) = (expected.get(vertex), found.get(vertex));
            if expected != found {
                self.add(Some(*vertex), field, show(&expected), show(&found));
            }
        }
    }

    fn events(&mut self, expected: &[ToldEvent], found: &[ToldEvent], any_error: bool) {
        for place in 0..expected.len().max(found.len()) {
            let field = |name: &str| format!("events[{place}]{name}");
            let (Some(expected), Some(found)) = (expected.get(place), found.get(place)) else {
                self.values(field(""), &expected.get(place), &found.get(place));
                continue;
            };
            self.values(field(".type"), &expected.kind, &found.kind);
            self.values(field(".reason"), &expected.reason, &found.reason);
            self.values(field(".message_key"), &expected.message_key, &found.message_key);
            self.values(field(".interval_s"), &expected.interval_s, &found.interval_s);
            let any_text = any_error && expected.reason == "AutoscalerError";
            if !(any_text || is_same_text(expected, found)) {
                self.add(None, field(".message"), show(&expected.message), show(&found.message));
            }
        }
    }

    fn evaluated(&mut self, expected: &Outcome, found: &Outcome) {
        match (&expected.evaluated, &found.evaluated) {
            (Some(expected), Some(found)) => {
                let none = BTreeMap::new();
                for vertex in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
                    let (expected, found) = (expected.get(vertex), found.get(vertex));
                    self.metrics(Some(*vertex), "evaluated", expected.unwrap_or(&none), found.unwrap_or(&none));
                }
            }
            (None, None) => {}
            (expected, found) => {
                let show = |evaluated: bool| if evaluated { "metrics" } else { "none" }.to_owned();
                self.add(None, "evaluated", show(expected.is_some()), show(found.is_some()));
            }
        }
        match (&expected.evaluated_global, &found.evaluated_global) {
            (Some(expected), Some(found)) => self.metrics(None, "evaluated_global", expected, found),
            // That of the whole job comes with that of the vertices, which are told of above.
            (Some(expected), None) if !expected.is_empty() && found.evaluated.is_some() => {
                self.add(None, "evaluated_global", "metrics".to_owned(), "none".to_owned());
            }
            _ => {}
        }
    }

    fn metrics(
        &mut self,
        vertex: Option<VertexId>,
        field: &str,
        expected: &BTreeMap<String, Values>,
        found: &BTreeMap<String, Values>,
    ) {
        for metric in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let (expected, found) = (expected.get(metric), found.get(metric));
            let value = |values: Option<&Values>, get: fn(Values) -> f64| values.map_or(f64::NAN, |it| get(*it));
            for (kind, get) in [("current", Values::current as fn(Values) -> f64), ("average", Values::average)] {
                let (expected, found) = (value(expected, get), value(found, get));
                if !is_close(expected, found) {
                    self.add(vertex, format!("{field}.{metric}.{kind}"), expected.to_string(), found.to_string());
                }
            }
        }
    }

    /// The user may exclude vertices that the job does not have: nobody finds those.
    fn excluded(&mut self, expected: Option<&BTreeSet<String>>, found: &Outcome) {
        let (Some(expected), Some(excluded), Some(evaluated)) = (expected, &found.excluded, &found.evaluated) else {
            return;
        };
        let ids: BTreeSet<String> = evaluated.keys().map(ToString::to_string).collect();
        let expected: BTreeSet<String> = expected.intersection(&ids).cloned().collect();
        self.values("excluded", &expected, excluded);
    }
}

/// As the traces would write it.
fn show<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|error| error.to_string())
}

fn is_close(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= TOLERANCE * a.abs().max(b.abs())
}

fn is_same_text(expected: &ToldEvent, found: &ToldEvent) -> bool {
    match one_of(&expected.message) {
        Some((before, choices, after)) => {
            choices.iter().any(|choice| found.message == format!("{before}{choice}{after}"))
        }
        None => pieces(&expected.reason, &expected.message) == pieces(&expected.reason, &found.message),
    }
}

/// `a {any of: b, c} d`: where the Java autoscaler names any of several.
fn one_of(text: &str) -> Option<(&str, Vec<&str>, &str)> {
    let (before, rest) = text.split_once("{any of: ")?;
    let (choices, after) = rest.split_once('}')?;
    Some((before, choices.split(", ").collect(), after))
}

/// The text of an event of a reason, cut so that the vertices in it can be put in order.
fn pieces<'a>(reason: &str, message: &'a str) -> Vec<&'a str> {
    let between = match reason {
        "ScalingReport" => "}{",
        "Scaling" => "}}, ",
        _ => return vec![message],
    };
    let Some((head, entries)) = message.split_once('{') else { return vec![message] };
    let mut entries: Vec<&str> = entries.trim_end_matches(['}', '.']).split(between).collect();
    entries.sort_unstable();
    entries.insert(0, head);
    entries
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const A: &str = "0000000000000000000000000000000a";
    const B: &str = "0000000000000000000000000000000b";

    fn outcome() -> Value {
        json!({
            "stage": "executed", "scaled": true, "put": {A: {"lower": 1, "upper": 4}},
            "events": [
                {"type": "Normal", "reason": "ScalingReport", "message_key": "k", "interval_s": 1800,
                 "message": "begin:{ Vertex ID a | 1 -> 2 }{ Vertex ID b | 3 -> 4 }"},
                {"type": "Normal", "reason": "Scaling",
                 "message": "is {a=R{p=P{l=1, u=2}}, b=R{p=P{l=1, u=4}}}."},
                {"type": "Warning", "reason": "AutoscalerError", "message": "no {any of: X, Y} for a"}
            ],
            "evaluated": {A: {"LOAD": {"current": "NaN", "average": 0.5}, "LAG": {"current": 1e9, "average": "NaN"}}},
            "evaluated_global": {"GC_PRESSURE": {"current": 0.1, "average": "NaN"}},
            "recommended": {A: 4}, "excluded": [B],  "overrides": {A: 4}, "samples": 7,
            "scaling_history_len": {A: 1}, "tracking": [{"at": "2026-01-01T00:00:00Z", "restart_ms": null}],
            "delayed_scale_down": {}
        })
    }

    /// The differences, in words, between what is expected and what a change of it leaves.
    fn differences(faults: &[(&str, u16)], change: impl FnOnce(&mut Value)) -> Vec<String> {
        let pass = json!({"at": "2026-01-01T00:00:00Z", "get": {}, "faults": faults, "expect": outcome()});
        let header = json!({"trace": 1, "name": "t", "job_id": A});
        let trace = super::super::Trace::parse("t", format!("{header}\n{pass}").as_bytes()).unwrap();
        let mut found = outcome();
        found["events"][2]["message"] = "no Y for a".into();
        found["excluded"] = json!([]);
        change(&mut found);
        let found = serde_json::from_value(found).unwrap();
        compare(&trace.passes[0], &found).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn what_may_differ_does_not_count() {
        let none: [&str; 0] = [];
        assert_eq!(differences(&[], |_| {}), none);
        assert_eq!(
            differences(&[("/x", 500)], |found| {
                found["events"][0]["message"] = "begin:{ Vertex ID b | 3 -> 4 }{ Vertex ID a | 1 -> 2 }".into();
                found["events"][1]["message"] = "is {b=R{p=P{l=1, u=4}}, a=R{p=P{l=1, u=2}}}.".into();
                found["events"][2]["message"] = "a client's own words".into();
                found["evaluated"][A]["LAG"]["current"] = 1_000_000_000.5.into();
                found["evaluated"][A]["TARGET"] = json!({"current": "NaN", "average": "NaN"});
            }),
            none
        );
    }

    #[test]
    fn every_other_difference_is_named() {
        type Change = fn(&mut Value);
        let cases: [(Change, String); 23] = [
            (|it| it["stage"] = "none".into(), r#"stage: expected "executed", found "none""#.to_owned()),
            (|it| it["scaled"] = false.into(), "scaled: expected true, found false".to_owned()),
            (|it| it["put"] = Value::Null, format!(r#"put: expected {{"{A}":{{"lower":1,"upper":4}}}}, found null"#)),
            (
                |it| it["put"][A]["upper"] = 5.into(),
                format!(r#"vertex {A}: put: expected {{"lower":1,"upper":4}}, found {{"lower":1,"upper":5}}"#),
            ),
            (|it| it["put"][B] = json!({"lower": 1, "upper": 5}), format!("vertex {B}: put: expected null, found {{")),
            (|it| it["events"][0]["type"] = "Warning".into(), "events[0].type: expected \"Normal\"".to_owned()),
            (|it| it["events"][0]["reason"] = "R".into(), "events[0].reason: ".to_owned()),
            (|it| it["events"][0]["message_key"] = Value::Null, "events[0].message_key: ".to_owned()),
            (
                |it| it["events"][0]["interval_s"] = 60.into(),
                "events[0].interval_s: expected 1800, found 60".to_owned(),
            ),
            (
                |it| it["events"][0]["message"] = "begin:{ Vertex ID a | 1 -> 2 }".into(),
                "events[0].message: ".to_owned(),
            ),
            (
                |it| it["events"][1]["message"] = "is {a=R{p=P{l=1, u=2}}, b=R{p=P{l=1, u=5}}}.".into(),
                "events[1].message: ".to_owned(),
            ),
            (|it| it["events"][2]["message"] = "no Z for a".into(), "events[2].message: ".to_owned()),
            (
                |it| it["evaluated"][A]["LOAD"]["average"] = 0.500_001.into(),
                format!("vertex {A}: evaluated.LOAD.average: expected 0.5, found 0.500001"),
            ),
            (|it| it["evaluated"] = Value::Null, "evaluated: expected metrics, found none".to_owned()),
            (|it| it["evaluated_global"] = json!({}), "evaluated_global.GC_PRESSURE.current: ".to_owned()),
            (|it| it["recommended"][A] = 3.into(), format!("vertex {A}: recommended: expected 4, found 3")),
            (|it| it["excluded"] = json!([A]), "excluded: expected []".to_owned()),
            (|it| it["overrides"] = json!({}), format!("vertex {A}: overrides: expected 4, found null")),
            (|it| it["samples"] = 8.into(), "samples: expected 7, found 8".to_owned()),
            (|it| it["tracking"] = json!([]), "tracking: ".to_owned()),
            (
                |it| it["scaling_history_len"][A] = 2.into(),
                format!("vertex {A}: scaling_history_len: expected 1, found 2"),
            ),
            (
                |it| it["delayed_scale_down"][A] = json!({"first": "t", "recommended": [["t", 3, true]]}),
                format!(r#"vertex {A}: delayed_scale_down: expected null, found {{"first":"t","recommended""#),
            ),
            (|it| it["evaluated_global"] = Value::Null, "evaluated_global: expected metrics, found none".to_owned()),
        ];
        for (change, expected) in cases {
            let found = differences(&[], change);
            assert!(found.len() == 1 && found[0].starts_with(&expected), "{expected}\n{found:?}");
        }
        let found = differences(&[], |it| drop(it["events"].as_array_mut().unwrap().pop()));
        assert!(found[0].starts_with("events[2]: expected {") && found[0].ends_with("found null"), "{found:?}");
    }
}
