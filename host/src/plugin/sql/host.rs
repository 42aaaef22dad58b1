//! The only file that knows the contract's words for databases.

use std::sync::Arc;

use wasmtime::component::Resource;

use super::fault::{Fault, FaultKind};
use super::session::{Connections, End, Session};
use super::value::{Rows, Value};
use crate::plugin::call::State;

pub(in crate::plugin) mod bindings {
    wasmtime::component::bindgen!({
        inline: "package tidegate:any; world guest { import tidegate:host/sql@0.1.0; }",
        path: ["../wit/host/v0.1"],
        imports: { default: async | trappable },
        with: {
            "tidegate:host/sql.connection": super::Connection,
            "tidegate:host/sql.transaction": super::Transaction,
        },
    });
}

use bindings::tidegate::host::sql as wit;

/// Transactions that one store may hold: the others of its pool's connections could only wait for them.
const TRANSACTIONS: usize = 4;

/// What a guest holds of a database.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Connection(Arc<dyn Connections>);

/// What a guest holds of a transaction.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct Transaction {
    session: Box<dyn Session>,
    _counted: Arc<()>,
}

type Answer<T> = wasmtime::Result<Result<T, wit::Failure>>;

impl wit::Host for State {}

impl wit::HostConnection for State {
    async fn open(&mut self, name: String) -> Answer<Resource<Connection>> {
        let Some(database) = self.databases.get(&name) else {
            let message = format!("no database is granted under the name `{name}`");
            return Ok(Err(Fault::new(FaultKind::Denied, message).into()));
        };
        Ok(Ok(self.table.push(Connection(database))?))
    }

    async fn dialect(&mut self, this: Resource<Connection>) -> wasmtime::Result<String> {
        Ok(self.table.get(&this)?.0.dialect().to_owned())
    }

    async fn query(
        &mut self,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Answer<wit::Rows> {
        let database = Arc::clone(&self.table.get(&this)?.0);
        let parameters = into_values(parameters);
        let run = async || database.session().await?.query(statement, &parameters).await;
        Ok(run().await.map(Into::into).map_err(Into::into))
    }

    async fn execute(
        &mut self,
        this: Resource<Connection>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Answer<u64> {
        let database = Arc::clone(&self.table.get(&this)?.0);
        let parameters = into_values(parameters);
        let run = async || database.session().await?.execute(statement, &parameters).await;
        Ok(run().await.map_err(Into::into))
    }

    async fn begin(&mut self, this: Resource<Connection>) -> Answer<Resource<Transaction>> {
        let database = Arc::clone(&self.table.get(&this)?.0);
        if Arc::strong_count(&self.transactions) > TRANSACTIONS {
            let message = format!("more than {TRANSACTIONS} transactions at once");
            return Ok(Err(Fault::new(FaultKind::TooMuch, message).into()));
        }
        let begun = async || {
            let mut session = database.session().await?;
            session.begin().await?;
            Ok(session)
        };
        match begun().await {
            Ok(session) => {
                let transaction = Transaction { session, _counted: Arc::clone(&self.transactions) };
                Ok(Ok(self.table.push(transaction)?))
            }
            Err(fault) => Ok(Err(Fault::into(fault))),
        }
    }

    async fn drop(&mut self, this: Resource<Connection>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl wit::HostTransaction for State {
    async fn query(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Answer<wit::Rows> {
        let session = &mut self.table.get_mut(&this)?.session;
        let rows = session.query(statement, &into_values(parameters)).await;
        Ok(rows.map(Into::into).map_err(Into::into))
    }

    async fn execute(
        &mut self,
        this: Resource<Transaction>,
        statement: String,
        parameters: Vec<wit::Value>,
    ) -> Answer<u64> {
        let session = &mut self.table.get_mut(&this)?.session;
        let changed = session.execute(statement, &into_values(parameters)).await;
        Ok(changed.map_err(Into::into))
    }

    async fn commit(&mut self, this: Resource<Transaction>) -> Answer<()> {
        self.end(this, End::Commit).await
    }

    async fn rollback(&mut self, this: Resource<Transaction>) -> Answer<()> {
        self.end(this, End::Rollback).await
    }

    async fn drop(&mut self, this: Resource<Transaction>) -> wasmtime::Result<()> {
        self.table.delete(this)?;
        Ok(())
    }
}

impl State {
    async fn end(&mut self, transaction: Resource<Transaction>, how: End) -> Answer<()> {
        let mut transaction = self.table.delete(transaction)?;
        Ok(transaction.session.end(how).await.map_err(Into::into))
    }
}

impl From<Fault> for wit::Failure {
    fn from(fault: Fault) -> Self {
        let Fault { kind, message } = fault;
        let kind = match kind {
            FaultKind::Denied => wit::FailureKind::Denied,
            FaultKind::Unavailable => wit::FailureKind::Unavailable,
            FaultKind::Conflict => wit::FailureKind::Conflict,
            FaultKind::Constraint => wit::FailureKind::Constraint,
            FaultKind::Missing => wit::FailureKind::Missing,
            FaultKind::Statement => wit::FailureKind::Statement,
            FaultKind::TooMuch => wit::FailureKind::TooMuch,
            FaultKind::Unsupported => wit::FailureKind::Unsupported,
        };
        Self { kind, message }
    }
}

impl From<Rows> for wit::Rows {
    fn from(answer: Rows) -> Self {
        let Rows { columns, rows } = answer;
        let rows = rows.into_iter().map(|row| row.into_iter().map(Into::into).collect()).collect();
        Self { columns, rows }
    }
}

impl From<Value> for wit::Value {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Boolean(value) => Self::Boolean(value),
            Value::Integer(value) => Self::Integer(value),
            Value::Real(value) => Self::Real(value),
            Value::Text(value) => Self::Text(value),
            Value::Blob(value) => Self::Blob(value),
            Value::Timestamp(value) => Self::Timestamp(value),
        }
    }
}

fn into_values(parameters: Vec<wit::Value>) -> Vec<Value> {
    let into = |value| match value {
        wit::Value::Null => Value::Null,
        wit::Value::Boolean(value) => Value::Boolean(value),
        wit::Value::Integer(value) => Value::Integer(value),
        wit::Value::Real(value) => Value::Real(value),
        wit::Value::Text(value) => Value::Text(value),
        wit::Value::Blob(value) => Value::Blob(value),
        wit::Value::Timestamp(value) => Value::Timestamp(value),
    };
    parameters.into_iter().map(into).collect()
}
