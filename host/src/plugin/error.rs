//! Why a plugin could not be loaded, and why a call into one failed.

use std::io;
use std::time::Duration;

use thiserror::Error;

use super::{ByteSize, InvalidSqlGrant, KubernetesError, OciError};

/// A component that cannot become a plugin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The machine cannot run plugins at all.
    #[error("failed to start the plugin engine; it reserves address space, so look at `ulimit -v`")]
    Engine {
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// The file cannot be read.
    #[error("failed to read `{path}`")]
    Read {
        /// Which file.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A registry does not give it.
    #[error("failed to fetch `{origin}`")]
    Fetch {
        /// Where it should have come from.
        origin: String,
        /// Why.
        #[source]
        source: OciError,
    },
    /// A name that no bundled plugin of the role has.
    #[error("no {role} `{name}` is bundled; there are: {known}")]
    NotBundled {
        /// What it was to be for.
        role: String,
        /// The name asked for.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A database is granted that cannot be meant.
    #[error("a database cannot be granted")]
    Database(#[from] InvalidSqlGrant),
    /// An API server is granted that cannot be talked to.
    #[error("the Kubernetes API server cannot be granted")]
    Kubernetes(#[from] KubernetesError),
    /// The bytes are no component at all.
    #[error("`{origin}` is no WebAssembly component: {found}")]
    NotAComponent {
        /// Where the bytes came from.
        origin: String,
        /// What they are instead, and what to do.
        found: &'static str,
    },
    /// It looks like a component but does not compile.
    #[error("`{origin}` cannot be compiled: it is damaged, truncated or made for another runtime")]
    Compile {
        /// Where the bytes came from.
        origin: String,
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// It is a component, but not one of this kind.
    #[error("`{origin}` does not fit the `{contract}` contract: {misfit}")]
    Misfit {
        /// Where the bytes came from.
        origin: String,
        /// The contract's package.
        contract: &'static str,
        /// What is missing, or too much.
        misfit: String,
    },
    /// It fits by name, but not by type.
    #[error(
        "`{origin}` was built against another shape of the `{contract}` contract: build it against this version's wit"
    )]
    Shape {
        /// Where the bytes came from.
        origin: String,
        /// The contract's package.
        contract: &'static str,
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// What it is granted cannot be given to it.
    #[error("a grant cannot be used: {reason}")]
    Grant {
        /// What is wrong, and what to do.
        reason: String,
    },
    /// It failed when it was started on trial.
    #[error("`{origin}` does not start")]
    Trial {
        /// Where the bytes came from.
        origin: String,
        /// What happened.
        #[source]
        source: CallError,
    },
}

/// A call that ended without an answer. The instance is gone; the next call has a new one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError {
    /// The guest took too long, itself or waiting on the host.
    #[error("ran past its deadline of {deadline:?}")]
    DeadlineExceeded {
        /// The limit.
        deadline: Duration,
    },
    /// Too many calls are under way.
    #[error("found no free instance within {deadline:?}: too many calls are under way")]
    Busy {
        /// How long was waited.
        deadline: Duration,
    },
    /// The guest gave up after it was denied more memory.
    #[error("asked for more memory than its limit of {limit}")]
    OutOfMemory {
        /// The limit, over all its memories.
        limit: ByteSize,
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// The guest gave up after it was denied longer tables.
    #[error("asked for more table elements than its limit of {limit}")]
    OutOfTables {
        /// The limit, over all its tables.
        limit: usize,
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// The component is made of too many parts to be started.
    #[error("is made of more parts than its limit of {limit}")]
    TooManyInstances {
        /// The limit.
        limit: usize,
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// The guest recursed too deep.
    #[error("ran out of its stack of {limit}")]
    StackExhausted {
        /// The stack of every guest.
        limit: ByteSize,
    },
    /// The guest handed too much to the host at once.
    #[error("handed more to the host at once than its limit of {limit}")]
    CrossedTooMuch {
        /// The limit.
        limit: ByteSize,
    },
    /// The guest ended itself, as a process would.
    #[error("exited instead of answering")]
    Exited,
    /// Something that the guest was granted is not there.
    #[error("cannot be given the folder `{path}` that it is granted")]
    Ungrantable {
        /// The folder.
        path: String,
        /// Why.
        #[source]
        source: Cause,
    },
    /// The guest gave up, or broke a rule of WebAssembly.
    #[error("trapped")]
    Trapped {
        /// wasmtime's words.
        #[source]
        source: Cause,
    },
    /// The guest's own word that it failed.
    #[error("said: {reason}")]
    Failed {
        /// As the guest said it.
        reason: String,
    },
    /// The answer breaks the contract.
    #[error("gave an answer that breaks the contract: {reason}")]
    Malformed {
        /// What is wrong with it.
        reason: String,
    },
}

impl CallError {
    /// One stable word for metrics and settings.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::DeadlineExceeded { .. } => "deadline",
            Self::Busy { .. } => "busy",
            Self::OutOfMemory { .. } => "memory",
            Self::OutOfTables { .. } => "tables",
            Self::TooManyInstances { .. } => "instances",
            Self::StackExhausted { .. } => "stack",
            Self::CrossedTooMuch { .. } => "crossing",
            Self::Exited => "exit",
            Self::Ungrantable { .. } => "grant",
            Self::Trapped { .. } => "trap",
            Self::Failed { .. } => "failed",
            Self::Malformed { .. } => "answer",
        }
    }
}

/// The words of a library: the component runtime's, or a registry's client's.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct Cause(String);

impl Cause {
    /// These words.
    pub(super) const fn new(words: String) -> Self {
        Self(words)
    }
}

/// How wasmtime introduces a backtrace.
const BACKTRACE: &str = "error while executing at wasm backtrace:";

/// All levels of wasmtime's error in one line, without the guest's backtrace.
pub(super) fn chain(error: wasmtime::Error) -> Cause {
    let mut texts: Vec<String> = Vec::new();
    for level in error.chain() {
        let text = level.to_string();
        let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let line = line.split(BACKTRACE).next().unwrap_or_default().trim_end_matches([':', ' ']).to_owned();
        if !line.is_empty() && texts.last() != Some(&line) {
            texts.push(line);
        }
    }
    Cause(texts.join(": "))
}
