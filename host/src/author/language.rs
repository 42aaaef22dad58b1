//! The languages that there are templates for.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// What a plugin is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Rust, with `wit-bindgen`.
    Rust,
    /// JavaScript.
    Js,
    /// Python.
    Python,
    /// C.
    C,
    /// Go: experimental.
    Go,
}

impl Language {
    /// Every language.
    pub const ALL: [Self; 5] = [Self::Rust, Self::Js, Self::Python, Self::C, Self::Go];

    /// Its word on the command line, and the folder of its templates.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
            Self::Go => "go",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
