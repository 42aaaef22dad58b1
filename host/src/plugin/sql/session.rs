//! One connection, borrowed from its pool: statements with a time-out, and transactions that never outlive their owner.

use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use sqlx::pool::PoolConnection;
use sqlx::{Arguments, AssertSqlSafe, Column, Connection, Executor, IntoArguments, Pool, Row};
use tokio::time::timeout;

use super::dialect::Dialect;
use super::fault::{Fault, FaultKind};
use super::value::{Rows, Value};

/// The most rows that one answer may have.
const MOST_ROWS: usize = 10_000;

/// The most bytes.
const MOST_BYTES: usize = 16 << 20;

/// Connections to one database.
#[async_trait]
pub(super) trait Connections: Send + Sync {
    /// What guests call this kind of database.
    fn dialect(&self) -> &'static str;

    /// Borrows a connection.
    async fn session(&self) -> Result<Box<dyn Session>, Fault>;
}

/// A borrowed connection. Dropping it in the middle of a statement or a transaction closes it, which undoes both.
#[async_trait]
pub(super) trait Session: Send {
    /// Runs one statement that has rows for an answer.
    async fn query(&mut self, statement: String, parameters: &[Value]) -> Result<Rows, Fault>;

    /// Runs one statement for its effect.
    async fn execute(&mut self, statement: String, parameters: &[Value]) -> Result<u64, Fault>;

    /// Begins a transaction.
    async fn begin(&mut self) -> Result<(), Fault>;

    /// Ends it.
    async fn end(&mut self, how: End) -> Result<(), Fault>;
}

/// How a transaction ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Commit,
    Rollback,
}

/// The pool of one database.
pub(super) struct Pooled<DB: Dialect> {
    pub(super) pool: Pool<DB>,
    /// Of a statement, and of the wait for a connection.
    pub(super) patience: Duration,
}

#[async_trait]
impl<DB> Connections for Pooled<DB>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    fn dialect(&self) -> &'static str {
        DB::WORD
    }

    async fn session(&self) -> Result<Box<dyn Session>, Fault> {
        match timeout(self.patience, self.pool.acquire()).await {
            Ok(Ok(connection)) => {
                Ok(Box::new(Borrowed { connection: Some(connection), is_clean: true, patience: self.patience }))
            }
            Ok(Err(sqlx::Error::PoolTimedOut)) => Err(self.why().await),
            Ok(Err(error)) => Err(Fault::of(&error, |_, _| FaultKind::Unavailable)),
            Err(_) => Err(Fault::late(self.patience)),
        }
    }
}

impl<DB: Dialect> Pooled<DB> {
    /// Why the pool has no connection: it does not say, so that one is opened beside it.
    async fn why(&self) -> Fault {
        let options = self.pool.connect_options();
        match timeout(self.patience, DB::Connection::connect_with(&options)).await {
            Ok(Ok(connection)) => {
                drop(connection);
                Fault::new(FaultKind::Unavailable, "all connections are in use")
            }
            Ok(Err(error)) => Fault::of(&error, |_, _| FaultKind::Unavailable),
            Err(_) => Fault::late(self.patience),
        }
    }
}

struct Borrowed<DB: Dialect> {
    connection: Option<PoolConnection<DB>>,
    /// Whether it can be given back: no statement and no transaction is under way.
    is_clean: bool,
    patience: Duration,
}

impl<DB: Dialect> Drop for Borrowed<DB> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take().filter(|_| !self.is_clean) {
            drop(connection.detach());
        }
    }
}

impl<DB: Dialect> Borrowed<DB> {
    /// Does `work` within the time-out. A connection that was cut off in the middle is not used again.
    async fn within<T>(&mut self, work: impl AsyncFnOnce(&mut DB::Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        let patience = self.patience;
        let before = std::mem::replace(&mut self.is_clean, false);
        let gone = || Fault::new(FaultKind::Unavailable, "the connection is lost");
        let connection = self.connection.as_mut().ok_or_else(gone)?;
        let answer = match timeout(patience, work(connection)).await {
            Ok(answer) => answer,
            Err(_) => Err(Fault::late(patience)),
        };
        match &answer {
            Err(fault) if matches!(fault.kind, FaultKind::Unavailable | FaultKind::TooMuch) => {
                self.connection.take().map(PoolConnection::detach);
            }
            _ => self.is_clean = before,
        }
        answer
    }
}

#[async_trait]
impl<DB> Session for Borrowed<DB>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    async fn query(&mut self, statement: String, parameters: &[Value]) -> Result<Rows, Fault> {
        let arguments = arguments::<DB>(parameters)?;
        self.within(async |connection| query::<DB>(connection, statement, arguments).await).await
    }

    async fn execute(&mut self, statement: String, parameters: &[Value]) -> Result<u64, Fault> {
        let arguments = arguments::<DB>(parameters)?;
        self.within(async |connection| {
            let result = sqlx::query_with::<DB, _>(AssertSqlSafe(statement), arguments).execute(connection).await;
            result.map(|result| DB::changed(&result)).map_err(|error| Fault::of(&error, DB::kind))
        })
        .await
    }

    async fn begin(&mut self) -> Result<(), Fault> {
        self.within(async |connection| plain::<DB>(connection, DB::BEGIN).await).await?;
        self.is_clean = false;
        Ok(())
    }

    async fn end(&mut self, how: End) -> Result<(), Fault> {
        let statement = match how {
            End::Commit => "commit",
            End::Rollback => "rollback",
        };
        self.within(async |connection| plain::<DB>(connection, statement).await).await?;
        self.is_clean = true;
        Ok(())
    }
}

fn arguments<DB: Dialect>(parameters: &[Value]) -> Result<DB::Arguments, Fault> {
    let mut arguments = DB::Arguments::default();
    arguments.reserve(parameters.len(), parameters.iter().map(Value::size).sum());
    for value in parameters {
        DB::bind(&mut arguments, value).map_err(|error| Fault::new(FaultKind::Statement, error.to_string()))?;
    }
    Ok(arguments)
}

async fn query<DB>(connection: &mut DB::Connection, statement: String, arguments: DB::Arguments) -> Result<Rows, Fault>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
    DB::Arguments: IntoArguments<DB>,
{
    let mut answer = Rows::default();
    let mut bytes = 0;
    let mut found = sqlx::query_with::<DB, _>(AssertSqlSafe(statement), arguments).fetch(connection);
    while let Some(row) = found.next().await {
        let row = row.map_err(|error| Fault::of(&error, DB::kind))?;
        if answer.rows.is_empty() {
            answer.columns = row.columns().iter().map(|column| column.name().to_owned()).collect();
        }
        let fields = (0..row.len()).map(|index| DB::read(&row, index)).collect::<Result<Vec<_>, Fault>>()?;
        bytes += fields.iter().map(Value::size).sum::<usize>();
        answer.rows.push(fields);
        if answer.rows.len() > MOST_ROWS || bytes > MOST_BYTES {
            let limit = format!("the answer has more than {MOST_ROWS} rows or {MOST_BYTES} bytes");
            return Err(Fault::new(FaultKind::TooMuch, limit));
        }
    }
    Ok(answer)
}

/// Runs a statement that some databases cannot prepare.
async fn plain<DB>(connection: &mut DB::Connection, statement: &'static str) -> Result<(), Fault>
where
    DB: Dialect,
    for<'c> &'c mut DB::Connection: Executor<'c, Database = DB>,
{
    let done: Result<_, sqlx::Error> = sqlx::raw_sql(statement).execute(connection).await;
    done.map(drop).map_err(|error| Fault::of(&error, DB::kind))
}
