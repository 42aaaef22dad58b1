//! `tidegate plugin contracts`: what passes between the host and plugins.

use std::io::{Write, stdout};

use anyhow::{Result, anyhow};
use clap::Args;

use crate::author::reference;

/// Print the reference of all contracts, in Markdown
#[derive(Clone, Debug, Args)]
pub(super) struct Contracts {}

impl Contracts {
    pub(super) fn run(&self) -> Result<()> {
        let page = reference().map_err(|reason| anyhow!("the contracts cannot be read: {reason}"))?;
        write!(stdout(), "{page}")?;
        Ok(())
    }
}
