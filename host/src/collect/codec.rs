//! The text that a window is stored as: `collectedMetrics` of the Java autoscaler, in JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tidegate_common::time::{InvalidTimestamp, Timestamp};

use crate::model::{GlobalMetric, GlobalMetrics, Sample, ScalingMetric, VertexId, VertexMetrics, Window};

/// A text that is no window.
#[derive(Debug, Error)]
pub enum InvalidWindow {
    /// Not the JSON that it should be.
    #[error("collected metrics are not readable")]
    Json(#[from] serde_json::Error),
    /// A sample under what is no instant.
    #[error("collected metrics hold a sample without a time")]
    Time(#[from] InvalidTimestamp),
}

/// The text of `window`: instant -> vertices and global metrics -> metric -> number.
///
/// # Errors
/// None that a window can cause.
pub fn encode(window: &Window) -> Result<String, InvalidWindow> {
    Ok(serde_json::to_string(&Samples(window))?)
}

/// The window of `text`. Metrics that are unknown or have no value are left out.
///
/// # Errors
/// When the text is not JSON of that form.
pub fn decode(text: &str) -> Result<Window, InvalidWindow> {
    let stored: BTreeMap<Cow<'_, str>, StoredSample<'_>> = serde_json::from_str(text)?;
    let mut window = Window::default();
    for (at, stored) in stored {
        window.push(stored.into_sample(at.parse()?));
    }
    Ok(window)
}

#[derive(Deserialize)]
struct StoredSample<'a> {
    #[serde(rename = "vertexMetrics", borrow)]
    vertices: BTreeMap<VertexId, StoredMetrics<'a>>,
    #[serde(rename = "globalMetrics", borrow, default)]
    global: StoredMetrics<'a>,
}

type StoredMetrics<'a> = BTreeMap<Cow<'a, str>, Option<Number>>;

impl StoredSample<'_> {
    fn into_sample(self, at: Timestamp) -> Sample {
        let vertices = self.vertices.into_iter().map(|(id, stored)| {
            let mut metrics = VertexMetrics::default();
            for (name, number) in stored {
                if let (Some(metric), Some(Number(number))) = (ScalingMetric::from_name(&name), number) {
                    metrics.set(metric, number);
                }
            }
            (id, metrics)
        });
        let mut global = GlobalMetrics::default();
        for (name, number) in self.global {
            if let (Some(metric), Some(Number(number))) = (GlobalMetric::from_name(&name), number) {
                global.set(metric, number);
            }
        }
        Sample { at, vertices: vertices.collect(), global }
    }
}

struct Samples<'a>(&'a Window);

impl Serialize for Samples<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for sample in self.0.iter() {
            map.serialize_entry(&sample.at.to_string(), &OneSample(sample))?;
        }
        map.end()
    }
}

struct OneSample<'a>(&'a Sample);

impl Serialize for OneSample<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("vertexMetrics", &Vertices(&self.0.vertices))?;
        map.serialize_entry("globalMetrics", &Global(&self.0.global))?;
        map.end()
    }
}

struct Vertices<'a>(&'a [(VertexId, VertexMetrics)]);

impl Serialize for Vertices<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, metrics)| (id, Vertex(metrics))))
    }
}

struct Vertex<'a>(&'a VertexMetrics);

impl Serialize for Vertex<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let present =
            ScalingMetric::ALL.iter().filter_map(|metric| Some((metric.name(), Number(self.0.get(*metric)?))));
        serializer.collect_map(present)
    }
}

struct Global<'a>(&'a GlobalMetrics);

impl Serialize for Global<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let present = GlobalMetric::ALL.iter().filter_map(|metric| Some((metric.name(), Number(self.0.get(*metric)?))));
        serializer.collect_map(present)
    }
}

