//! Writes the changes of a batch to bookings, seats, flights, payments and ledger entries in one statement.

use super::{
    codes::StoredCode,
    seats::{self},
};
use booking_engine::{
    booking::record::Booking,
    ledger::rows::SeatRow,
    payment::record::{LedgerEntry, PaymentState},
};
use chrono::{DateTime, Utc};
use diesel::{
    prelude::*,
    sql_types::{Array, BigInt, Nullable, SmallInt, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    events::SeatsState,
    ids::{BookingId, PaymentId},
    statement,
};
use uuid::Uuid;

statement! {
    /// Updates the rows of bookings, sets seats to sold, gives flights the next versions of their seats,
    /// writes the states of payments (a decision of the provider deletes the token; a declined payment leaves the
    /// queue of unsettled payments), and books entries.
    Update {
        sold_flights: Array<SqlUuid> = Vec<Uuid>,
        sold_seats: Array<SmallInt> = Vec<i16>,
        buyers: Array<SqlUuid> = Vec<Uuid>,
        seats_versions: Array<BigInt> = Vec<i64>,
        flights: Array<SqlUuid> = Vec<Uuid>,
        states: Array<SmallInt> = Vec<i16>,
        payments: Array<SqlUuid> = Vec<Uuid>,
        accounts: Array<SmallInt> = Vec<i16>,
        payers: Array<SqlUuid> = Vec<Uuid>,
        amounts: Array<BigInt> = Vec<i64>,
        causes: Array<SqlUuid> = Vec<Uuid>,
        statuses: Array<SmallInt> = Vec<i16>,
        payment_statuses: Array<SmallInt> = Vec<i16>,
        holds: Array<Timestamptz> = Vec<DateTime<Utc>>,
        versions: Array<BigInt> = Vec<i64>,
        updated: Array<Timestamptz> = Vec<DateTime<Utc>>,
        confirmed: Array<Nullable<Timestamptz>> = Vec<Option<DateTime<Utc>>>,
        ids: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "WITH bought AS (
        UPDATE seats SET sold = true FROM unnest($) WITH ORDINALITY AS n (f, i)
        WHERE flight_id = n.f AND seat = $[i] AND booking_id = $[i]
    ), changed AS (
        UPDATE flights SET seats_version = $[i] FROM unnest($) WITH ORDINALITY AS n (f, i) WHERE flights.id = n.f
    ), decided AS (
        UPDATE payments SET state = $[i], token = NULL FROM unnest($) WITH ORDINALITY AS n (p, i) WHERE payments.id = n.p
    ), booked AS (
        INSERT INTO ledger_entries (cause, account, booking_id, amount, created_at)
        SELECT c, $[i], $[i], $[i], clock_timestamp() FROM unnest($) WITH ORDINALITY AS n (c, i)
    )
    UPDATE bookings SET status = $[i], payment_status = $[i], hold_expires_at = $[i], version = $[i], updated_at = $[i], confirmed_at = $[i]
    FROM unnest($) WITH ORDINALITY AS n (b, i) WHERE bookings.id = n.b"
}

statement! {
    /// Gives flights the next versions of their seats: all that a batch of new bookings changes.
    UpdateSeatsVersions {
        versions: Array<BigInt> = Vec<i64>,
        flights: Array<SqlUuid> = Vec<Uuid>,
    } -> (),
    "UPDATE flights SET seats_version = $[i] FROM unnest($) WITH ORDINALITY AS n (f, i) WHERE flights.id = n.f"
}

/// The changes of a batch.
#[derive(Debug)]
pub(crate) struct Changed<'a> {
    /// Bookings whose own rows changed: status, money, hold, version.
    pub(crate) bookings: &'a [&'a Booking],
    /// Held seats that are sold now.
    pub(crate) sold: &'a [SeatRow],
    /// Flights whose seats changed hands, with the next versions of these.
    pub(crate) seats: &'a [SeatsState],
    /// Payments that were decided.
    pub(crate) decided: &'a [(PaymentId, PaymentState)],
    /// Money that moved.
    pub(crate) entries: &'a [(BookingId, LedgerEntry)],
}

/// Writes the changes.
pub(crate) async fn update(connection: &AsyncPgConnection, changed: Changed<'_>) -> QueryResult<()> {
    let Changed { bookings, sold, seats, decided, entries } = changed;
    let flights = seats.iter().map(|state| state.flight_id.0).collect();
    let seats_versions = seats.iter().map(|state| state.version).collect();
    if bookings.is_empty() && sold.is_empty() && decided.is_empty() && entries.is_empty() {
        // The server prepares each part of the large statement for its rows, whether there are any or not.
        return match seats.is_empty() {
            true => Ok(()),
            false => {
                let query = UpdateSeatsVersions { versions: seats_versions, flights };
                query.execute(&mut &*connection).await.map(drop)
            }
        };
    }
    let (sold_flights, sold_seats, buyers) = seats::columns(sold);
    let query = Update {
        sold_flights,
        sold_seats,
        buyers,
        flights,
        seats_versions,
        payments: decided.iter().map(|(id, _)| id.0).collect(),
        states: decided.iter().map(|(_, state)| state.code()).collect(),
        causes: entries.iter().map(|(_, entry)| entry.cause).collect(),
        accounts: entries.iter().map(|(_, entry)| entry.account.code()).collect(),
        payers: entries.iter().map(|(booking, _)| booking.0).collect(),
        amounts: entries.iter().map(|(_, entry)| entry.amount).collect(),
        ids: bookings.iter().map(|booking| booking.id.0).collect(),
        statuses: bookings.iter().map(|booking| booking.status.code()).collect(),
        payment_statuses: bookings.iter().map(|booking| booking.payment_status.code()).collect(),
        holds: bookings.iter().map(|booking| booking.hold_expires_at).collect(),
        versions: bookings.iter().map(|booking| booking.version).collect(),
        updated: bookings.iter().map(|booking| booking.updated_at).collect(),
        confirmed: bookings.iter().map(|booking| booking.confirmed_at).collect(),
    };
    query.execute(&mut &*connection).await.map(drop)
}
