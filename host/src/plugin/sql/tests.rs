//! Databases through a session, as a guest's statements reach them.

use std::path::Path;
use std::time::Duration;

use super::fault::FaultKind;
use super::grant::SqlGrant;
use super::session::{Connections, End};
use super::value::Value;

fn sqlite(folder: &Path) -> Box<dyn Connections> {
    let mut grant = SqlGrant::new("sqlite://test.db", folder).unwrap();
    grant.timeout = Some(Duration::from_secs(1));
    grant.connections().unwrap()
}

async fn run(database: &dyn Connections, statement: &str, parameters: &[Value]) -> Result<u64, FaultKind> {
    let mut session = database.session().await.map_err(|fault| fault.kind)?;
    session.execute(statement.to_owned(), parameters).await.map_err(|fault| fault.kind)
}

async fn ask(database: &dyn Connections, statement: &str, parameters: &[Value]) -> Result<Vec<Vec<Value>>, FaultKind> {
    let mut session = database.session().await.map_err(|fault| fault.kind)?;
    let answer = session.query(statement.to_owned(), parameters).await;
    answer.map(|answer| answer.rows).map_err(|fault| fault.kind)
}

#[tokio::test]
async fn values_survive_the_database() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite(folder.path());
    run(&*database, "create table t (id integer primary key, v)", &[]).await.unwrap();
    let values = [
        Value::Null,
        Value::Integer(i64::MIN),
        Value::Real(0.1),
        Value::Text("täglich 'ok'; --".to_owned()),
        Value::Blob(vec![0, 255]),
    ];
    for (id, value) in (0..).zip(&values) {
        run(&*database, "insert into t values (?, ?)", &[Value::Integer(id), value.clone()]).await.unwrap();
    }
    let rows = ask(&*database, "select v from t order by id", &[]).await.unwrap();
    assert_eq!(rows.concat(), values);
    let rows = ask(&*database, "select ?, ?", &[Value::Timestamp(1_700_064_000_123), Value::Boolean(true)]).await;
    assert_eq!(rows.unwrap().concat(), [Value::Text("2023-11-15 16:00:00.123".to_owned()), Value::Integer(1)]);
}

#[tokio::test]
async fn failures_say_what_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite(folder.path());
    run(&*database, "create table t (id integer primary key not null)", &[]).await.unwrap();
    run(&*database, "insert into t values (1)", &[]).await.unwrap();
    for (statement, parameters, expected) in [
        ("insert into t values (1)", vec![], FaultKind::Constraint),
        ("insert into u values (1)", vec![], FaultKind::Missing),
        ("select no_such_column from t", vec![], FaultKind::Missing),
        ("selct 1", vec![], FaultKind::Statement),
        ("insert into t values (?)", vec![Value::Timestamp(i64::MAX)], FaultKind::Statement),
        (
            "with recursive n(i) as (select 1 union all select i + 1 from n) insert into t select count(*) from n",
            vec![],
            FaultKind::Unavailable,
        ),
    ] {
        assert_eq!(run(&*database, statement, &parameters).await, Err(expected), "{statement}");
    }
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select i from n";
    assert_eq!(ask(&*database, endless, &[]).await, Err(FaultKind::TooMuch));
    let wide = format!("{endless} limit 0 ");
    assert_eq!(ask(&*database, &wide, &[]).await, Ok(Vec::new()));
    let large = "select zeroblob(20000000)";
    assert_eq!(ask(&*database, large, &[]).await, Err(FaultKind::TooMuch));
    assert_eq!(ask(&*database, "select count(*) from t", &[]).await.unwrap().concat(), [Value::Integer(1)]);

    let nowhere = SqlGrant::new("sqlite://no/such/folder.db", folder.path()).unwrap().connections().unwrap();
    assert_eq!(run(&*nowhere, "select 1", &[]).await, Err(FaultKind::Unavailable));
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing_however_it_ends() {
    let folder = tempfile::tempdir().unwrap();
    let database = sqlite(folder.path());
    run(&*database, "create table t (id integer)", &[]).await.unwrap();
    let count = async || ask(&*database, "select count(*) from t", &[]).await.unwrap().concat();
    let insert = async || {
        let mut session = database.session().await.unwrap();
        session.begin().await.unwrap();
        session.execute("insert into t values (1)".to_owned(), &[]).await.unwrap();
        session
    };
    drop(insert().await);
    assert_eq!(count().await, [Value::Integer(0)], "its owner is gone");
    insert().await.end(End::Rollback).await.unwrap();
    assert_eq!(count().await, [Value::Integer(0)], "rolled back");
    insert().await.end(End::Commit).await.unwrap();
    assert_eq!(count().await, [Value::Integer(1)], "committed");

    let _first = insert().await;
    let mut second = database.session().await.unwrap();
    assert_eq!(second.begin().await.unwrap_err().kind, FaultKind::Conflict, "somebody else writes");
}
