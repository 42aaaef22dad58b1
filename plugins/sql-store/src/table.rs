//! The table `t_flink_autoscaler_state_store`: one row for each job and key.

use std::cell::Cell;

use tidegate_sql_kit::Dialect;
use tidegate_store_kit::{Changes, Entries};

use crate::bindings::exports::tidegate::state_store::stores::Failure;
use crate::bindings::tidegate::host::log::{Level, write};
use crate::bindings::tidegate::host::sql::{self, Connection, FailureKind, Transaction, Value};
use crate::statements::{create, upsert};

/// The name that the database is granted under.
const MAIN: &str = "main";

thread_local! {
    /// Whether the table is known to be there, and as it should be.
    static IS_READY: Cell<bool> = const { Cell::new(false) };
}

/// The table, open.
pub(crate) struct Table {
    connection: Connection,
    dialect: Dialect,
}

impl Table {
    pub(crate) fn open() -> Result<Self, Failure> {
        let connection = Connection::open(MAIN).map_err(failure)?;
        let word = connection.dialect();
        let unknown = || Failure::Rejected(format!("`{word}` is no database that this store knows"));
        let dialect = Dialect::of(&word).ok_or_else(unknown)?;
        Ok(Self { connection, dialect })
    }

    /// A job's keys and texts; none where there is no table yet.
    pub(crate) fn read(&self, job_key: &str) -> Result<Entries, Failure> {
        let statement = "select job_key, state_type, state_value from t_flink_autoscaler_state_store where job_key = ?";
        let rows = self.rows(statement, &[Value::Text(job_key.to_owned())])?;
        let mut entries = Entries::new();
        for row in rows {
            let mut fields = row.into_iter();
            // A database may find keys that differ in case only.
            if text(fields.next())? == job_key {
                entries.insert(text(fields.next())?, text(fields.next())?);
            }
        }
        Ok(entries)
    }

    /// Whose rows there are.
    pub(crate) fn job_keys(&self) -> Result<Vec<String>, Failure> {
        let rows = self.rows("select distinct job_key from t_flink_autoscaler_state_store", &[])?;
        rows.into_iter().map(|row| text(row.into_iter().next())).collect()
    }

    /// Makes changes to a job's rows: all of them, or none.
    pub(crate) fn write(&self, job_key: &str, changes: &Changes) -> Result<(), Failure> {
        if !IS_READY.get() {
            self.prepare()?;
        }
        match self.write_once(job_key, changes) {
            Err(error) if error.kind == FailureKind::Missing => {
                // Somebody has dropped the table since.
                IS_READY.set(false);
                self.prepare()?;
                self.write_once(job_key, changes).map_err(failure)
            }
            done => done.map_err(failure),
        }
    }

    fn write_once(&self, job_key: &str, changes: &Changes) -> Result<(), sql::Failure> {
        let transaction = self.connection.begin()?;
        let upsert = upsert(self.dialect);
        let delete = "delete from t_flink_autoscaler_state_store where job_key = ? and state_type = ?";
        let delete = self.dialect.placeholders(delete);
        // In the order of the keys, so that two writers cannot lock each other out.
        for (key, text) in changes {
            let mut parameters = vec![Value::Text(job_key.to_owned()), Value::Text(key.clone())];
            let statement = match text {
                Some(text) => {
                    parameters.push(Value::Text(text.clone()));
                    &upsert
                }
                None => &delete,
            };
            transaction.execute(statement, &parameters)?;
        }
        Transaction::commit(transaction)
    }

    /// Makes the table where there is none, and lets one of the Java autoscaler tell names apart by case.
    fn prepare(&self) -> Result<(), Failure> {
        match self.connection.query("select 1 from t_flink_autoscaler_state_store where 1 = 0", &[]) {
            Ok(_) => {}
            Err(error) if error.kind == FailureKind::Missing => {
                self.connection.execute(create(self.dialect), &[]).map_err(failure)?;
                write(Level::Info, "created the table t_flink_autoscaler_state_store");
            }
            Err(error) => return Err(failure(error)),
        }
        if self.dialect == Dialect::MySql {
            self.compare_by_case()?;
        }
        IS_READY.set(true);
        Ok(())
    }

    fn compare_by_case(&self) -> Result<(), Failure> {
        let statement = "select collation_name from information_schema.columns where table_schema = database() \
                         and table_name = 't_flink_autoscaler_state_store' and column_name = 'job_key'";
        let rows = self.connection.query(statement, &[]).map_err(failure)?.rows;
        let collation = text(rows.into_iter().next().and_then(|row| row.into_iter().next()))?;
        if collation.ends_with("_bin") {
            return Ok(());
        }
        let alter = "alter table t_flink_autoscaler_state_store modify job_key varchar(191) character set utf8mb4 \
                     collate utf8mb4_bin not null comment 'The job key'";
        self.connection.execute(alter, &[]).map_err(|error| {
            let reason = format!("job names must be told apart by case, but `{alter}` failed: {}", error.message);
            Failure::Rejected(reason)
        })?;
        write(Level::Info, "job_key of t_flink_autoscaler_state_store is compared by case now");
        Ok(())
    }

    /// The rows of a query; none where there is no table yet.
    fn rows(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, Failure> {
        match self.connection.query(&self.dialect.placeholders(statement), parameters) {
            Ok(answer) => Ok(answer.rows),
            Err(error) if error.kind == FailureKind::Missing => Ok(Vec::new()),
            Err(error) => Err(failure(error)),
        }
    }
}

fn text(field: Option<Value>) -> Result<String, Failure> {
    match field {
        Some(Value::Text(text)) => Ok(text),
        Some(Value::Blob(bytes)) => {
            String::from_utf8(bytes).map_err(|_| Failure::Rejected("a text is not in UTF-8".to_owned()))
        }
        other => Err(Failure::Rejected(format!("expected a text, found {other:?}"))),
    }
}

/// What the host can do about a failure of the database.
fn failure(error: sql::Failure) -> Failure {
    let sql::Failure { kind, message } = error;
    match kind {
        FailureKind::Unavailable => Failure::Unavailable(message),
        // A key that somebody else has inserted meanwhile is one as well.
        FailureKind::Conflict | FailureKind::Constraint => Failure::Conflict(message),
        FailureKind::Denied => {
            Failure::Rejected(format!("{message}: this store needs `grant = {{ sql = {{ main = \"…\" }} }}`"))
        }
        FailureKind::Missing | FailureKind::Statement | FailureKind::TooMuch | FailureKind::Unsupported => {
            Failure::Rejected(message)
        }
    }
}
