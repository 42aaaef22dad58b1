//! One registry, spoken to with the credentials for it, and never for longer than it may take.

use std::future::Future;
use std::time::Duration;

use futures::TryStreamExt;
use oci_client::Client;
use oci_client::client::{ClientConfig, ClientProtocol};
use oci_client::errors::{DigestError, OciDistributionError};
use oci_client::secrets::RegistryAuth;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::artifact::{self, LARGEST_COMPONENT, LARGEST_MANIFEST, Layer, MANIFEST, Parts};
use super::credentials::{credentials, docker_config};
use super::{OciError, OciReference};

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);

/// Between two pieces of an answer.
const SILENCE: Duration = Duration::from_secs(20);

/// For all of one fetch or push, helpers of Docker's included.
const WHOLE: Duration = Duration::from_secs(120);

/// A registry, ready to be asked for one artifact.
pub(super) struct Connection<'a> {
    reference: &'a OciReference,
    client: Client,
    auth: RegistryAuth,
}

impl<'a> Connection<'a> {
    /// Reads the credentials; connects to nothing yet.
    pub(super) async fn new(reference: &'a OciReference) -> Result<Self, OciError> {
        install_crypto_provider();
        let registry = reference.registry().to_owned();
        let asked = registry.clone();
        let auth = spawn_blocking(move || match docker_config() {
            Some(path) => credentials(&asked, &path),
            None => Ok(RegistryAuth::Anonymous),
        });
        let auth = auth.await.map_err(|_| OciError::Interrupted)??;
        let config = ClientConfig {
            protocol: if reference.is_on_loopback() { ClientProtocol::Http } else { ClientProtocol::Https },
            connect_timeout: Some(CONNECT),
            read_timeout: Some(SILENCE),
            user_agent: concat!("tidegate/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let client =
            Client::try_from(config).map_err(|error| OciError::Client { registry, reason: error.to_string() })?;
        Ok(Self { reference, client, auth })
    }

    /// The manifest's bytes: those that the reference is pinned to, if it is.
    pub(super) async fn manifest(&self) -> Result<Vec<u8>, OciError> {
        let pulled = self.client.pull_manifest_raw(self.reference.inner(), &self.auth, &[MANIFEST]).await;
        let (manifest, _) = pulled.map_err(|error| self.failed("manifest", error))?;
        if manifest.len() > LARGEST_MANIFEST.0 {
            let found = manifest.len() as u64;
            return Err(OciError::TooLarge { what: "manifest", found, limit: LARGEST_MANIFEST });
        }
        if let Some(digest) = self.reference.digest() {
            artifact::verify("manifest", &manifest, digest)?;
        }
        Ok(manifest.to_vec())
    }

    /// The component of an artifact, as its manifest names it. No more is read than that says.
    pub(super) async fn component(&self, layer: &Layer) -> Result<Vec<u8>, OciError> {
        let what = "component";
        let pulled = self.client.pull_blob_stream(self.reference.inner(), layer.digest.as_str()).await;
        let mut stream = pulled.map_err(|error| self.failed(what, error))?;
        let expected = usize::try_from(layer.size).unwrap_or(usize::MAX).min(LARGEST_COMPONENT.0);
        let mut component = Vec::with_capacity(expected);
        let broken = |error: std::io::Error| match error.downcast::<DigestError>() {
            Ok(error) => self.failed(what, error.into()),
            Err(error) => self.failed(what, error.into()),
        };
        while let Some(piece) = stream.try_next().await.map_err(broken)? {
            if component.len() + piece.len() > expected {
                let (expected, found) = (format!("{expected} bytes"), "more".to_owned());
                return Err(OciError::Tampered { what, expected, found });
            }
            component.extend_from_slice(&piece);
        }
        artifact::verify(what, &component, &layer.digest)?;
        Ok(component)
    }

    /// Pushes all parts of an artifact, those that the registry has already left out.
    pub(super) async fn push(&self, parts: Parts) -> Result<(), OciError> {
        let reference = self.reference.inner();
        self.client.store_auth_if_needed(reference.resolve_registry(), &self.auth).await;
        let Parts { layer, config, manifest, bytes } = parts;
        let digests = std::iter::once(&manifest.config).chain(&manifest.layers).map(|part| &part.digest);
        for (content, digest) in [config.data, layer.data].into_iter().zip(digests) {
            let failed = |error| self.failed("artifact", error);
            if !self.client.blob_exists(reference, digest).await.map_err(failed)? {
                self.client.push_blob(reference, content, digest).await.map_err(failed)?;
            }
        }
        let kind = http::HeaderValue::from_static(MANIFEST);
        let pushed = self.client.push_manifest_raw(reference, bytes, kind).await;
        pushed.map(drop).map_err(|error| self.failed("manifest", error))
    }

    fn failed(&self, what: &'static str, error: OciDistributionError) -> OciError {
        match error {
            OciDistributionError::DigestError(DigestError::VerificationError { expected, actual }) => {
                OciError::Tampered { what, expected, found: actual }
            }
            error => OciError::of(self.reference, error),
        }
    }
}

/// Ends what takes too long.
pub(super) async fn within<T>(
    reference: &OciReference,
    work: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    let registry = || reference.registry().to_owned();
    timeout(WHOLE, work).await.unwrap_or_else(|_| Err(OciError::TimedOut { registry: registry(), limit: WHOLE }))
}

/// Tells rustls whose cryptography to use. Fails when there is one already, which serves as well.
fn install_crypto_provider() {
    rustls::crypto::ring::default_provider().install_default().ok();
}
