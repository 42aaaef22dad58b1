//! `tidegate plugin new`: a folder that builds as it is.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::author::{Language, NewPlugin, PluginRole};

/// Make a folder with a small but real plugin, which builds as it is
#[derive(Clone, Debug, Args)]
pub(super) struct New {
    /// What it is called: lower-case letters, digits and dashes.
    #[arg(value_name = "NAME")]
    name: String,

    /// What it is for.
    #[arg(long, value_enum)]
    role: PluginRole,

    /// What it is written in: Rust for every role, the others for policies and event handlers. Go is experimental.
    #[arg(long, value_enum, default_value_t = Language::Rust)]
    lang: Language,

    /// Bring along the bundled policy's own code as a library, to decide as it does and change one thing: for policies in
    /// Rust.
    #[arg(long)]
    with_kit: bool,

    /// The folder to make; NAME in this one unless said otherwise.
    #[arg(long, value_name = "FOLDER")]
    out: Option<PathBuf>,

    /// Print what was made as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Made {
    folder: PathBuf,
    files: Vec<String>,
}

impl New {
    pub(super) fn run(self) -> Result<()> {
        let Self { name, role, lang: language, with_kit, out, json } = self;
        let folder = out.unwrap_or_else(|| PathBuf::from(&name));
        let files = NewPlugin { name, role, language, with_kit }.write(&folder)?;
        let mut answer = stdout();
        if json {
            writeln!(answer, "{}", serde_json::to_string_pretty(&Made { folder, files })?)?;
            return Ok(());
        }
        let shown = folder.display();
        writeln!(answer, "made {shown}, {} files:", files.len())?;
        for file in files {
            writeln!(answer, "  {file}")?;
        }
        writeln!(answer, "next: cd {shown} && tidegate plugin build && tidegate plugin test")?;
        Ok(())
    }
}
