//! Why a statement failed, sorted by what a guest can do about it.

use std::time::Duration;

use thiserror::Error;

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{message}")]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// The database's words, in one line.
    pub(super) message: String,
}

/// What a guest can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Denied,
    Unavailable,
    Conflict,
    Constraint,
    Missing,
    Statement,
    TooMuch,
    Unsupported,
}

impl Fault {
    pub(super) fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// A statement, or the wait for a connection, that took too long.
    pub(super) fn late(after: Duration) -> Self {
        Self::new(FaultKind::Unavailable, format!("no answer within {after:?}"))
    }

    /// What sqlx says. `kind_of` sorts a database's own codes.
    pub(super) fn of(error: &sqlx::Error, kind_of: impl FnOnce(&str, &str) -> FaultKind) -> Self {
        let kind = match error {
            sqlx::Error::Database(error) => kind_of(error.code().as_deref().unwrap_or_default(), error.message()),
            sqlx::Error::Encode(_)
            | sqlx::Error::InvalidArgument(_)
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::RowNotFound => FaultKind::Statement,
            sqlx::Error::Decode(_) | sqlx::Error::ColumnDecode { .. } | sqlx::Error::TypeNotFound { .. } => {
                FaultKind::Unsupported
            }
            _ => FaultKind::Unavailable,
        };
        let message = error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
        Self::new(kind, message)
    }
}
