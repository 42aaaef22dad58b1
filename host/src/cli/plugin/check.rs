//! `tidegate plugin check`: whether a plugin would come into service.

use std::io::{Write, stdout};
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use tokio::runtime::Builder;

use crate::author::{Asked, Checked, Subject, check};
use crate::cli::compiled;
use crate::cli::progress::Progress;
use crate::plugin::ByteSize;

/// Check that a plugin would come into service
///
/// Its role and contract, what it asks for against what it may have, its options, its size, how long it takes to compile,
/// whether it starts, and what it answers about made-up jobs: a policy decides, a filter judges, a handler is told, a
/// state store keeps. Exit code 1 when something keeps it out.
#[derive(Clone, Debug, Args)]
pub(super) struct Check {
    /// The plugin's folder, or a component.
    #[arg(value_name = "FOLDER|FILE.wasm", default_value = ".")]
    plugin: PathBuf,

    /// Print what was found as one JSON object.
    #[arg(long)]
    json: bool,
}

impl Check {
    pub(super) fn run(&self) -> Result<()> {
        let subject = Subject::find(&self.plugin)?;
        let threads = Builder::new_multi_thread().enable_all().build().context("starting the async runtime")?;
        let runtime = compiled::runtime()?;
        let checked = {
            let _progress = Progress::of(format!("compiling {}", subject.file.display()));
            threads.block_on(check(&subject, &runtime))?
        };
        if self.json {
            writeln!(stdout(), "{}", serde_json::to_string_pretty(&checked)?)?;
        } else {
            writeln!(stdout(), "{}", lines(&subject, &checked).join("\n"))?;
        }
        if !checked.is_good() {
            bail!("{} would not come into service: {}", checked.name, checked.wrong.join("; "));
        }
        Ok(())
    }
}

fn lines(subject: &Subject, checked: &Checked) -> Vec<String> {
    let Checked { name, role, contract, bytes, grants, readied, trial_ms, asked, memory, warnings, .. } = checked;
    let memory = ByteSize(usize::try_from(*memory).unwrap_or(usize::MAX));
    let mut lines = vec![
        format!("plugin    {name}, {}, sha256 {:.12}", role.with_article(), subject.code.digest),
        format!("contract  {contract}"),
        format!("grants    {}", if grants.is_empty() { "nothing".to_owned() } else { grants.join("; ") }),
        format!("size      {bytes} bytes, {readied}"),
        format!("start     {trial_ms:.1} ms with a fresh instance, at most {memory} of memory"),
    ];
    lines.extend(asked.iter().map(|Asked { about, said, ms }| format!("asked     about {about}: {said} ({ms:.1} ms)")));
    lines.extend(warnings.iter().map(|warning| format!("warning   {warning}")));
    if checked.is_good() {
        lines.push("ok".to_owned());
    }
    lines
}