/// A double: as such, or as text where JSON has none for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Number(pub(crate) f64);

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            number if number.is_finite() => serializer.serialize_f64(number),
            number if number.is_nan() => serializer.serialize_str("NaN"),
            number if number > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl Visitor<'_> for Read {
            type Value = Number;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, as such or as text")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Number, E> {
                Ok(Number(number))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Number, E> {
                Ok(Number(number as f64))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Number, E> {
                let number = match text {
                    // As YAML writes them.
                    ".NaN" | ".nan" => Some(f64::NAN),
                    ".inf" | "+.inf" => Some(f64::INFINITY),
                    "-.inf" => Some(f64::NEG_INFINITY),
                    _ => text.parse().ok(),
                };
                number.map(Number).ok_or_else(|| E::custom(format!("`{text}` is no number")))
            }
        }

        deserializer.deserialize_any(Read)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_text_is_that_of_the_java_autoscaler() {
        let mut metrics = VertexMetrics::default();
        metrics.set(ScalingMetric::Lag, 5.0);
        metrics.set(ScalingMetric::ObservedTpr, f64::INFINITY);
        metrics.set(ScalingMetric::Load, f64::NAN);
        let mut global = GlobalMetrics::default();
        global.set(GlobalMetric::GcPressure, 0.25);
        let mut window = Window::default();
        let at = Timestamp::from_millis(1_700_064_000_500);
        window.push(Sample { at, vertices: vec![(VertexId::from_u128(10), metrics)], global });
        let text = r#"{"2023-11-15T16:00:00.500Z":{"vertexMetrics":{"0000000000000000000000000000000a":{"LAG":5.0,"LOAD":"NaN","OBSERVED_TPR":"Infinity"}},"globalMetrics":{"GC_PRESSURE":0.25}}}"#;
        assert_eq!(encode(&window).unwrap(), text);
        assert_eq!(decode(text).unwrap(), window);
    }

    #[test]
    fn what_others_may_have_written_is_read() {
        let text = r#"{"2023-11-15T16:00:00.123456789Z":{"vertexMetrics":{"0000000000000000000000000000000a":
            {"LAG":null,"LOAD":".NaN","OBSERVED_TPR":".inf","NUM_RECORDS_IN":7,"NO_SUCH_METRIC":1}}}}"#;
        let window = decode(text).unwrap();
        let sample = window.latest().unwrap();
        assert_eq!(sample.at, Timestamp::from_millis(1_700_064_000_123));
        let metrics = sample.vertex(VertexId::from_u128(10)).unwrap();
        assert_eq!(metrics.get(ScalingMetric::Lag), None);
        assert!(metrics.get(ScalingMetric::Load).is_some_and(f64::is_nan));
        assert_eq!(metrics.get(ScalingMetric::ObservedTpr), Some(f64::INFINITY));
        assert_eq!(metrics.get(ScalingMetric::NumRecordsIn), Some(7.0));
        for wrong in ["", "[]", r#"{"yesterday":{"vertexMetrics":{}}}"#, r#"{"2023-11-15T16:00:00Z":{}}"#] {
            assert!(decode(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn a_window_survives_its_text(
            samples in prop::collection::btree_map(
                0_i64..2_000_000_000_000,
                (
                    prop::collection::btree_map(any::<u128>(), prop::collection::vec(any::<Option<f64>>(), 7), 0..4),
                    prop::collection::vec(any::<Option<f64>>(), 6),
                ),
                0..5,
            )
        ) {
            let mut window = Window::default();
            for (at, (vertices, of_job)) in samples {
                let mut global = GlobalMetrics::default();
                for (metric, value) in GlobalMetric::ALL.iter().zip(of_job) {
                    value.into_iter().for_each(|value| global.set(*metric, canonical(value)));
                }
                let vertices = vertices.into_iter().map(|(id, values)| {
                    let mut metrics = VertexMetrics::default();
                    for (metric, value) in ScalingMetric::ALL.iter().zip(values) {
                        value.into_iter().for_each(|value| metrics.set(*metric, canonical(value)));
                    }
                    (VertexId::from_u128(id), metrics)
                });
                window.push(Sample { at: Timestamp::from_millis(at), vertices: vertices.collect(), global });
            }
            prop_assert_eq!(decode(&encode(&window).unwrap()).unwrap(), window);
        }
    }

    /// Every NaN is written alike.
    fn canonical(value: f64) -> f64 {
        if value.is_nan() { f64::NAN } else { value }
    }
}
