//! The table `t_flink_autoscaler_event_handler`: one row for each event, with how often it happened.

use tidegate_sql_kit::Dialect;

use crate::bindings::tidegate::host::log::{Level, write};
use crate::bindings::tidegate::host::sql::{Connection, Failure, FailureKind, Transaction, Value};
use crate::row::Row;
use crate::statements::create;

/// The name that the database is granted under.
const MAIN: &str = "main";

/// Old rows that one call removes at most.
const BATCH: i64 = 2000;

/// Attempts at a transaction that others got in the way of.
const ATTEMPTS: usize = 4;

/// The table, open.
pub(crate) struct Table {
    connection: Connection,
    dialect: Dialect,
}

impl Table {
    pub(crate) fn open() -> Result<Self, String> {
        let connection = Connection::open(MAIN).map_err(told)?;
        let word = connection.dialect();
        let dialect = Dialect::of(&word).ok_or_else(|| format!("`{word}` is no database that this handler knows"))?;
        Ok(Self { connection, dialect })
    }

    /// Adds a row for each event: all of them, or none. Makes the table where there is none.
    pub(crate) fn add(&self, rows: &[Row]) -> Result<(), String> {
        let mut failures = 0;
        loop {
            match self.add_once(rows) {
                Err(error) if error.kind == FailureKind::Missing && failures == 0 => {
                    self.create()?;
                    failures += 1;
                }
                Err(error) if error.kind == FailureKind::Conflict && failures < ATTEMPTS => failures += 1,
                done => return done.map_err(told),
            }
        }
    }

    fn add_once(&self, rows: &[Row]) -> Result<(), Failure> {
        let transaction = self.connection.begin()?;
        for row in rows {
            let held = if row.held > 0 && self.count(&transaction, row)? { 0 } else { row.held };
            let insert = "insert into t_flink_autoscaler_event_handler \
                          (create_time, update_time, job_key, reason, event_type, message, event_count, event_key) \
                          values (?, ?, ?, ?, ?, ?, ?, ?)";
            transaction.execute(
                &self.dialect.placeholders(insert),
                &[
                    Value::Timestamp(row.at),
                    Value::Timestamp(row.at),
                    Value::Text(row.job_key.clone()),
                    Value::Text(row.reason.clone()),
                    Value::Text(row.event_type.to_owned()),
                    Value::Text(row.message.clone()),
                    Value::Integer(held + 1),
                    Value::Text(row.event_key.clone()),
                ],
            )?;
        }
        Transaction::commit(transaction)
    }

    /// Counts what the host has held back since to the row that it would have been told of: the latest of its key. Says
    /// whether there is one.
    fn count(&self, transaction: &Transaction, row: &Row) -> Result<bool, Failure> {
        let latest = "select max(id) from t_flink_autoscaler_event_handler \
                      where job_key = ? and reason = ? and event_key = ?";
        let key = [&row.job_key, &row.reason, &row.event_key].map(|text| Value::Text(text.clone()));
        let found = transaction.query(&self.dialect.placeholders(latest), &key)?;
        let Some(Value::Integer(id)) = found.rows.into_iter().next().and_then(|row| row.into_iter().next()) else {
            return Ok(false);
        };
        let update = "update t_flink_autoscaler_event_handler \
                      set event_count = event_count + ?, update_time = ? where id = ?";
        let values = [Value::Integer(row.held), Value::Timestamp(row.at), Value::Integer(id)];
        transaction.execute(&self.dialect.placeholders(update), &values).map(|rows| rows > 0)
    }

    /// Removes rows that are older than `oldest`, some of them: the others have their turn in later calls.
    pub(crate) fn forget_before(&self, oldest: i64) -> Result<(), String> {
        let first = "select min(id) from t_flink_autoscaler_event_handler";
        let found = self.connection.query(first, &[]).map_err(told)?;
        let Some(Value::Integer(first)) = found.rows.into_iter().next().and_then(|row| row.into_iter().next()) else {
            return Ok(());
        };
        let delete = "delete from t_flink_autoscaler_event_handler where id >= ? and id < ? and create_time < ?";
        let values = [Value::Integer(first), Value::Integer(first.saturating_add(BATCH)), Value::Timestamp(oldest)];
        let removed = self.connection.execute(&self.dialect.placeholders(delete), &values).map_err(told)?;
        if removed > 0 {
            write(Level::Debug, &format!("removed {removed} old events"));
        }
        Ok(())
    }

    fn create(&self) -> Result<(), String> {
        for statement in create(self.dialect) {
            self.connection.execute(statement, &[]).map_err(told)?;
        }
        write(Level::Info, "created the table t_flink_autoscaler_event_handler");
        Ok(())
    }
}

fn told(error: Failure) -> String {
    let Failure { kind, message } = error;
    match kind {
        FailureKind::Denied => format!("{message}: this handler needs `grant = {{ sql = {{ main = \"…\" }} }}`"),
        _ => message,
    }
}
