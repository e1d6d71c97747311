//! The end of holds whose time is over.

use crate::{
    booking::{presentation::ShownBooking, record::Booking},
    ledger::{work::BatchWork, write_set_builder::present},
    store_error::StoreResult,
};
use shared_types::{events::EventType, ids::BookingId, trace::TraceContext};

/// Expires a hold whose time is over; gives the booking as its event shows it, if it was one.
pub(crate) fn expire(
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    trace: Option<TraceContext>,
) -> StoreResult<Option<ShownBooking>> {
    if !booking.expire(work.now) {
        return Ok(None);
    }
    work.occupancy.free(booking);
    work.writes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.writes.emit(EventType::BookingExpired, &state, trace);
    Ok(Some(state))
}

/// Expires a hold that stands in the way of a command, if its time is really over.
pub(crate) fn expire_stale(work: &mut BatchWork<'_>, id: BookingId) -> StoreResult<()> {
    let Some(mut booking) = work.bookings.remove(&id) else { return Ok(()) };
    let expired = expire(work, &mut booking, None);
    work.bookings.insert(id, booking);
    expired.map(drop)
}
