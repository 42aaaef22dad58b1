//! From a source to a compiled component that fits its contract.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use thiserror::Error;
use tokio::task::spawn_blocking;
use wasmtime::component::{InstancePre, Linker};

use super::call::State;
use super::contract::{Contract, Given};
use super::error::chain;
use super::oci::{Artifact, OciError, OciReference, ReferenceError};
use super::{LoadError, Runtime, shape};
use crate::model::Digest;

/// Where in the host's folder is what came from registries.
const KEPT: &str = "artifacts";

/// Where a plugin comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Carried inside of the host: `bundled:<name>`.
    Bundled(String),
    /// A file.
    File(PathBuf),
    /// A registry: `oci://registry/repository@sha256:<digest>`.
    Oci(Artifact),
}

/// A text that names no source.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SourceError {
    /// It is nothing that is known.
    #[error(
        "`{text}` is no source of a plugin: expected `bundled:<name>`, the path of a `.wasm` file, or \
         `oci://registry/repository@sha256:<digest>`"
    )]
    Unknown {
        /// The text.
        text: String,
    },
    /// It names no content in a registry.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
}

impl FromStr for Source {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        match text.split_once(':') {
            Some(("bundled", name)) if !name.is_empty() => Ok(Self::Bundled(name.to_owned())),
            Some(("oci", _)) => Ok(Self::Oci(Artifact::new(text.parse::<OciReference>()?)?)),
            // A scheme of more than one letter is no drive of Windows, and no path.
            Some((scheme, _)) if scheme.len() > 1 && !scheme.contains(['/', '\\', '.']) => {
                Err(SourceError::Unknown { text: text.to_owned() })
            }
            _ if text.is_empty() => Err(SourceError::Unknown { text: text.to_owned() }),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bundled(name) => write!(f, "bundled:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Oci(artifact) => artifact.reference().fmt(f),
        }
    }
}

impl Source {
    /// The same source, a relative path taken from `folder`.
    #[must_use]
    pub fn relative_to(&self, folder: &Path) -> Self {
        match self {
            Self::File(path) => Self::File(folder.join(path)),
            Self::Bundled(_) | Self::Oci(_) => self.clone(),
        }
    }

    /// The same source; what comes from a registry is kept in `state_dir`, where there is one.
    #[must_use]
    pub fn kept_in(&self, state_dir: Option<&Path>) -> Self {
        match (self, state_dir) {
            (Self::Oci(artifact), Some(folder)) => Self::Oci(artifact.kept_in(&folder.join(KEPT))),
            _ => self.clone(),
        }
    }

    /// Whether others decide how long it takes to read it.
    pub(super) const fn is_remote(&self) -> bool {
        matches!(self, Self::Oci(_))
    }

    /// Reads it as it is now: a plugin for `role`, in the words of configurations. Not for async threads.
    ///
    /// # Errors
    /// When there is no such file or bundled plugin, or a registry does not give it.
    pub fn fetch(&self, role: &str) -> Result<Code, LoadError> {
        let bytes = self.read(role)?;
        Ok(Code::new(self.clone(), bytes))
    }

    /// The same, for async threads.
    pub(super) async fn fetch_async(&self, role: &'static str) -> Result<Code, LoadError> {
        if let Self::Oci(artifact) = self {
            let bytes = artifact.fetch().await.map_err(|source| self.not_fetched(source))?;
            return Ok(Code::new(self.clone(), bytes));
        }
        let source = self.clone();
        let reading = spawn_blocking(move || source.fetch(role)).await;
        reading.unwrap_or_else(|_| Err(self.not_fetched(OciError::Interrupted)))
    }

    fn read(&self, role: &str) -> Result<Vec<u8>, LoadError> {
        match self {
            Self::Bundled(name) => {
                tidegate_bundled::find(role, name).map(<[u8]>::to_vec).ok_or_else(|| not_bundled(role, name))
            }
            Self::File(path) => {
                fs::read(path).map_err(|source| LoadError::Read { path: path.display().to_string(), source })
            }
            Self::Oci(artifact) => artifact.fetch_blocking().map_err(|source| self.not_fetched(source)),
        }
    }

    fn not_fetched(&self, source: OciError) -> LoadError {
        LoadError::Fetch { origin: self.to_string(), source }
    }
}

fn not_bundled(role: &str, name: &str) -> LoadError {
    let all = tidegate_bundled::ALL;
    let of_role: Vec<&str> = all.iter().filter(|known| known.role == role).map(|known| known.name).collect();
    let of_role = if of_role.is_empty() { "none".to_owned() } else { of_role.join(", ") };
    let instead = all.iter().find(|known| known.name == name).map(|known| known.role);
    let instead = instead.map_or_else(String::new, |instead| format!(" (`bundled:{name}` is a {instead})"));
    LoadError::NotBundled { role: role.to_owned(), name: name.to_owned(), known: format!("{of_role}{instead}") }
}

