//! The texts that the policy keeps between passes: the JSON that the Java autoscaler's JDBC store writes.

pub(crate) mod double;
pub(crate) mod instant_map;
pub(crate) mod keys;
pub(crate) mod seconds;
mod text;

pub(crate) use text::{Change, read, write};
