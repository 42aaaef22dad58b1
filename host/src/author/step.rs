//! One step of a build.

use std::collections::BTreeMap;
use std::env;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;
use toml::Table;

use super::{AuthorError, HostStep};

/// Something that is done to build a plugin.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "Table")]
pub enum Step {
    /// A program of the language's tool chain.
    Run(Run),
    /// What the host does itself.
    Host(HostStep),
}

/// A program that is run in the plugin's folder.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// The program and its arguments.
    pub run: Vec<String>,
    /// A program that has to be installed: `run` may start it by another.
    pub needs: Option<String>,
    /// How to install what is needed.
    #[serde(default)]
    pub hint: String,
    /// What may help when it fails.
    #[serde(default)]
    pub if_fails: String,
    /// What it makes once for all builds: the step is left out where that is there already.
    pub makes: Option<PathBuf>,
    /// Variables that the program is given beside those of this process.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
}

impl TryFrom<Table> for Step {
    type Error = String;

    fn try_from(table: Table) -> Result<Self, String> {
        let wrong = |error: toml::de::Error| error.message().to_owned();
        if table.contains_key("host") {
            return table.try_into().map(Self::Host).map_err(wrong);
        }
        if !table.contains_key("run") {
            return Err("a step has `run`, the program and its arguments, or `host`, what the host does".to_owned());
        }
        let run: Run = table.try_into().map_err(wrong)?;
        if run.run.is_empty() {
            return Err("`run` is empty: it takes a program and its arguments".to_owned());
        }
        Ok(Self::Run(run))
    }
}

impl Step {
    /// What it is, for whoever waits for it.
    pub fn title(&self) -> String {
        match self {
            Self::Run(run) => run.run.join(" "),
            Self::Host(step) => step.title(),
        }
    }

    /// Does it. What a program says goes to standard error.
    ///
    /// # Errors
    /// When something is not installed, or fails.
    pub fn run(&self, folder: &Path) -> Result<(), AuthorError> {
        match self {
            Self::Run(run) => run.run(folder),
            Self::Host(step) => step.run(folder),
        }
    }
}

impl Run {
    fn run(&self, folder: &Path) -> Result<(), AuthorError> {
        if self.makes.as_ref().is_some_and(|made| folder.join(made).exists()) {
            return Ok(());
        }
        let missing = |program: &str| AuthorError::Missing { program: program.to_owned(), hint: self.hint.clone() };
        if let Some(needed) = self.needs.as_deref().filter(|needed| !is_installed(needed)) {
            return Err(missing(needed));
        }
        let Some((program, arguments)) = self.run.split_first() else { return Ok(()) };
        let mut command = Command::new(program);
        // A program's output is for who waits: what this command answers is on standard output.
        command.args(arguments).envs(&self.env).current_dir(folder).stdin(Stdio::null()).stdout(std::io::stderr());
        let status = command.status().map_err(|source| match source.kind() {
            ErrorKind::NotFound => missing(program),
            _ => AuthorError::Start { command: self.run.join(" "), source },
        })?;
        if status.success() {
            return Ok(());
        }
        let (command, status) = (self.run.join(" "), status.to_string());
        Err(AuthorError::Step { command, status, hint: self.if_fails.clone() })
    }
}

/// Whether a program can be found where programs are.
fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file() || env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(run: &[&str], needs: Option<&str>) -> Run {
        Run {
            run: run.iter().map(|part| (*part).to_owned()).collect(),
            needs: needs.map(str::to_owned),
            hint: "install it".to_owned(),
            if_fails: "look again".to_owned(),
            makes: None,
            env: BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_missing_or_fails_is_told_with_what_helps() {
        let folder = tempfile::tempdir().unwrap();
        let said = |run: &[&str], needs| step(run, needs).run(folder.path()).map_err(|error| error.to_string());
        assert_eq!(said(&["true"], Some("sh")), Ok(()));
        assert_eq!(said(&["no-such-tool"], None), Err("`no-such-tool` is not installed: install it".to_owned()));
        assert_eq!(said(&["true"], Some("no-such")), Err("`no-such` is not installed: install it".to_owned()));
        let failed = said(&["sh", "-c", "exit 3"], None).unwrap_err();
        assert_eq!(failed, "`sh -c exit 3` failed (exit status: 3): look again");
    }
}
