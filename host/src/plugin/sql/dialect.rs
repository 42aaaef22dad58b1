//! What differs between databases.

use sqlx::Database;
use sqlx::error::BoxDynError;

use super::fault::{Fault, FaultKind};
use super::value::Value;

/// One kind of database.
pub(super) trait Dialect: Database {
    /// What guests call it.
    const WORD: &'static str;
    /// How a transaction begins.
    const BEGIN: &'static str;

    /// Adds a parameter.
    fn bind(arguments: &mut Self::Arguments, value: &Value) -> Result<(), BoxDynError>;

    /// The field of a row at `index`.
    fn read(row: &Self::Row, index: usize) -> Result<Value, Fault>;

    /// What a guest can do about an error with this code and message.
    fn kind(code: &str, message: &str) -> FaultKind;

    /// How many rows a statement changed.
    fn changed(result: &Self::QueryResult) -> u64;
}

/// A field of a type that guests cannot be shown.
pub(super) fn unsupported(column: &str, kind: &str) -> Fault {
    Fault::new(FaultKind::Unsupported, format!("column `{column}` has the type {kind}: cast it in the statement"))
}

/// An instant that no date and time stand for.
pub(super) fn out_of_range() -> BoxDynError {
    "the timestamp is out of range".into()
}
