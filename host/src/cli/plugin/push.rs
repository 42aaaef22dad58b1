//! `tidegate plugin push` and `pull`: plugins in a registry.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};

use crate::model::Digest;
use crate::plugin::{OciReference, Pulled, Pushed, pull, push};

/// A plugin to be pushed.
#[derive(Clone, Debug, Args)]
pub(super) struct Push {
    /// The plugin: a `.wasm` file.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Where to, such as oci://ghcr.io/team/policy:1.0.0.
    #[arg(value_name = "REFERENCE")]
    reference: OciReference,

    /// Print JSON: the pinned reference, digests, imports and exports.
    #[arg(long)]
    json: bool,
}

/// A plugin to be pulled.
#[derive(Clone, Debug, Args)]
pub(super) struct Pull {
    /// Where from, such as oci://ghcr.io/team/policy:1.0.0, or pinned by a digest.
    #[arg(value_name = "REFERENCE")]
    reference: OciReference,

    /// Write the plugin into this file.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,

    /// Print JSON: the pinned reference and digests.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Shown {
    /// What to write into a configuration.
    reference: String,
    /// Of the manifest: what the reference is pinned to.
    digest: String,
    /// Of the component: the version that `tidegate plugin list` shows.
    version: String,
    /// Of the component.
    bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    exports: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    imports: Option<Vec<String>>,
}

impl Push {
    pub(super) fn run(self) -> Result<()> {
        let component = fs::read(&self.file).with_context(|| format!("failed to read `{}`", self.file.display()))?;
        let (version, bytes) = (Digest::of(&component), component.len());
        let pushed = runtime()?.block_on(push(&self.reference, component));
        let Pushed { reference, interfaces } =
            pushed.with_context(|| format!("failed to push `{}` to `{}`", self.file.display(), self.reference))?;
        let (exports, imports) = (Some(interfaces.exports), Some(interfaces.imports));
        show(self.json, &reference, Shown { exports, imports, ..shown(&reference, version, bytes) })
    }
}

impl Pull {
    pub(super) fn run(self) -> Result<()> {
        let pulled = runtime()?.block_on(pull(&self.reference));
        let Pulled { reference, component, .. } =
            pulled.with_context(|| format!("failed to pull `{}`", self.reference))?;
        if let Some(file) = &self.out {
            fs::write(file, &component).with_context(|| format!("failed to write `{}`", file.display()))?;
        }
        show(self.json, &reference, shown(&reference, Digest::of(&component), component.len()))
    }
}

fn runtime() -> Result<Runtime> {
    Builder::new_current_thread().enable_all().build().context("starting the async runtime")
}

fn shown(reference: &OciReference, version: Digest, bytes: usize) -> Shown {
    let digest = reference.digest().unwrap_or_default().to_owned();
    let (reference, version) = (reference.to_string(), version.to_string());
    Shown { reference, digest, version, bytes, exports: None, imports: None }
}

/// The pinned reference alone, so that a script can take it as it is.
#[expect(clippy::print_stdout, reason = "the answer of a command")]
fn show(json: bool, reference: &OciReference, shown: Shown) -> Result<()> {
    if json {
        println!("{}", serde_json::to_string_pretty(&shown)?);
    } else {
        println!("{reference}");
    }
    Ok(())
}
