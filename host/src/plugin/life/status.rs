//! How a plugin stands, as plain data for whoever asks.

use tidegate_common::time::Timestamp;

use super::{Spec, VersionState};
use crate::control::Difference;
use crate::metrics::PluginUse;
use crate::model::Digest;

/// One plugin.
#[derive(Clone, Debug)]
pub struct PluginStatus {
    /// What the operator says about it.
    pub spec: Spec,
    /// The version in service.
    pub active: Option<Digest>,
    /// Why none is.
    pub out_of_service: Option<String>,
    /// Why its registry did not give its source, if so.
    pub source_lacks: Option<String>,
    /// Failures of the version in service, in a row.
    pub failures: u32,
    /// What the version in service imports, beside what language runtimes do on their own.
    pub asks: Vec<String>,
    /// What all its versions have used.
    pub used: PluginUse,
    /// Every version that is remembered, the newest first.
    pub versions: Vec<VersionStatus>,
}

/// One version.
#[derive(Clone, Debug)]
pub struct VersionStatus {
    /// The SHA-256 of its bytes.
    pub digest: Digest,
    /// Where it came from.
    pub source: String,
    /// When it was found.
    pub at: Timestamp,
    /// Where it stands in its life.
    pub state: VersionState,
    /// Why it is not in service.
    pub error: Option<String>,
    /// What it said differently when it rehearsed.
    pub differences: Vec<Difference>,
}

/// What came of an offer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Offer {
    /// It is the version in service already, or was judged before.
    Unchanged,
    /// It is in service now.
    Active {
        /// What it said differently when it rehearsed.
        differences: Vec<Difference>,
    },
}
