//! `tidegate plugin inspect`: what is inside of a component.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use serde::Serialize;

use crate::author::{Anatomy, Subject};
use crate::plugin::ByteSize;

/// Show what is inside of a component, without running it
#[derive(Clone, Debug, Args)]
pub(super) struct Inspect {
    /// The plugin's folder, or a component.
    #[arg(value_name = "FOLDER|FILE.wasm", default_value = ".")]
    plugin: PathBuf,

    /// Print it as one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Inspected<'a> {
    file: String,
    digest: String,
    bytes: usize,
    #[serde(flatten)]
    anatomy: &'a Anatomy,
}

impl Inspect {
    pub(super) fn run(&self) -> Result<()> {
        let subject = Subject::find(&self.plugin)?;
        let inspected = Inspected {
            file: subject.file.display().to_string(),
            digest: subject.code.digest.to_string(),
            bytes: subject.code.bytes().len(),
            anatomy: &subject.anatomy,
        };
        if self.json {
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&inspected)?)?;
        } else {
            writeln!(stdout(), "{}", lines(&inspected).join("\n"))?;
        }
        Ok(())
    }
}

fn lines(inspected: &Inspected<'_>) -> Vec<String> {
    let Inspected { file, digest, bytes, anatomy } = inspected;
    let Anatomy { roles, imports, exports, producers, custom_sections, modules, module_bytes, memory } = anatomy;
    let mut lines = vec![format!("file          {file}, {bytes} bytes"), format!("digest        sha256:{digest}")];
    let roles: Vec<String> = roles.iter().map(|it| format!("{} of contract {}", it.role, it.version)).collect();
    lines.push(format!("role          {}", if roles.is_empty() { "none".to_owned() } else { roles.join(", ") }));
    let memory = ByteSize(usize::try_from(*memory).unwrap_or(usize::MAX));
    lines.push(format!(
        "code          {modules} core modules of {module_bytes} bytes, {memory} of memory to start with"
    ));
    for (field, values) in producers {
        lines.push(format!("{field:<13} {}", values.join(", ")));
    }
    lines.push("imports".to_owned());
    let import = |import: &crate::author::Import| match import.grant {
        Some(grant) => format!("  {}    grant: {grant}", import.name),
        None => format!("  {}", import.name),
    };
    lines.extend(imports.iter().map(import));
    lines.push("exports".to_owned());
    lines.extend(exports.iter().map(|export| format!("  {export}")));
    lines.push("custom sections".to_owned());
    lines.extend(custom_sections.iter().map(|(name, bytes)| format!("  {name}, {bytes} bytes")));
    lines
}
