//! The tidegate host, in reading order.
//!
//! Everything may use [`model`], which uses only [`zone`]; [`control`] speaks only the domain traits [`flink::JobManager`],
//! [`policy::Policy`], those of [`extension`], [`state::StateStore`] and [`event::EventHandler`].

pub mod model;
pub mod zone;

pub mod cli;
pub mod config;
pub mod control;

pub mod collect;
pub mod extension;
pub mod flink;
pub mod policy;
pub mod state;

pub mod event;
pub mod plugin;

pub mod admin;
pub mod author;
pub mod metrics;
pub mod scenario;
pub mod simulate;
pub mod trace;
pub mod watch;

mod again;
mod causes;
pub mod daemon;
pub mod demo;
mod fnv;
pub mod follow;
pub mod made_up;
mod offline;
pub mod reload;
mod stores;
pub mod wit;
