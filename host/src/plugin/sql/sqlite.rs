//! SQLite: types belong to values, not to columns.

use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteQueryResult, SqliteRow};
use sqlx::{Arguments, Column, Row, Sqlite, TypeInfo, ValueRef};

use super::dialect::{Dialect, out_of_range, unsupported};
use super::fault::{Fault, FaultKind};
use super::value::{Value, date_time};

impl Dialect for Sqlite {
    const WORD: &'static str = "sqlite";
    /// Takes the lock at once: a reader that wants to write later can only fail when somebody else has written.
    const BEGIN: &'static str = "begin immediate";

    fn bind(arguments: &mut SqliteArguments, value: &Value) -> Result<(), BoxDynError> {
        match value {
            Value::Null => arguments.add(None::<String>),
            Value::Boolean(value) => arguments.add(*value),
            Value::Integer(value) => arguments.add(*value),
            Value::Real(value) => arguments.add(*value),
            Value::Text(value) => arguments.add(value.clone()),
            Value::Blob(value) => arguments.add(value.clone()),
            Value::Timestamp(at) => {
                let at = date_time(*at).ok_or_else(out_of_range)?;
                let (date, time) = (at.date(), at.time());
                let (hour, minute, second, milli) = time.as_hms_milli();
                arguments.add(format!("{date} {hour:02}:{minute:02}:{second:02}.{milli:03}"))
            }
        }
    }

    fn read(row: &SqliteRow, index: usize) -> Result<Value, Fault> {
        let fault = |error: sqlx::Error| Fault::of(&error, Self::kind);
        let raw = row.try_get_raw(index).map_err(fault)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        match kind.as_str() {
            "INTEGER" => row.try_get_unchecked(index).map(Value::Integer).map_err(fault),
            "REAL" => row.try_get_unchecked(index).map(Value::Real).map_err(fault),
            "TEXT" => row.try_get_unchecked(index).map(Value::Text).map_err(fault),
            "BLOB" => row.try_get_unchecked(index).map(Value::Blob).map_err(fault),
            kind => Err(unsupported(row.column(index).name(), kind)),
        }
    }

    fn kind(code: &str, message: &str) -> FaultKind {
        // The low byte of an extended result code is the primary one.
        match code.parse().map(|code: i32| code & 0xff) {
            Ok(5 | 6) => FaultKind::Conflict,
            Ok(19) => FaultKind::Constraint,
            Ok(1) if message.starts_with("no such table") || message.contains("no such column") => FaultKind::Missing,
            // Disk full, I/O, cannot open, no memory, read-only, interrupted, not a database, damaged.
            Ok(7 | 8 | 9 | 10 | 11 | 13 | 14 | 26) => FaultKind::Unavailable,
            Ok(18) => FaultKind::TooMuch,
            _ => FaultKind::Statement,
        }
    }

    fn changed(result: &SqliteQueryResult) -> u64 {
        result.rows_affected()
    }
}
