//! How a flight is deleted that is on sale: closed by booking first, then deleted in that version.

use super::{
    preconditions::IfMatch,
    recorded_flight::{present, record},
};
use crate::{booking::BookingClient, domain::flight::Flight, error::Conflict, store::flights};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::AuditAuthor,
    db::Pool,
    http::{Code, Problem},
    ids::FlightId,
};

/// How often a flight is closed anew that is changed while it is being deleted.
const CLOSINGS: u32 = 3;

/// Closes a flight for sale and deletes it; gives what it was, or nothing where another request has
/// deleted it meanwhile, which is as well.
///
/// Where the deletion fails after the closing, the flight stays closed for sale: nothing is told, so
/// that nobody books what somebody wants to be gone. The client deletes it again; or any change of the
/// flight opens it again.
pub(crate) async fn close_and_delete(
    author: &AuditAuthor,
    (id, precondition): (FlightId, &IfMatch),
    pool: &Pool,
    booking: &BookingClient,
) -> Result<Option<Flight>, Problem> {
    let found = flights::find(&mut *pool.get().await?, id).await?;
    let mut version = found.ok_or_else(|| Problem::new(Code::NotFound))?.version;
    for _ in 0..CLOSINGS {
        precondition.check(version)?;
        // No connection is kept while another service is asked.
        let live = booking.close_flight(id).await?;
        if live > 0 {
            return Err(Conflict::HasBookings(live).into());
        }
        match delete_version(author, (id, version), pool).await? {
            Deletion::Done(gone) => return Ok(gone),
            // Booking opens a changed flight again: it may have been sold since.
            Deletion::Changed(newer) => version = newer,
        }
    }
    Err(Conflict::ChangedMeanwhile.into())
}

/// What became of the deletion of a flight in a certain version.
enum Deletion {
    /// It is gone, by us if it is here.
    Done(Option<Flight>),
    /// It has another version.
    Changed(i64),
}

async fn delete_version(
    author: &AuditAuthor,
    (id, version): (FlightId, i64),
    pool: &Pool,
) -> Result<Deletion, Problem> {
    let mut connection = pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            match flights::lock(connection, id).await? {
                None => Ok(Deletion::Done(None)),
                Some(flight) if flight.version != version => Ok(Deletion::Changed(flight.version)),
                Some(flight) => {
                    let before = present(connection, &flight).await?;
                    let gone = flights::delete(connection, &flight).await?;
                    record(connection, (author, "delete"), Some(&before), None).await?;
                    Ok(Deletion::Done(Some(gone)))
                }
            }
        })
        .await
}
