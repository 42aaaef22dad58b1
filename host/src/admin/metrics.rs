//! What Prometheus scrapes: the process' counters, and the latest decision record of every job.

use std::fmt;
use std::sync::Arc;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;

use crate::control::{DecisionRecord, Readiness, Realization, Records};
use crate::flink::{Links, RestClient};
use crate::metrics::Metrics;

/// The evaluated metrics that are served for each vertex, and whether it is their average.
const EVALUATED: [(&str, bool); 6] = [
    ("LOAD", true),
    ("TRUE_PROCESSING_RATE", true),
    ("TARGET_DATA_RATE", true),
    ("CATCH_UP_DATA_RATE", false),
    ("LAG", false),
    ("EXPECTED_PROCESSING_RATE", false),
];

/// Everything that is looked at when somebody asks.
pub struct Scrape {
    /// Counters of the process.
    pub metrics: Arc<Metrics>,
    /// Whether every cluster has been looked at.
    pub readiness: Arc<Readiness>,
    registry: Registry,
}

impl Scrape {
    /// Looks at these.
    pub fn new(metrics: Arc<Metrics>, readiness: Arc<Readiness>, records: Arc<Records>, links: Arc<Links>) -> Self {
        let mut registry = Registry::with_prefix("tidegate");
        registry.register_collector(Box::new(Jobs { records }));
        registry.register_collector(Box::new(Traffic { links }));
        Self { metrics, readiness, registry }
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    /// The format's own word; never, as far as `String` is concerned.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.metrics.write(&mut text)?;
        encode_registry(&mut text, &self.registry)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}

/// Gauges of the latest record of each job. Made when asked for, so that a thousand jobs cost no memory.
struct Jobs {
    records: Arc<Records>,
}

impl fmt::Debug for Jobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jobs")
    }
}

impl Collector for Jobs {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let records = self.records.latest();
        let mut gauges = Gauges { encoder: &mut encoder };
        gauges.of_jobs("job_last_pass_timestamp_seconds", "When the job's last pass began", &records, |record| {
            Some(record.at.as_millis() as f64 / 1000.0)
        })?;
        gauges.of_jobs("job_failing", "Whether the job's last pass failed", &records, |record| {
            Some(f64::from(u8::from(record.error.is_some())))
        })?;
        gauges.of_jobs(
            "job_targets_held",
            "Whether the job runs as its policy wants",
            &records,
            |record| match record.realization {
                Realization::Nothing => None,
                Realization::InPlace => Some(1.0),
                _ => Some(0.0),
            },
        )?;
        gauges.of_vertices("vertex_parallelism", "Subtasks now", &records, |record, vertex| {
            let vertex = record.topology.as_ref()?.vertices.get(vertex)?;
            Some(f64::from(vertex.parallelism))
        })?;
        gauges.of_vertices("vertex_target_parallelism", "Subtasks that are held", &records, |record, vertex| {
            let vertex = record.topology.as_ref()?.vertices.get(vertex)?;
            record.targets.get(&vertex.id).map(|target| f64::from(*target))
        })?;
        gauges.of_vertices(
            "vertex_recommended_parallelism",
            "Subtasks that the policy recommends, applied or not",
            &records,
            |record, vertex| {
                let recommended = *record.decision.as_ref()?.recommended.get(vertex)?;
                (recommended > 0).then(|| f64::from(recommended))
            },
        )?;
        for (metric, is_average) in EVALUATED {
            let name = format!("vertex_{}", metric.to_ascii_lowercase());
            gauges.of_vertices(&name, "As the policy evaluated it", &records, |record, vertex| {
                let evaluated = &record.decision.as_ref()?.evaluated;
                let column = evaluated.iter().find(|column| column.metric == metric)?;
                let values = if is_average { &column.average } else { &column.current };
                values.get(vertex).copied().filter(|value| !value.is_nan())
            })?;
        }
        Ok(())
    }
}

struct Gauges<'a, 'b> {
    encoder: &'a mut DescriptorEncoder<'b>,
}

impl Gauges<'_, '_> {
    fn of_jobs(
        &mut self,
        name: &str,
        help: &str,
        records: &[Arc<DecisionRecord>],
        value: impl Fn(&DecisionRecord) -> Option<f64>,
    ) -> fmt::Result {
        let gauge = ConstGauge::new(0.0);
        let mut family = self.encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for record in records {
            if let Some(value) = value(record) {
                let id = record.job.id.to_string();
                let labels = [("cluster", &record.job.cluster), ("job", &id), ("job_name", &record.job_name)];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }

    fn of_vertices(
        &mut self,
        name: &str,
        help: &str,
        records: &[Arc<DecisionRecord>],
        value: impl Fn(&DecisionRecord, usize) -> Option<f64>,
    ) -> fmt::Result {
        let gauge = ConstGauge::new(0.0);
        let mut family = self.encoder.encode_descriptor(name, help, None, gauge.metric_type())?;
        for record in records {
            let Some(topology) = &record.topology else { continue };
            let id = record.job.id.to_string();
            for (index, vertex) in topology.vertices.iter().enumerate() {
                if let Some(value) = value(record, index) {
                    let vertex_id = vertex.id.to_string();
                    let labels = [
                        ("cluster", &record.job.cluster),
                        ("job", &id),
                        ("job_name", &record.job_name),
                        ("vertex", &vertex_id),
                        ("vertex_name", &vertex.name),
                    ];
                    ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }
}

/// What the REST clients count themselves.
struct Traffic {
    links: Arc<Links>,
}

impl fmt::Debug for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Traffic")
    }
}

impl Collector for Traffic {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        type Count = fn(&RestClient) -> u64;
        let counters: [(&str, &str, Count); 3] = [
            ("flink_requests", "Requests to Flink's REST API", |client| client.traffic().requests()),
            ("flink_failures", "Those that failed", |client| client.traffic().failures()),
            ("flink_received_bytes", "Bytes of the answers' bodies", |client| client.traffic().received_bytes()),
        ];
        let clients = self.links.clients();
        for (name, help, count) in counters {
            let kind = ConstCounter::new(0u64).metric_type();
            let mut family = encoder.encode_descriptor(name, help, None, kind)?;
            for (cluster, client) in &clients {
                let labels = [("cluster", cluster)];
                ConstCounter::new(count(client)).encode(family.encode_family(&labels)?)?;
            }
        }
        Ok(())
    }
}
