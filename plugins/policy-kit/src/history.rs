//! The scalings that each vertex has been through.

use std::cell::{Cell, OnceCell};
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_common::configuration::{Configuration, InvalidValue};
use tidegate_common::options;
use tidegate_common::time::Timestamp;

use crate::metric::{EvaluatedMetric, Metric, VertexMetrics};
use crate::state::keys::{SCALING_HISTORY, all_keys};
use crate::state::{Change, instant_map, read, write};

/// How much is remembered: of scalings for each vertex, and of decisions for the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many.
    pub max_count: usize,
    /// For how long.
    pub max_age: Duration,
}

/// One scaling of a vertex.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingSummary {
    /// The parallelism before.
    pub current_parallelism: i32,
    /// The parallelism after.
    pub new_parallelism: i32,
    /// The evaluated metrics that led to it, by name.
    #[serde(default)]
    pub metrics: BTreeMap<String, Option<EvaluatedMetric>>,
}

/// The scalings of one vertex by time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct VertexHistory {
    #[serde(with = "instant_map")]
    summaries: BTreeMap<Timestamp, ScalingSummary>,
}

/// The scalings of all vertices by vertex.
type Scalings = BTreeMap<String, VertexHistory>;

/// What is kept of earlier scalings, read from its text when it is first looked at: a quiet pass never does.
#[derive(Debug)]
pub struct History<'t> {
    text: Option<&'t str>,
    now: Timestamp,
    limits: Limits,
    scalings: OnceCell<Scalings>,
    changed: bool,
    unreadable: Cell<bool>,
}

impl Limits {
    /// Reads them.
    ///
    /// # Errors
    /// When one cannot be read.
    pub fn read(configuration: &Configuration) -> Result<Self, InvalidValue> {
        let max_count = configuration.read(&options::HISTORY_MAX_COUNT)?;
        Ok(Self {
            max_count: usize::try_from(max_count).unwrap_or(0),
            max_age: configuration.read(&options::HISTORY_MAX_AGE)?,
        })
    }
}

impl ScalingSummary {
    /// The summary of a change that `metrics` led to. An evaluator's own metrics are left out: the Java autoscaler, which
    /// may read this one day, knows no other names than Flink's.
    pub fn new(current_parallelism: i32, new_parallelism: i32, metrics: &VertexMetrics) -> Self {
        let present = Metric::ALL.into_iter().filter_map(|metric| Some((metric, metrics.get(metric)?)));
        Self {
            current_parallelism,
            new_parallelism,
            metrics: present.map(|(metric, value)| (metric.name().to_owned(), Some(value))).collect(),
        }
    }

    /// The latest value of `metric` at that time, NaN if there was none.
    pub fn current(&self, metric: &str) -> f64 {
        self.metrics.get(metric).copied().flatten().map_or(f64::NAN, |value| value.current)
    }

    /// The average of `metric` at that time, NaN if there was none.
    pub fn average(&self, metric: &str) -> f64 {
        self.metrics.get(metric).copied().flatten().map_or(f64::NAN, |value| value.average)
    }
}

impl<'t> History<'t> {
    /// What `text` holds, as far as it is not too old at `now` or too much.
    pub fn new(text: Option<&'t str>, now: Timestamp, limits: Limits) -> Self {
        Self { text, now, limits, scalings: OnceCell::new(), changed: false, unreadable: Cell::new(false) }
    }

