//! Slots of evaluators, aligners and filters in domain words: a pass pins the version in service, and what comes of its
//! calls is reported to the slot.

use std::sync::Arc;

use async_trait::async_trait;

use super::FailureKind;
use super::slot::{Service, Slot};
use super::version::Version;
use crate::causes::in_one_text;
use crate::extension::{Aligner, Evaluator, ExtensionError, Filter};
use crate::model::{Applicant, Digest, Evaluation, FilterOutcome, Observation, Proposal, Scalar};
use crate::plugin::kind::Kind;
use crate::plugin::{CallError, WasmAligner, WasmEvaluator, WasmFilter};

/// A slot, as who selects plugins sees it, or what was in service there when a pass began.
pub(super) struct ExtensionSeat<K: Kind> {
    slot: Arc<Slot<K>>,
    pinned: Option<Arc<Service<K>>>,
}

impl<K: Kind> ExtensionSeat<K> {
    pub(super) fn new(slot: Arc<Slot<K>>) -> Self {
        Self { slot, pinned: None }
    }

    fn pinned(&self) -> Self {
        Self { slot: Arc::clone(&self.slot), pinned: Some(self.slot.service()) }
    }

    fn service(&self) -> Arc<Service<K>> {
        self.pinned.clone().unwrap_or_else(|| self.slot.service())
    }

    fn digest(&self) -> Option<Digest> {
        match self.service().as_ref() {
            Service::Version(version) => Some(version.digest),
            Service::Nothing(_) => None,
        }
    }

    /// Asks the version in service, and reports what comes of it.
    async fn ask<T>(&self, question: impl AsyncFnOnce(&K) -> Result<T, ExtensionError>) -> Result<T, ExtensionError> {
        let service = self.service();
        let version = match service.as_ref() {
            Service::Version(version) => version,
            Service::Nothing(why) => {
                return Err(ExtensionError::Broken(format!("it is not in service: {why}").into()));
            }
        };
        let answer = question(&version.plugin).await;
        self.report(version, &answer);
        answer
    }

    fn report<T>(&self, version: &Arc<Version<K>>, answer: &Result<T, ExtensionError>) {
        let source = match answer {
            // That it has no answer is an answer, and a good one.
            Ok(_) | Err(ExtensionError::Declined { .. }) => return self.slot.succeeded(version),
            Err(ExtensionError::Broken(source)) => source,
        };
        let kind = match source.downcast_ref::<CallError>() {
            Some(CallError::Busy { .. }) => return,
            Some(CallError::Malformed { .. }) => FailureKind::Answer,
            _ => FailureKind::Call,
        };
        self.slot.failed(version, kind, &in_one_text(source.as_ref()));
    }
}

#[async_trait]
impl Evaluator for ExtensionSeat<WasmEvaluator> {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn digest(&self) -> Option<Digest> {
        self.digest()
    }

    fn pin(&self) -> Option<Arc<dyn Evaluator>> {
        Some(Arc::new(self.pinned()))
    }

    async fn evaluate(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        vertex: usize,
    ) -> Result<Vec<Scalar>, ExtensionError> {
        self.ask(async |plugin| plugin.evaluate(observation, evaluation, vertex).await).await
    }
}

#[async_trait]
impl Aligner for ExtensionSeat<WasmAligner> {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn digest(&self) -> Option<Digest> {
        self.digest()
    }

    fn pin(&self) -> Option<Arc<dyn Aligner>> {
        Some(Arc::new(self.pinned()))
    }

    async fn align(
        &self,
        observation: Arc<Observation>,
        applicant: Applicant,
        evaluated: Vec<Scalar>,
    ) -> Result<Option<u32>, ExtensionError> {
        self.ask(async |plugin| plugin.align(observation, applicant, evaluated).await).await
    }
}

#[async_trait]
impl Filter for ExtensionSeat<WasmFilter> {
    fn name(&self) -> &str {
        self.slot.name()
    }

    fn digest(&self) -> Option<Digest> {
        self.digest()
    }

    fn pin(&self) -> Option<Arc<dyn Filter>> {
        Some(Arc::new(self.pinned()))
    }

    fn priority(&self) -> i32 {
        match self.service().as_ref() {
            Service::Version(version) => version.plugin.priority(),
            Service::Nothing(_) => 0,
        }
    }

    async fn filter(
        &self,
        observation: Arc<Observation>,
        evaluation: Arc<Evaluation>,
        changes: Vec<Proposal>,
    ) -> Result<FilterOutcome, ExtensionError> {
        self.ask(async |plugin| plugin.filter(observation, evaluation, changes).await).await
    }
}
