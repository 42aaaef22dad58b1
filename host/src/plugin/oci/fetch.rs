//! From a reference to a component that is what the reference names.

use std::path::{Path, PathBuf};
use std::thread;

use tokio::runtime::Builder;
use tokio::task::spawn_blocking;
use tracing::info;

use super::artifact;
use super::connection::{Connection, within};
use super::kept::Kept;
use super::{OciError, OciReference, ReferenceError};

/// A component in a registry, pinned by the digest of its manifest: the same for ever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    reference: OciReference,
    kept_in: Option<PathBuf>,
}

/// An artifact that was pulled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// Where it came from, pinned to what came.
    pub reference: OciReference,
    /// The component, verified.
    pub component: Vec<u8>,
    manifest: Vec<u8>,
}

impl Artifact {
    /// What `reference` is pinned to.
    ///
    /// # Errors
    /// When it is not pinned.
    pub fn new(reference: OciReference) -> Result<Self, ReferenceError> {
        reference.pin()?;
        Ok(Self { reference, kept_in: None })
    }

    /// Where it is.
    pub fn reference(&self) -> &OciReference {
        &self.reference
    }

    /// The same artifact, kept in `folder` once it was fetched.
    #[must_use]
    pub fn kept_in(&self, folder: &Path) -> Self {
        Self { kept_in: Some(folder.to_owned()), ..self.clone() }
    }

    /// The component: what is kept of it, else from the registry. Either is verified.
    ///
    /// # Errors
    /// When it is not kept, and the registry does not give what the digest names.
    pub async fn fetch(&self) -> Result<Vec<u8>, OciError> {
        let digest = self.reference.pin()?.to_owned();
        let kept = self.kept_in.as_deref().map(|folder| Kept::new(folder, &digest));
        let Some(kept) = kept else { return Ok(pull(&self.reference).await?.component) };
        let found = spawn_blocking(move || (kept.find(), kept)).await;
        let (found, kept) = found.map_err(|_| OciError::Interrupted)?;
        if let Some(component) = found {
            return Ok(component);
        }
        let pulled = pull(&self.reference).await?;
        let (reference, bytes) = (&self.reference, pulled.component.len());
        info!(%reference, bytes, "fetched from its registry");
        let keeping = spawn_blocking(move || {
            kept.keep(&pulled.manifest, &pulled.component);
            pulled.component
        });
        keeping.await.map_err(|_| OciError::Interrupted)
    }

    /// The same where nothing is async. Takes as long as the registry does.
    pub(in crate::plugin) fn fetch_blocking(&self) -> Result<Vec<u8>, OciError> {
        // A thread of its own, since nobody knows which this one is.
        thread::scope(|scope| {
            let fetching = scope.spawn(|| {
                let runtime = Builder::new_current_thread().enable_all().build().map_err(|_| OciError::Interrupted)?;
                runtime.block_on(self.fetch())
            });
            fetching.join().unwrap_or(Err(OciError::Interrupted))
        })
    }
}

/// Pulls an artifact, whether it is pinned or not, and verifies all of it.
///
/// # Errors
/// When the registry does not give it, or gives something else.
pub async fn pull(reference: &OciReference) -> Result<Pulled, OciError> {
    within(reference, async {
        let registry = Connection::new(reference).await?;
        let manifest = registry.manifest().await?;
        let component = registry.component(&artifact::layer(&manifest)?).await?;
        Ok(Pulled { reference: reference.pinned_to(artifact::digest(&manifest)), component, manifest })
    })
    .await
}
