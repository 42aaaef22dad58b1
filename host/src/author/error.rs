//! Why an author's command came to nothing.

use std::error::Error;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use wasmparser::BinaryReaderError;

use super::{Language, PluginRole};
use crate::plugin::{CallError, LoadError};
use crate::state::StoreError;
use crate::trace::TraceError;

/// What went wrong, and what to do about it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuthorError {
    /// A name that cannot be that of a plugin.
    #[error(
        "`{name}` cannot be the name of a plugin: it has to be 1 to 60 lower-case letters, digits and dashes, and begin \
         with a letter"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A language that there is no template in for a role.
    #[error("there is no template of {} in {language}; there are: {known}", .role.with_article())]
    NoTemplate {
        /// What the plugin is to be for.
        role: PluginRole,
        /// What it is to be written in.
        language: Language,
        /// What there is for this language.
        known: String,
    },
    /// The kit for anything else.
    #[error("--with-kit is for policies in Rust: the kit is the bundled policy's own library")]
    NoKit,
    /// A folder that something is in.
    #[error("`{}` is there already, and not empty: choose another name, or another folder with --out", .path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// A folder without a manifest.
    #[error(
        "there is no `tidegate-plugin.toml` in `{}`: name the folder of a plugin, or make one with `tidegate plugin new`",
        .folder.display()
    )]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// A manifest that does not say what one has to.
    #[error("`{}` cannot be read: {reason}", .path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        reason: String,
    },
    /// Something cannot be read.
    #[error("cannot read `{}`", .path.display())]
    Read {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Something cannot be written.
    #[error("cannot write `{}`", .path.display())]
    Write {
        /// Which file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A tool is not installed.
    #[error("`{program}` is not installed{}", after_colon(.hint))]
    Missing {
        /// The tool.
        program: String,
        /// How to install it.
        hint: String,
    },
    /// A tool cannot be started.
    #[error("`{command}` cannot be started")]
    Start {
        /// The command.
        command: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A tool says that it failed.
    #[error("`{command}` failed ({status}){}", after_colon(.hint))]
    Step {
        /// The command.
        command: String,
        /// How it ended.
        status: String,
        /// What may help.
        hint: String,
    },
    /// A contract cannot be understood.
    #[error("`{}` has no contract with such a world", path.display())]
    World {
        /// The folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The host cannot do its step.
    #[error("the host cannot make the {step}")]
    Component {
        /// What it was to make.
        step: String,
        /// Why.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The steps went well, but made nothing.
    #[error("the build made no `{}`: correct `artifact` in tidegate-plugin.toml, or the build's steps", .path.display())]
    NoArtifact {
        /// What was to be made.
        path: PathBuf,
    },
    /// The component is not there yet.
    #[error("`{}` is not built yet: run `tidegate plugin build` first", .path.display())]
    NotBuilt {
        /// Where it would be.
        path: PathBuf,
    },
    /// A file that starts as a component does, and does not go on as one.
    #[error("`{}` is damaged or cut off: build it anew, or copy it again ({reason})", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The parser's words, and the place.
        reason: String,
    },
    /// A component without any of the roles.
    #[error("`{}` is no plugin of any role: it exports {exports}", .path.display())]
    NoRole {
        /// The file.
        path: PathBuf,
        /// What it exports.
        exports: String,
    },
    /// It does not fit.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It does not start.
    #[error("the plugin does not start")]
    Trial(#[source] CallError),
    /// A policy that does not say what it thinks of options.
    #[error("the policy does not answer")]
    Call(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// There is nothing to test on.
    #[error("there is no trace to test on: name one with --trace, or in `test.traces` of tidegate-plugin.toml")]
    NoTraces,
    /// A trace that cannot be replayed.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// A file of expectations that holds something else.
    #[error("`{}` holds no expectations: {reason}; write it anew with --bless", .path.display())]
    Expectations {
        /// The file.
        path: PathBuf,
        /// What is wrong in it, and where.
        reason: String,
    },
    /// A state store that does something else than its contract says.
    #[error("the state store does not keep to its contract: {rule}: {what}")]
    Contract {
        /// What a store has to do.
        rule: &'static str,
        /// What it did instead.
        what: String,
    },
    /// A state store that fails at what its contract asks for.
    #[error("the state store does not keep to its contract: {rule}")]
    Unkept {
        /// What a store has to do.
        rule: &'static str,
        /// How it failed.
        source: StoreError,
    },
    /// No port for the receiver of requests.
    #[error("no port of loopback can be listened on")]
    Listen(#[source] io::Error),
}

impl AuthorError {
    /// What the parser says of a file, in one line.
    pub(super) fn damaged(path: &Path, error: &BinaryReaderError) -> Self {
        let words = error.message().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::Damaged { path: path.to_owned(), reason: format!("{words} at byte {}", error.offset()) }
    }
}

fn after_colon(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!(": {hint}") }
}