/// What a plugin is made of, as it was read once.
#[derive(Clone)]
pub struct Code {
    /// Where it came from.
    pub source: Source,
    /// What it is known by.
    pub digest: Digest,
    bytes: Vec<u8>,
}

impl Code {
    /// These bytes, as if they had been read from `source`.
    pub fn new(source: Source, bytes: Vec<u8>) -> Self {
        Self { source, digest: Digest::of(&bytes), bytes }
    }

    /// The component.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, if it starts as a component does.
    ///
    /// # Errors
    /// When it does not: with what it is instead.
    pub fn as_component(&self) -> Result<&[u8], LoadError> {
        match not_a_component(&self.bytes) {
            None => Ok(&self.bytes),
            Some(found) => Err(LoadError::NotAComponent { origin: self.source.to_string(), found }),
        }
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:.12})", self.source, self.digest)
    }
}

/// Compiles and links a component: `link` adds what its contract gives it beside WASI, `fit` finds its exports. With
/// it comes what it asks for.
/// Takes long: not for async threads.
pub(super) fn load<P>(
    runtime: &Runtime,
    name: &str,
    code: &Code,
    contract: &Contract,
    given: Given,
    link: impl FnOnce(&mut Linker<State>) -> wasmtime::Result<()>,
    fit: impl FnOnce(InstancePre<State>) -> wasmtime::Result<P>,
) -> Result<(P, Vec<String>), LoadError> {
    let origin = code.source.to_string();
    let component = runtime
        .compile(code.digest, code.as_component()?)
        .map_err(|error| LoadError::Compile { origin: origin.clone(), source: chain(error) })?;
    if let Some(misfit) = contract.misfit(name, given, runtime.engine(), &component) {
        return Err(LoadError::Misfit { origin, contract: contract.package, misfit });
    }
    if let Some(difference) = shape::difference(runtime.engine(), &component) {
        let misfit = format!("{difference}; build it against this version's wit");
        return Err(LoadError::Misfit { origin, contract: contract.package, misfit });
    }
    let asks = Contract::asks(runtime.engine(), &component);
    let mut linker = Linker::new(runtime.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)
        .and_then(|()| link(&mut linker))
        .and_then(|()| linker.instantiate_pre(&component))
        .and_then(fit)
        .map(|fitted| (fitted, asks))
        .map_err(|error| LoadError::Shape { origin, contract: contract.package, source: chain(error) })
}

/// What `bytes` are, when they do not even start as a component does (magic, version 13, layer 1).
fn not_a_component(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0, b'a', b's', b'm', 13, 0, 1, 0, ..] => None,
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => {
            Some("it is a core module; build it for `wasm32-wasip2`, or wrap it with `wasm-tools component new`")
        }
        [0, b'a', b's', b'm', ..] => Some("it has a binary format that this host does not know"),
        [] => Some("the file is empty"),
        [b'(', ..] => Some("it is WebAssembly text; translate it with `wasm-tools parse`"),
        _ => Some("it does not start as one; is this the `.wasm` file that the build made?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_bundled_or_a_path() {
        assert_eq!("bundled:log".parse(), Ok(Source::Bundled("log".to_owned())));
        for path in ["policy.wasm", "./a:b.wasm", "/x/y.wasm", "C:\\x.wasm"] {
            assert_eq!(path.parse(), Ok(Source::File(PathBuf::from(path))), "{path}");
        }
        for wrong in ["", "https://x/y.wasm", "oci://r/x", "oci:x", "oci://r.io/x:1"] {
            assert!(wrong.parse::<Source>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_is_in_a_registry_has_to_be_pinned() {
        let pinned = format!("oci://ghcr.io/team/policy:1@sha256:{}", Digest::of(b""));
        assert_eq!(pinned.parse::<Source>().unwrap().to_string(), pinned);
        let error = "oci://ghcr.io/team/policy:1".parse::<Source>().unwrap_err().to_string();
        assert!(error.contains("tidegate plugin pull oci://ghcr.io/team/policy:1"), "{error}");
    }

    #[test]
    fn a_bundled_plugin_has_one_role() {
        let fetch = |role, name: &str| Source::Bundled(name.to_owned()).fetch(role);
        assert!(fetch("state-store", "file").is_ok());
        for (role, name, expected) in [
            (
                "state-store",
                "log",
                "no state-store `log` is bundled; there are: sql, file, kubernetes (`bundled:log` is a event-handler)",
            ),
            ("filter", "nothing", "no filter `nothing` is bundled; there are: none"),
        ] {
            assert_eq!(fetch(role, name).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn what_is_no_component_is_told_apart() {
        for (bytes, expected) in [
            (b"\0asm\x0d\0\x01\0".as_slice(), None),
            (b"\0asm\x01\0\0\0", Some("core module")),
            (b"", Some("empty")),
            (b"(component)", Some("text")),
            (b"#!/bin/sh", Some("does not start as one")),
        ] {
            let found = not_a_component(bytes);
            match expected {
                None => assert_eq!(found, None),
                Some(part) => assert!(found.unwrap().contains(part), "{found:?}"),
            }
        }
    }
}
