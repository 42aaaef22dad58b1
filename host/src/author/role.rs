//! What a plugin is for: the roles of a configuration, and the state store.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum PluginRole {
    /// Decides.
    Policy,
    /// Adds to what a policy evaluates.
    Evaluator,
    /// Modifies or vetoes what a policy wants to change.
    Filter,
    /// Chooses parallelisms that spread load well.
    Aligner,
    /// Is told.
    EventHandler,
    /// Keeps what is known about jobs.
    StateStore,
}

impl PluginRole {
    /// Every role.
    pub const ALL: [Self; 6] =
        [Self::Policy, Self::Evaluator, Self::Filter, Self::Aligner, Self::EventHandler, Self::StateStore];

    /// Its word in configurations and in the contracts: that of its world.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Policy => "policy",
            Self::Evaluator => "evaluator",
            Self::Filter => "filter",
            Self::Aligner => "aligner",
            Self::EventHandler => "event-handler",
            Self::StateStore => "state-store",
        }
    }

    /// Its name behind an article.
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Policy => "a policy",
            Self::Evaluator => "an evaluator",
            Self::Filter => "a filter",
            Self::Aligner => "an aligner",
            Self::EventHandler => "an event-handler",
            Self::StateStore => "a state-store",
        }
    }

    /// The package of its contract, without the namespace.
    pub const fn package(self) -> &'static str {
        match self {
            Self::Policy | Self::Evaluator | Self::Filter | Self::Aligner => "policy",
            Self::EventHandler => "event-handler",
            Self::StateStore => "state-store",
        }
    }

    /// The interface that a plugin of it exports.
    pub const fn export(self) -> &'static str {
        match self {
            Self::Policy => "tidegate:policy/scaling",
            Self::Evaluator => "tidegate:policy/evaluation",
            Self::Filter => "tidegate:policy/filtering",
            Self::Aligner => "tidegate:policy/alignment",
            Self::EventHandler => "tidegate:event-handler/handler",
            Self::StateStore => "tidegate:state-store/stores",
        }
    }
}

impl fmt::Display for PluginRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
