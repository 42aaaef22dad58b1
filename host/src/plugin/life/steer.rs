//! Slots of every kind behind one set of verbs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use async_trait::async_trait;
use thiserror::Error;
use tokio::task::JoinError;

use super::pipeline::{Eagerness, Workshop};
use super::registry::{fetch, fetch_early};
use super::slot::Slot;
use super::{Offer, PluginStatus, Spec};
use crate::causes::in_one_text;
use crate::config::Role;
use crate::control::RehearsalError;
use crate::model::Digest;
use crate::plugin::kind::Kind;
use crate::plugin::load::Code;
use crate::plugin::{CallError, LoadError, WasmAligner, WasmEvaluator, WasmEventHandler, WasmFilter, WasmPolicy};

/// Why a plugin cannot be steered so.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SteerError {
    /// It cannot be loaded.
    #[error("plugin `{plugin}` cannot be loaded")]
    Load {
        /// Which plugin.
        plugin: String,
        /// Why.
        #[source]
        source: LoadError,
    },
    /// It does not start.
    #[error("plugin `{plugin}` failed its trial")]
    Trial {
        /// Which plugin.
        plugin: String,
        /// How.
        #[source]
        source: CallError,
    },
    /// It must not decide.
    #[error("plugin `{plugin}` failed its rehearsal")]
    Rehearsal {
        /// Which plugin.
        plugin: String,
        /// How.
        #[source]
        source: RehearsalError,
    },
    /// No plugin has this name.
    #[error("there is no plugin `{plugin}`; there are: {known}")]
    NoSuchPlugin {
        /// The name asked for.
        plugin: String,
        /// Those that there are.
        known: String,
    },
    /// There is no version to go back to.
    #[error("plugin `{plugin}` has no good version before the one in service")]
    NothingBefore {
        /// Which plugin.
        plugin: String,
    },
    /// Nothing can be taken out of service.
    #[error("plugin `{plugin}` is not in service")]
    NotInService {
        /// Which plugin.
        plugin: String,
    },
    /// Nothing can be put back in service.
    #[error("plugin `{plugin}` has no version that is suspended")]
    NotSuspended {
        /// Which plugin.
        plugin: String,
    },
    /// A thread of the host died.
    #[error("loading was interrupted")]
    Interrupted(#[from] JoinError),
}

impl SteerError {
    /// Where a version stopped: a stable word for metrics.
    pub const fn stage(&self) -> &'static str {
        match self {
            Self::Load { source, .. } => match source {
                LoadError::Misfit { .. } | LoadError::Shape { .. } => "not_fitted",
                LoadError::Read { .. } | LoadError::NotBundled { .. } => "not_found",
                LoadError::Fetch { .. } => "not_fetched",
                _ => "not_compiled",
            },
            Self::Trial { .. } => "not_checked",
            Self::Rehearsal { .. } => "not_rehearsed",
            _ => "failed",
        }
    }

    /// Whether the same may succeed later with nothing changed here: a registry was out of reach.
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Load { source: LoadError::Fetch { source, .. }, .. } if source.may_pass())
    }
}

/// What can be done with a slot, of whatever kind its plugin is.
#[async_trait]
pub(super) trait Steered: Send + Sync {
    async fn offer(&self, workshop: &Workshop, code: Code, eagerness: Eagerness) -> Result<Offer, SteerError>;
    async fn resume(&self, workshop: &Workshop) -> Result<Offer, SteerError>;
    fn roll_back(&self) -> Result<Digest, SteerError>;
    fn suspend(&self) -> Result<(), SteerError>;
    fn status(&self) -> PluginStatus;
    fn spec(&self) -> Arc<Spec>;
    fn offered(&self) -> Option<Digest>;
    /// What keeps its source from being read, if so.
    fn note_source(&self, lacks: Option<String>);
    /// From now on the operator says this about it.
    fn respecify(&self, spec: Spec);
}

#[async_trait]
impl<K: Kind> Steered for Slot<K> {
    async fn offer(&self, workshop: &Workshop, code: Code, eagerness: Eagerness) -> Result<Offer, SteerError> {
        workshop.offer(self, code, eagerness).await
    }

