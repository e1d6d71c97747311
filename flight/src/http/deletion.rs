//! How a flight is deleted that is on sale: closed by booking first, then deleted in that version.

use super::{
    noted_withdrawal::NotedWithdrawal,
    preconditions::IfMatch,
    recorded_flight::{present, record},
};
use crate::{
    booking::{BookingClient, Closing},
    domain::flight::Flight,
    error::Conflict,
    store::{
        flights,
        withdrawals::{self, WithdrawalNote},
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::AuditAuthor,
    db::Pool,
    http::{Code, Problem},
    ids::FlightId,
};

/// How often a flight is closed anew that is changed while it is being deleted.
const CLOSINGS: u32 = 3;

/// Closes a flight for sale and deletes it. Gives the deleted flight, or nothing where another request
/// has deleted it meanwhile.
///
/// Where the deletion fails after the closing, the flight is sold again in a newer version.
pub(crate) async fn close_and_delete(
    author: &AuditAuthor,
    (id, precondition): (FlightId, &IfMatch),
    pool: &Pool,
    booking: &BookingClient,
) -> Result<Option<Flight>, Problem> {
    for _ in 0..CLOSINGS {
        let found = flights::find(&mut *pool.get().await?, id).await?;
        let flight = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        precondition.check(flight.version)?;
        match attempt(author, &flight, pool, booking).await? {
            Deletion::Done(gone) => return Ok(gone),
            // Booking opens a changed flight again: it may have been sold since.
            Deletion::Changed => {}
        }
    }
    Err(Conflict::ChangedMeanwhile.into())
}

/// The result of the deletion of a flight in a certain version.
enum Deletion {
    /// It is gone. The flight is here if this request has deleted it.
    Done(Option<Flight>),
    /// It has another version.
    Changed,
}

/// Closes a flight in its version and deletes it.
async fn attempt(
    author: &AuditAuthor,
    flight: &Flight,
    pool: &Pool,
    booking: &BookingClient,
) -> Result<Deletion, Problem> {
    let noted = NotedWithdrawal::begin(pool, flight.id).await?;
    // No connection is kept while another service is asked.
    let (deletion, may_be_off_sale) = match booking.close_flight(&flight.state()).await {
        Ok(Closing::Closed) => {
            let version = (flight.id, flight.version);
            match delete_version(author, version, noted.note(), pool).await {
                Ok(deletion) => return Ok(deletion),
                Err(problem) => (Err(problem), true),
            }
        }
        Ok(Closing::Booked { live_bookings }) => (Err(Conflict::HasBookings(live_bookings).into()), false),
        Ok(Closing::Stale) => (Ok(Deletion::Changed), false),
        // Nothing is known: it may have been closed.
        Err(error) => (Err(error.into()), true),
    };
    // The flight that is told again comes to search by the bus.
    let _told = noted.give_up(pool, may_be_off_sale).await;
    deletion
}

async fn delete_version(
    author: &AuditAuthor,
    (id, version): (FlightId, i64),
    note: WithdrawalNote,
    pool: &Pool,
) -> Result<Deletion, Problem> {
    let mut connection = pool.get().await?;
    (*connection)
        .transaction::<_, Problem, _>(async |connection: &mut AsyncPgConnection| {
            // Without its note the flight was told anew, and so is on sale in a newer version.
            let is_closed = withdrawals::delete(connection, note).await?;
            match flights::lock(connection, id).await? {
                None => Ok(Deletion::Done(None)),
                Some(flight) if !is_closed || flight.version != version => Ok(Deletion::Changed),
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
