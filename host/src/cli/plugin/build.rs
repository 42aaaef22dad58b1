//! `tidegate plugin build`: the tool chain of the plugin's language.

use std::fs;
use std::io::{Write, stderr, stdout};
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;

use super::watching::at_every_save;
use crate::author::{Manifest, build};
use crate::model::Digest;

/// Build the plugin in a folder
///
/// Runs the steps that tidegate-plugin.toml names: those of the language's own tool chain. Says what is missing.
#[derive(Clone, Debug, Args)]
pub(super) struct Build {
    /// The plugin's folder.
    #[arg(value_name = "FOLDER", default_value = ".")]
    folder: PathBuf,

    /// Build again at every save, until it is stopped.
    #[arg(long, conflicts_with = "json")]
    watch: bool,

    /// Print what was built as one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was built.
#[derive(Serialize)]
struct Built {
    file: PathBuf,
    digest: String,
    bytes: usize,
    seconds: f64,
}

impl Build {
    pub(super) fn run(&self) -> Result<()> {
        if self.watch { at_every_save(&self.folder, || self.once()) } else { self.once() }
    }

    fn once(&self) -> Result<()> {
        let began = Instant::now();
        let manifest = Manifest::read(&self.folder)?;
        let file = build(&self.folder, &manifest, |step| {
            // Nobody is left to read it: the build goes on.
            let _ = writeln!(stderr(), "{}", step.title());
        })?;
        let bytes = fs::read(&file).with_context(|| format!("cannot read `{}`", file.display()))?;
        let built = Built {
            file,
            digest: Digest::of(&bytes).to_string(),
            bytes: bytes.len(),
            seconds: began.elapsed().as_secs_f64(),
        };
        if self.json {
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&built)?)?;
        } else {
            let Built { file, digest, bytes, seconds } = &built;
            writeln!(stdout(), "built {} ({bytes} bytes, sha256 {digest:.12}) in {seconds:.1} s", file.display())?;
        }
        Ok(())
    }
}
