//! PostgreSQL.

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgArguments, PgQueryResult, PgRow, PgTypeInfo};
use sqlx::{Arguments, Column, Encode, Postgres, Row, Type, TypeInfo, ValueRef};

use super::dialect::{Dialect, out_of_range, unsupported};
use super::fault::{Fault, FaultKind};
use super::value::{Value, date_time, millis, millis_of};

/// A null of whatever type the statement needs there.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

impl Dialect for Postgres {
    const WORD: &'static str = "postgres";
    const BEGIN: &'static str = "begin";

    fn bind(arguments: &mut PgArguments, value: &Value) -> Result<(), BoxDynError> {
        match value {
            Value::Null => arguments.add(Untyped),
            Value::Boolean(value) => arguments.add(*value),
            Value::Integer(value) => arguments.add(*value),
            Value::Real(value) => arguments.add(*value),
            Value::Text(value) => arguments.add(value.as_str()),
            Value::Blob(value) => arguments.add(value.as_slice()),
            Value::Timestamp(at) => arguments.add(date_time(*at).ok_or_else(out_of_range)?),
        }
    }

    fn read(row: &PgRow, index: usize) -> Result<Value, Fault> {
        let fault = |error: sqlx::Error| Fault::of(&error, Self::kind);
        let raw = row.try_get_raw(index).map_err(fault)?;
        if raw.is_null() {
            return Ok(Value::Null);
        }
        let kind = raw.type_info().name().to_owned();
        match kind.as_str() {
            "BOOL" => row.try_get(index).map(Value::Boolean).map_err(fault),
            "INT2" => row.try_get::<i16, _>(index).map(|value| Value::Integer(value.into())).map_err(fault),
            "INT4" => row.try_get::<i32, _>(index).map(|value| Value::Integer(value.into())).map_err(fault),
            "INT8" => row.try_get(index).map(Value::Integer).map_err(fault),
            "FLOAT4" => row.try_get::<f32, _>(index).map(|value| Value::Real(value.into())).map_err(fault),
            "FLOAT8" => row.try_get(index).map(Value::Real).map_err(fault),
            "TEXT" | "VARCHAR" | "CHAR" | "NAME" | "UNKNOWN" => row.try_get(index).map(Value::Text).map_err(fault),
            "BYTEA" => row.try_get(index).map(Value::Blob).map_err(fault),
            "TIMESTAMP" => row.try_get(index).map(millis).map_err(fault),
            "TIMESTAMPTZ" => row.try_get(index).map(millis_of).map_err(fault),
            kind => Err(unsupported(row.column(index).name(), kind)),
        }
    }

    fn kind(code: &str, _message: &str) -> FaultKind {
        match code {
            // Serialization failure, deadlock, lock not available.
            "40001" | "40P01" | "55P03" => FaultKind::Conflict,
            "42P01" | "42703" | "3F000" => FaultKind::Missing,
            _ => match code.get(..2) {
                Some("23") => FaultKind::Constraint,
                Some("54") => FaultKind::TooMuch,
                // Connection, credentials, catalog, resources, operator's intervention, system error. A transaction on a
                // standby is read-only until somebody else leads.
                Some("08" | "28" | "3D" | "53" | "57" | "58") => FaultKind::Unavailable,
                _ if code == "25006" => FaultKind::Unavailable,
                _ => FaultKind::Statement,
            },
        }
    }

    fn changed(result: &PgQueryResult) -> u64 {
        result.rows_affected()
    }
}