    /// The scalings of `vertex`, oldest first.
    pub fn of(&self, vertex: &str) -> impl DoubleEndedIterator<Item = (Timestamp, &ScalingSummary)> + '_ {
        let history = self.scalings().get(vertex);
        history.into_iter().flat_map(|history| history.summaries.iter().map(|(at, summary)| (*at, summary)))
    }

    /// The new parallelisms that were decided at exactly `instant`, by vertex.
    pub fn decided_at(&self, instant: Timestamp) -> impl Iterator<Item = (&str, i32)> + '_ {
        self.scalings().iter().filter_map(move |(vertex, history)| {
            Some((vertex.as_str(), history.summaries.get(&instant)?.new_parallelism))
        })
    }

    /// Adds a scaling.
    pub fn add(&mut self, vertex: &str, at: Timestamp, summary: ScalingSummary) {
        self.changed = true;
        self.update(|scalings| {
            scalings.entry(vertex.to_owned()).or_default().summaries.insert(at, summary);
        });
    }

    /// Forgets the vertices that `exists` does not know. Where it knows all of them the text is only skimmed.
    pub fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        let Some(text) = self.text else {
            return;
        };
        match all_keys(text, &exists) {
            Some(true) => {}
            Some(false) => {
                let mut gone = false;
                self.update(|scalings| {
                    let before = scalings.len();
                    scalings.retain(|vertex, _| exists(vertex));
                    gone = scalings.len() != before;
                });
                self.changed |= gone;
            }
            // A text that cannot be read is forgotten.
            None => self.unreadable.set(true),
        }
    }

    /// The text to keep, if it is not what was kept before.
    pub(crate) fn change(&self) -> Result<Option<Change>, serde_json::Error> {
        let scalings = self.scalings.get();
        if !self.changed && !self.unreadable.get() {
            return Ok(None);
        }
        write(SCALING_HISTORY, scalings.filter(|scalings| !scalings.is_empty())).map(Some)
    }

    fn scalings(&self) -> &Scalings {
        self.scalings.get_or_init(|| self.load())
    }

    fn update(&mut self, edit: impl FnOnce(&mut Scalings)) {
        let mut scalings = self.scalings.take().unwrap_or_else(|| self.load());
        edit(&mut scalings);
        self.scalings = OnceCell::from(scalings);
    }

    fn load(&self) -> Scalings {
        let Some(text) = self.text else {
            return Scalings::new();
        };
        let mut scalings: Scalings = read(text).unwrap_or_else(|| {
            self.unreadable.set(true);
            Scalings::new()
        });
        let oldest = self.now.minus(self.limits.max_age);
        scalings.retain(|_, history| {
            let summaries = &mut history.summaries;
            *summaries = summaries.split_off(&oldest);
            while summaries.len() > self.limits.max_count {
                summaries.pop_first();
            }
            !summaries.is_empty()
        });
        scalings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{cases, configuration};

    const VERTEX: &str = "0a448493b4782967b150582570326227";
    const TEXT: &str = concat!(
        r#"{"0a448493b4782967b150582570326227":{"2023-11-15T16:00:00Z":{"currentParallelism":2,"newParallelism":4,"#,
        r#""metrics":{"LAG":null,"TRUE_PROCESSING_RATE":{"current":"NaN","average":"Infinity"},"#,
        r#""PARALLELISM":{"current":2.0,"average":"NaN"}}}}}"#
    );

    fn limits() -> Limits {
        Limits::read(&Configuration::default()).unwrap()
    }

    fn now() -> Timestamp {
        "2023-11-15T17:00:00Z".parse().unwrap()
    }

    #[test]
    fn what_is_too_old_or_too_much_is_forgotten() {
        for case in cases("oracle_history_trim") {
            let second = |value: &serde_json::Value| Timestamp::from_millis(value.as_i64().unwrap() * 1000);
            let limits = Limits::read(&configuration(&case["config"])).unwrap();
            let mut scalings = History::new(None, Timestamp::default(), limits);
            for at in case["timestamps"].as_array().unwrap() {
                scalings.add("v", second(at), ScalingSummary::new(1, 2, &VertexMetrics::default()));
            }
            let text = scalings.change().unwrap().unwrap().1.unwrap();
            let history = History::new(Some(&text), second(&case["now"]), limits);
            let kept: Vec<Timestamp> = history.of("v").map(|(at, _)| at).collect();
            let expected: Vec<Timestamp> =
                case["expected"].as_array().map(|kept| kept.iter().map(second).collect()).unwrap_or_default();
            assert_eq!(kept, expected, "{case}");
        }
    }

    #[test]
    fn what_the_java_autoscaler_wrote_is_read_and_kept() {
        let mut history = History::new(Some(TEXT), now(), limits());
        let (at, summary) = history.of(VERTEX).next().unwrap();
        assert_eq!(at.to_string(), "2023-11-15T16:00:00Z");
        assert_eq!((summary.current("PARALLELISM"), summary.average("TRUE_PROCESSING_RATE")), (2.0, f64::INFINITY));
        assert!(summary.current("LAG").is_nan());
        assert_eq!(history.decided_at(at).collect::<Vec<_>>(), [(VERTEX, 4)]);
        history.add("other", now(), ScalingSummary::new(1, 2, &VertexMetrics::default()));
        let (key, text) = history.change().unwrap().unwrap();
        assert_eq!(key, SCALING_HISTORY);
        let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(parse(&text.unwrap())[VERTEX], parse(TEXT)[VERTEX]);
    }

    #[test]
    fn vertices_that_are_gone_are_forgotten() {
        let mut history = History::new(Some(TEXT), now(), limits());
        history.retain(|vertex| vertex == VERTEX);
        assert_eq!(history.change().unwrap(), None);
        history.retain(|_| false);
        assert_eq!(history.change().unwrap(), Some((SCALING_HISTORY.to_owned(), None)));
    }

    #[test]
    fn a_text_that_cannot_be_read_is_forgotten() {
        for text in ["", "[]", "{", r#"{"v":{"yesterday":{}}}"#] {
            let mut history = History::new(Some(text), now(), limits());
            history.retain(|_| true);
            assert_eq!(history.of("v").count(), 0);
            assert_eq!(history.change().unwrap(), Some((SCALING_HISTORY.to_owned(), None)), "{text}");
        }
    }
}
