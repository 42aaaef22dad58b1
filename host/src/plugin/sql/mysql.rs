//! MySQL and MariaDB.

use sqlx::error::BoxDynError;
use sqlx::mysql::{MySqlArguments, MySqlQueryResult, MySqlRow};
use sqlx::{Arguments, Column, MySql, Row, TypeInfo, ValueRef};

use super::dialect::{Dialect, out_of_range, unsupported};
use super::fault::{Fault, FaultKind};
use super::value::{Value, date_time, millis, millis_of};

impl Dialect for MySql {
    const WORD: &'static str = "mysql";
    const BEGIN: &'static str = "start transaction";

    fn bind(arguments: &mut MySqlArguments, value: &Value) -> Result<(), BoxDynError> {
        match value {
            Value::Null => arguments.add(None::<String>),
            Value::Boolean(value) => arguments.add(*value),
            Value::Integer(value) => arguments.add(*value),
            Value::Real(value) => arguments.add(*value),
            Value::Text(value) => arguments.add(value.as_str()),
            Value::Blob(value) => arguments.add(value.as_slice()),
            Value::Timestamp(at) => arguments.add(date_time(*at).ok_or_else(out_of_range)?),
        }
    }

    fn read(row: &MySqlRow, index: usize) -> Result<Value, Fault> {
        let fault = |error: sqlx::Error| Fault::of(&error, Self::kind);
        let raw = row.try_get_raw(index).map_err(fault)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        match kind.as_str() {
            "BOOLEAN" => row.try_get(index).map(Value::Boolean).map_err(fault),
            "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" => {
                row.try_get(index).map(Value::Integer).map_err(fault)
            }
            kind if kind.ends_with("INT UNSIGNED") || kind == "YEAR" => {
                let value: u64 = row.try_get_unchecked(index).map_err(fault)?;
                let beyond = |_| unsupported(row.column(index).name(), "BIGINT UNSIGNED beyond 64 signed bits");
                i64::try_from(value).map(Value::Integer).map_err(beyond)
            }
            "FLOAT" => row.try_get::<f32, _>(index).map(|value| Value::Real(value.into())).map_err(fault),
            "DOUBLE" => row.try_get(index).map(Value::Real).map_err(fault),
            "CHAR" | "VARCHAR" | "TINYTEXT" | "TEXT" | "MEDIUMTEXT" | "LONGTEXT" | "ENUM" | "SET" => {
                row.try_get_unchecked(index).map(Value::Text).map_err(fault)
            }
            "BINARY" | "VARBINARY" | "TINYBLOB" | "BLOB" | "MEDIUMBLOB" | "LONGBLOB" => {
                row.try_get_unchecked(index).map(Value::Blob).map_err(fault)
            }
            "DATETIME" => row.try_get(index).map(millis).map_err(fault),
            "TIMESTAMP" => row.try_get(index).map(millis_of).map_err(fault),
            kind => Err(unsupported(row.column(index).name(), kind)),
        }
    }

    fn kind(code: &str, message: &str) -> FaultKind {
        match code {
            "40001" => FaultKind::Conflict,
            "42S02" | "42S22" => FaultKind::Missing,
            "22001" => FaultKind::TooMuch,
            "28000" | "70100" => FaultKind::Unavailable,
            // All that has no code of its own in the standard.
            "HY000" if message.contains("Lock wait timeout") => FaultKind::Conflict,
            "HY000" if message.contains("read-only") || message.contains("full") || message.contains("disk") => {
                FaultKind::Unavailable
            }
            _ => match code.get(..2) {
                Some("23") => FaultKind::Constraint,
                Some("08") => FaultKind::Unavailable,
                _ => FaultKind::Statement,
            },
        }
    }

    fn changed(result: &MySqlQueryResult) -> u64 {
        result.rows_affected()
    }
}
