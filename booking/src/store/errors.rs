//! Errors of the database as the engine knows them.

use booking_engine::store_error::{StoreError, StoreFault};
use diesel::result::Error;
use shared::db::{DbError, Fault};

/// An error of a query.
pub(crate) fn store_error(error: Error) -> StoreError {
    let fault = match Fault::of(&error) {
        Fault::LockTimeout => StoreFault::LockTimeout,
        Fault::Deadlock | Fault::Serialization => StoreFault::Conflict,
        Fault::Duplicate => StoreFault::Duplicate,
        Fault::Data => StoreFault::Data,
        Fault::ConnectionLost | Fault::ReadOnly => StoreFault::Unavailable,
        Fault::Other => StoreFault::Other,
    };
    StoreError::new(fault, error)
}

/// An error of a pool, or of a query on one of its connections.
pub(crate) fn pool_error(error: DbError) -> StoreError {
    match error {
        DbError::Query(error) => store_error(error),
        unavailable @ DbError::Unavailable(_) => StoreError::new(StoreFault::Unavailable, unavailable),
    }
}
