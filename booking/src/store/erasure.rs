//! The erasure of an account: its bookings keep pseudonyms in the place of what names people.
//!
//! Seats, tickets, payments and the books stay as they are; a booking's version does too, since nothing of it is told
//! anew. Stored answers under idempotency keys and events go with their own retention.

use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{
    ids::{BookingId, UserId},
    statement,
};
use uuid::Uuid;

/// The contact of erased bookings: no mail server takes it (RFC 6761, 6.4).
const NOBODY: &str = "erased@aerobus.invalid";

statement! {
    /// Locks the bookings of an account, and says which of them name people.
    LockOwn { nobody: Text = &'static str, owner: SqlUuid = Uuid } -> (SqlUuid, Bool),
    "SELECT id, contact_email <> $ FROM bookings WHERE owner_id = $ ORDER BY id FOR NO KEY UPDATE"
}

statement! {
    /// Some of an account's bookings whose journey or payment is not over.
    Ahead { owner: SqlUuid = Uuid } -> (SqlUuid,),
    "SELECT b.id FROM bookings b WHERE b.owner_id = $ AND (b.status = 0 OR b.payment_status = 1 OR (b.status = 1 AND EXISTS (
        SELECT FROM segments s JOIN flights f ON f.id = s.flight_id
        WHERE s.booking_id = b.id AND f.departure_at > clock_timestamp())))
        ORDER BY b.id LIMIT 20"
}

statement! {
    /// Gives passengers a pseudonym, and the first day of the year of their birth.
    ErasePassengers { bookings: Array<SqlUuid> = Vec<Uuid> } -> (),
    "UPDATE passengers SET given_name = 'Erased', family_name = 'Traveller', born_on = date_trunc('year', born_on)::date,
        booked_given_name = NULL, booked_family_name = NULL WHERE booking_id = ANY($)"
}

statement! {
    /// Gives travellers fingerprints that tell nothing. No statement looks for those of flights that have left.
    EraseTravellers { bookings: Array<SqlUuid> = Vec<Uuid> } -> (),
    "UPDATE travellers t SET fingerprint = hashtextextended(t.fingerprint::text, (random() * 9e15)::bigint)
        FROM segments s JOIN bookings b ON b.id = s.booking_id
        WHERE s.booking_id = ANY($) AND t.flight_id = s.flight_id AND t.owner_id = b.owner_id AND t.booking_id = b.id"
}

statement! {
    /// Takes the contacts out of bookings.
    EraseContacts { nobody: Text = &'static str, bookings: Array<SqlUuid> = Vec<Uuid> } -> (),
    "UPDATE bookings SET contact_email = $, contact_phone = NULL, contact_locale = NULL WHERE id = ANY($)"
}

statement! {
    /// Forgets the letters that an account has caused.
    EraseLettersCaused { owner: SqlUuid = Uuid } -> (),
    "DELETE FROM letters_caused WHERE account_id = $"
}

/// What became of an erasure.
#[derive(Debug)]
pub(crate) enum ErasureOutcome {
    /// Nothing in the account's bookings names people any more. These are all of them.
    Erased(Vec<BookingId>),
    /// Nothing was erased, because of these bookings.
    Ahead(Vec<BookingId>),
}

/// Erases an account, unless a journey or a payment of it is not over. It may be repeated.
///
/// The caller runs it in a transaction. Bookings are locked in the order of all writers.
///
/// # Errors
/// Those of the database.
pub(crate) async fn erase(
    connection: &mut AsyncPgConnection,
    owner: UserId,
) -> diesel::QueryResult<ErasureOutcome> {
    let own: Vec<(Uuid, bool)> = LockOwn { nobody: NOBODY, owner: owner.0 }.load(&mut *connection).await?;
    let ahead: Vec<(Uuid,)> = Ahead { owner: owner.0 }.load(&mut *connection).await?;
    if !ahead.is_empty() {
        return Ok(ErasureOutcome::Ahead(ahead.into_iter().map(|(id,)| BookingId(id)).collect()));
    }
    let named: Vec<Uuid> = own.iter().filter(|(_, named)| *named).map(|(id, _)| *id).collect();
    if !named.is_empty() {
        EraseContacts { nobody: NOBODY, bookings: named.clone() }.execute(&mut *connection).await?;
        ErasePassengers { bookings: named.clone() }.execute(&mut *connection).await?;
        EraseTravellers { bookings: named }.execute(&mut *connection).await?;
    }
    EraseLettersCaused { owner: owner.0 }.execute(&mut *connection).await?;
    Ok(ErasureOutcome::Erased(own.into_iter().map(|(id, _)| BookingId(id)).collect()))
}