    async fn resume(&self, workshop: &Workshop) -> Result<Offer, SteerError> {
        workshop.resume(self).await
    }

    fn roll_back(&self) -> Result<Digest, SteerError> {
        self.roll_back()
    }

    fn suspend(&self) -> Result<(), SteerError> {
        self.suspend()
    }

    fn status(&self) -> PluginStatus {
        self.status()
    }

    fn spec(&self) -> Arc<Spec> {
        Arc::clone(&self.book().spec)
    }

    fn offered(&self) -> Option<Digest> {
        self.book().offered
    }

    fn note_source(&self, lacks: Option<String>) {
        self.book().source_lacks = lacks;
    }

    fn respecify(&self, spec: Spec) {
        self.book().spec = Arc::new(spec);
    }
}

/// A slot with the kind of its plugin.
#[derive(Clone)]
pub(super) enum AnySlot {
    Policy(Arc<Slot<WasmPolicy>>),
    Evaluator(Arc<Slot<WasmEvaluator>>),
    Aligner(Arc<Slot<WasmAligner>>),
    Filter(Arc<Slot<WasmFilter>>),
    EventHandler {
        slot: Arc<Slot<WasmEventHandler>>,
        /// Whether nobody hands it events yet.
        is_new: Arc<AtomicBool>,
    },
}

impl AnySlot {
    pub(super) fn steered(&self) -> &dyn Steered {
        match self {
            Self::Policy(slot) => slot.as_ref(),
            Self::Evaluator(slot) => slot.as_ref(),
            Self::Aligner(slot) => slot.as_ref(),
            Self::Filter(slot) => slot.as_ref(),
            Self::EventHandler { slot, .. } => slot.as_ref(),
        }
    }
}

/// A new slot, and what kept its plugin from coming into service there.
pub(super) async fn open(workshop: &Workshop, spec: &Spec) -> (AnySlot, Option<SteerError>) {
    match spec.role {
        Role::Policy => {
            let (slot, failed) = fill(workshop, spec, "default-policy").await;
            (AnySlot::Policy(slot), failed)
        }
        Role::Evaluator => {
            let (slot, failed) = fill(workshop, spec, "").await;
            (AnySlot::Evaluator(slot), failed)
        }
        Role::Aligner => {
            let (slot, failed) = fill(workshop, spec, "").await;
            (AnySlot::Aligner(slot), failed)
        }
        Role::Filter => {
            let (slot, failed) = fill(workshop, spec, "").await;
            (AnySlot::Filter(slot), failed)
        }
        Role::EventHandler => {
            let (slot, failed) = fill(workshop, spec, "log").await;
            (AnySlot::EventHandler { slot, is_new: Arc::new(AtomicBool::new(true)) }, failed)
        }
    }
}

/// `carried` is the bundled plugin that may take its place; nobody can ask for it where there is none.
async fn fill<K: Kind>(workshop: &Workshop, spec: &Spec, carried: &str) -> (Arc<Slot<K>>, Option<SteerError>) {
    let slot = Arc::new(Slot::<K>::new(spec.clone(), Arc::clone(&workshop.metrics)));
    let failed = try_fill(workshop, &slot, spec, &Spec::bundled(carried, spec.role)).await.err();
    if let Some(error) = &failed {
        slot.not_loaded(&in_one_text(error));
    }
    (slot, failed)
}

async fn try_fill<K: Kind>(workshop: &Workshop, slot: &Slot<K>, spec: &Spec, carried: &Spec) -> Result<(), SteerError> {
    let early = fetch_early(slot).await;
    let _turn = workshop.turn.lock().await;
    if spec.on_failure.wants_bundled() {
        let bundled = workshop.bundled::<K>(spec, carried).await?;
        slot.book().bundled = Some(bundled);
    }
    let code = match early? {
        Some(code) => code,
        None => fetch(spec).await?,
    };
    workshop.offer(slot, code, Eagerness::Always).await.map(drop)
}
