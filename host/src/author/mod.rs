//! What a plugin's author does before an operator has the plugin: `tidegate plugin new`, `build`, `check`, `inspect`,
//! `test` and `bench`.
//!
//! - [`Manifest`]: `tidegate-plugin.toml`, what a folder says of the plugin in it
//! - [`NewPlugin`]: a folder that builds as it is, out of the templates that the host carries
//! - [`contracts`]: the contracts that the host carries, as the tools of all languages take them
//! - [`build`]: the steps that make the component; [`HostStep`]: those that need no tool chain
//! - [`Subject`], [`Anatomy`], [`Loaded`]: a component, what is inside of it, and the plugin that it is
//! - [`check`]: whether it would come into service
//! - [`bench`]: how fast it answers
//! - [`trial`], [`Heard`], [`Lines`]: what it does on recorded jobs, and what it has to do
//! - [`reference`]: the contracts as a page
//! - [`store_contract`]: what every state store has to do

mod anatomy;
pub mod bench;
mod build;
mod check;
mod component;
pub mod contracts;
mod error;
mod expect;
mod first_calls;
mod guest_lines;
mod hearing;
mod language;
pub mod loaded;
mod manifest;
mod new;
mod receiver;
mod reference;
mod role;
mod step;
pub mod store_contract;
mod subject;
mod templates;
pub mod trial;

pub use anatomy::{Anatomy, Fitting, Import};
pub use build::build;
pub use check::{Checked, check};
pub use component::{Generator, HostStep};
pub use error::AuthorError;
pub use expect::Lines;
pub use first_calls::Asked;
pub use guest_lines::GuestLines;
pub use hearing::Heard;
pub use language::Language;
pub use loaded::{Loaded, Readied};
pub use manifest::{Build, Grant, Manifest, Test};
pub use new::NewPlugin;
pub use receiver::Receiver;
pub use reference::reference;
pub use role::PluginRole;
pub use step::{Run, Step};
pub use subject::Subject;
