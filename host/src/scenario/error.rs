//! Why a scenario cannot be simulated.

use thiserror::Error;

use crate::config::ConfigError;
use crate::simulate::ShapeError;

/// A scenario that cannot be simulated.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read, or something in it cannot be meant.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// Neither a file nor a name.
    #[error("there is no file `{name}`, and no scenario of this name comes with tidegate: those are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The names that there are.
        known: String,
    },
    /// No job can look like this.
    #[error("scenario `{scenario}` describes no job that can run")]
    Shape {
        /// The scenario's name.
        scenario: String,
        /// What is wrong.
        #[source]
        source: ShapeError,
    },
}
