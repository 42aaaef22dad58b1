//! A scenario's file, table by table, as it is written.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, de};
use toml::{Spanned, Table};

use super::loads::{JitterTable, LoadTable};
use super::number::{Amount, Count, Positive, Share};
use crate::config::Span;
use crate::model::ShipStrategy;
use crate::simulate::Curve;

/// The tables of the file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Tables {
    pub(super) title: String,
    #[serde(default)]
    pub(super) about: String,
    pub(super) lasts: Spanned<Span>,
    pub(super) interval: Option<Spanned<Span>>,
    #[serde(default = "first")]
    pub(super) seed: u64,
    pub(super) utilisation: Option<Spanned<UtilisationTable>>,
    #[serde(default)]
    pub(super) cluster: ClusterTable,
    #[serde(default)]
    pub(super) options: Table,
    #[serde(default)]
    pub(super) published: BTreeMap<String, Amount>,
    pub(super) vertex: Vec<Spanned<VertexTable>>,
}

/// Within which share of its capacity a vertex should be.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct UtilisationTable {
    pub(super) least: Share,
    pub(super) most: Share,
}

impl Default for UtilisationTable {
    fn default() -> Self {
        Self { least: Share(0.4), most: Share(1.0) }
    }
}

/// How the cluster behaves.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(super) struct ClusterTable {
    pub(super) slots: Count,
    pub(super) downtime: Span,
    pub(super) noise: Share,
    pub(super) noise_every: Span,
    pub(super) meter_window: Option<Span>,
}

impl Default for ClusterTable {
    fn default() -> Self {
        Self {
            slots: Count(256),
            downtime: Span::seconds(30),
            noise: Share(0.0),
            noise_every: Span::seconds(10),
            meter_window: None,
        }
    }
}

/// One vertex.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct VertexTable {
    pub(super) name: String,
    pub(super) capacity: Option<Positive>,
    pub(super) scalability: Option<Share>,
    pub(super) curve: Option<Spanned<CurveTable>>,
    #[serde(default = "one")]
    pub(super) parallelism: Count,
    #[serde(default = "key_groups")]
    pub(super) max_parallelism: Count,
    #[serde(default)]
    pub(super) hot_key: Share,
    #[serde(default)]
    pub(super) slot_sharing_group: u32,
    #[serde(default = "yes")]
    pub(super) scale: bool,
    pub(super) source: Option<SourceTable>,
    #[serde(default)]
    pub(super) inputs: Vec<InputTable>,
}

/// What a source reads.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceTable {
    #[serde(default = "partitions")]
    pub(super) partitions: Count,
    #[serde(default)]
    pub(super) backlog: Amount,
    pub(super) load: Spanned<LoadTable>,
    pub(super) jitter: Option<Spanned<JitterTable>>,
}

/// One input of a vertex.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InputTable {
    pub(super) from: Spanned<String>,
    #[serde(default = "rebalance")]
    pub(super) ship: ShipTable,
    #[serde(default = "each_one")]
    pub(super) ratio: Amount,
}

/// A curve as it is written: points of parallelism and rate.
#[derive(Clone, Debug)]
pub(super) struct CurveTable(pub(super) Curve);

/// How records are partitioned on the way.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ShipTable {
    Hash,
    Rebalance,
    Rescale,
    Forward,
}

impl<'de> Deserialize<'de> for CurveTable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let points: Vec<(u32, f64)> = Vec::deserialize(deserializer)?;
        Curve::new(points).map(Self).map_err(de::Error::custom)
    }
}

impl From<ShipTable> for ShipStrategy {
    fn from(ship: ShipTable) -> Self {
        match ship {
            ShipTable::Hash => Self::Hash,
            ShipTable::Rebalance => Self::Rebalance,
            ShipTable::Rescale => Self::Rescale,
            ShipTable::Forward => Self::Forward,
        }
    }
}

const fn first() -> u64 {
    1
}

const fn one() -> Count {
    Count(1)
}

const fn key_groups() -> Count {
    Count(128)
}

const fn partitions() -> Count {
    Count(128)
}

const fn yes() -> bool {
    true
}

const fn rebalance() -> ShipTable {
    ShipTable::Rebalance
}

const fn each_one() -> Amount {
    Amount(1.0)
}
