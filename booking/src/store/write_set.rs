//! Writes the rows that were decided: those of a ledger's batch, and those of a change of equipment.

use super::{
    bookings,
    changed_bookings::{self, Changed},
    keys,
    new_bookings::{self, New},
    passengers, quotes, refunds, seats, travellers, unsettled_payments, unverified_holds,
};
use booking_engine::{ledger::write_set::WriteSet, payment::record::PaymentState};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use futures_util::future::{try_join, try_join4};
use uuid::Uuid;

/// Writes everything but the events.
pub(crate) async fn write(on: &AsyncPgConnection, writes: &WriteSet<'_>) -> QueryResult<()> {
    // Each of these sends one statement at most, when it is polled first: a second one would come after the
    // commit, which does not wait for them.
    let (bookings, payments) = (writes.new, writes.payments);
    let new = New { bookings, taken: &writes.taken, entered: &writes.entered, payments };
    let changed = Changed {
        bookings: &writes.bookings,
        sold: writes.sold,
        seats: writes.seats,
        decided: writes.decided,
        entries: writes.entries,
    };
    let declined = writes.decided.iter().filter(|(_, state)| *state == PaymentState::Declined);
    let declined: Vec<Uuid> = declined.map(|(id, _)| id.0).collect();
    // Seats and keys are released first: other rows of the batch may need them.
    let first = try_join(seats::free(on, writes.freed), travellers::leave(on, writes.left));
    let second = try_join(new_bookings::insert(on, new), changed_bookings::update(on, changed));
    let third = try_join4(
        bookings::update_contacts(on, &writes.contacts),
        bookings::update_flight_versions(on, &writes.rescheduled),
        passengers::update(on, &writes.travellers),
        unsettled_payments::mark_settled(on, declined),
    );
    let fourth = try_join4(
        refunds::insert(on, writes.refunds),
        quotes::insert(on, writes.quotes),
        keys::answer(on, writes.answers),
        unverified_holds::insert(on, writes.unverified),
    );
    try_join4(first, second, third, fourth).await.map(drop)
}
