//! What an error of a query means for its caller: the one place that tells errors of the server from each other.
//!
//! PostgreSQL gives each error a SQLSTATE. diesel names some of them by a [kind](DatabaseErrorKind), and
//! diesel-async, which knows the code, keeps it to itself for all others: its error shows the message alone. Those
//! are told by the message, so each connection makes sure that the server writes English to it (see
//! [`messages`](super::messages)). No other code compares texts of the server.

use super::DbError;
use diesel::result::{DatabaseErrorKind, Error};

/// SQLSTATE 55P03. The server has the same code for a lock that was asked for with `NOWAIT`, which we never do.
const LOCK_TIMEOUT: &str = "canceling statement due to lock timeout";
/// SQLSTATE 40P01.
const DEADLOCK: &str = "deadlock detected";
/// How the server begins what it says as it ends a connection: classes 57P (it goes down, has crashed, or was told
/// to end this one) and 25P (the connection was idle for too long).
const TERMINATING: &str = "terminating connection";

/// What is to be made of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// A lock was not granted within `lock_timeout`. The transaction is rolled back.
    LockTimeout,
    /// Transactions waited for each other, and this one was rolled back for the others' sake.
    Deadlock,
    /// The transaction was rolled back because it would have seen what no order of transactions shows.
    Serialization,
    /// A unique constraint was violated: somebody was faster.
    Duplicate,
    /// The values cannot be stored, or were not what the code reads them as.
    Data,
    /// The connection is gone, and with it the transaction: the server has ended it, or was lost.
    ConnectionLost,
    /// The server is a standby that takes no writes.
    ReadOnly,
    /// Anything else: a fault of ours, as a rule.
    Other,
}

impl Fault {
    /// The fault behind an error of a query.
    #[must_use]
    pub fn of(error: &Error) -> Self {
        let (kind, information) = match error {
            Error::DatabaseError(kind, information) => (kind, information),
            Error::BrokenTransactionManager => return Self::ConnectionLost,
            Error::SerializationError(_) | Error::DeserializationError(_) => return Self::Data,
            _ => return Self::Other,
        };
        match kind {
            DatabaseErrorKind::UniqueViolation => Self::Duplicate,
            DatabaseErrorKind::CheckViolation
            | DatabaseErrorKind::NotNullViolation
            | DatabaseErrorKind::ForeignKeyViolation => Self::Data,
            DatabaseErrorKind::SerializationFailure => Self::Serialization,
            DatabaseErrorKind::ReadOnlyTransaction => Self::ReadOnly,
            DatabaseErrorKind::ClosedConnection | DatabaseErrorKind::UnableToSendCommand => {
                Self::ConnectionLost
            }
            DatabaseErrorKind::Unknown => match information.message() {
                LOCK_TIMEOUT => Self::LockTimeout,
                DEADLOCK => Self::Deadlock,
                message if message.starts_with(TERMINATING) => Self::ConnectionLost,
                _ => Self::Other,
            },
            _ => Self::Other,
        }
    }

    /// Whether every query would fail alike for now, so that trying the next one is in vain.
    #[must_use]
    pub fn is_outage(self) -> bool {
        matches!(self, Self::ConnectionLost | Self::ReadOnly)
    }
}

impl DbError {
    /// Whether every query would fail alike for now.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Query(error) => Fault::of(error).is_outage(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: DatabaseErrorKind, message: &str) -> Fault {
        Fault::of(&Error::DatabaseError(kind, Box::new(message.to_owned())))
    }

    #[test]
    fn a_kind_that_the_driver_gives_counts_more_than_any_text() {
        let text = "deadlock detected";
        assert_eq!(of(DatabaseErrorKind::UniqueViolation, text), Fault::Duplicate);
        assert_eq!(of(DatabaseErrorKind::CheckViolation, text), Fault::Data);
        assert_eq!(of(DatabaseErrorKind::ReadOnlyTransaction, text), Fault::ReadOnly);
        assert_eq!(of(DatabaseErrorKind::Unknown, text), Fault::Deadlock);
    }

    #[test]
    fn a_text_that_only_mentions_a_fault_is_not_one() {
        // As a function of the database might raise it.
        for text in ["no deadlock detected", "lock timeout", "the user is terminating connection 7"] {
            assert_eq!(of(DatabaseErrorKind::Unknown, text), Fault::Other, "{text}");
        }
    }
}
