//! `tidegate:host/sql`: databases that the operator grants to plugins by name.

mod databases;
mod dialect;
mod fault;
mod grant;
mod host;
mod mysql;
mod postgres;
mod session;
mod sqlite;
#[cfg(test)]
mod tests;
mod value;

pub(super) use databases::Databases;
pub use grant::{InvalidSqlGrant, SqlGrant, SqlTls};
pub(super) use host::bindings;
