//! The invariants of the service: what is looked at after a commit, an answer and an event.

use crate::{
    checks::{
        amendments, cancellations,
        carried_commands::CarriedCommands,
        check_result::{CheckResult, demand},
        money, stored_bookings, transitions,
    },
    database::{ModelChange, ModelKeyRow, ModelRows, ModelSeatRow},
};
use booking_engine::booking::{
    disruption::PendingDisruption, hold, idempotency::KEPT_HOURS, record::Booking, refusal::FlightSeat,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingState, BookingStatus, Event},
    ids::{BookingId, FlightId},
    seat::SeatDesignator,
};
use std::collections::{BTreeMap, BTreeSet};

/// What the checks remember from commit to commit, apart from the rows.
#[derive(Default)]
pub(crate) struct Invariants {
    /// The booking of each seat, by the passengers of live bookings.
    pub(crate) occupied: BTreeMap<FlightSeat, BookingId>,
    /// The last published version of each subject.
    published: BTreeMap<String, i64>,
    /// What the airline did to flights last that concerns their bookings.
    pub(crate) disruptions: BTreeMap<FlightId, PendingDisruption>,
    /// Bookings that a traveller was told of.
    pub(crate) acknowledged: BTreeSet<BookingId>,
}

impl Invariants {
    /// After a commit. `undo`: what it changed, as it was before, in the order of the changes. `carried`:
    /// what it has carried out. The database's clock, when the transaction began and when it ended.
    pub(crate) fn committed(
        &mut self,
        rows: &ModelRows,
        (undo, carried): (&[ModelChange], &CarriedCommands<'_>),
        (began, clock): (DateTime<Utc>, DateTime<Utc>),
    ) -> CheckResult {
        let mut before: BTreeMap<BookingId, Option<&Booking>> = BTreeMap::new();
        let mut touched: BTreeSet<BookingId> = BTreeSet::new();
        let mut seats: BTreeMap<(FlightId, SeatDesignator), Option<ModelSeatRow>> = BTreeMap::new();
        for change in undo {
            match change {
                ModelChange::Booking(id, row) => {
                    before.entry(*id).or_insert(row.as_deref());
                }
                ModelChange::Seat(flight, seat, row) => {
                    seats.entry((*flight, *seat)).or_insert(*row);
                }
                ModelChange::Payment(id, _) => touched.extend(rows.payments.get(id).map(|row| row.booking)),
                ModelChange::Queued(id, _) => touched.extend(rows.payments.get(id).map(|row| row.booking)),
                ModelChange::Refund(id, _) => touched.extend(rows.refunds.get(id).map(|row| row.booking)),
                ModelChange::Entry(key, _) => touched.extend(rows.entries.get(key).map(|row| row.booking)),
                ModelChange::Key(scope, row) => check_key(rows, scope, row.as_ref(), clock)?,
                ModelChange::Flight(..) | ModelChange::State(..) | ModelChange::Traveller(..) => {}
                ModelChange::Quote(..) | ModelChange::Disruption(..) => {}
            }
        }
        self.move_seats(rows, &before)?;
        for ((flight, seat), before) in &seats {
            let now = rows.seats.get(flight).and_then(|of| of.get(seat));
            touched.extend(before.iter().chain(now).map(|holder| holder.booking));
            let place = FlightSeat { flight_id: *flight, designator: *seat };
            demand(now.map(|one| one.booking) == self.occupied.get(&place).copied(), || {
                format!("seat {seat} of flight {flight} is with {now:?}, which is not on it")
            })?;
        }
        for (id, before) in &before {
            let now = rows.bookings.get(id).ok_or_else(|| format!("booking {id} is gone"))?;
            transitions::check(rows, *before, now, (carried.about(*id), clock))?;
            transitions::check_journey(rows, *before, now)?;
            stored_bookings::check_account(rows, now, clock)?;
        }
        touched.extend(before.keys().copied());
        for id in touched {
            let booking = rows.booking(id).ok_or_else(|| format!("booking {id} has seats but no row"))?;
            stored_bookings::check(rows, &booking)?;
            money::check(rows, &booking)?;
            if let Some(Some(before)) = before.get(&id) {
                amendments::check_left(rows, before, &booking)?;
                cancellations::check_refund(rows, (before, &booking), carried.about(id), began)?;
            }
        }
        cancellations::check_airline(carried, rows, clock)?;
        check_versions(rows, undo, &seats)
    }

    /// Moves the seats of bookings that have changed. No other booking may have the new seats.
    fn move_seats(
        &mut self,
        rows: &ModelRows,
        before: &BTreeMap<BookingId, Option<&Booking>>,
    ) -> CheckResult {
        for booking in before.values().flatten().filter(|booking| booking.is_live()) {
            for (flight_id, designator) in booking.seats() {
                self.occupied.remove(&FlightSeat { flight_id, designator });
            }
        }
        for booking in before.keys().filter_map(|id| rows.bookings.get(id)).filter(|one| one.is_live()) {
            for (flight_id, designator) in booking.seats() {
                let seat = FlightSeat { flight_id, designator };
                if let Some(other) = self.occupied.insert(seat, booking.id) {
                    return Err(format!(
                        "seat {designator} of flight {flight_id} is sold twice: to {other} and to {}",
                        booking.id
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether other bookings really have the seats that were refused, or had them when the transaction began. `undo`: what
    /// undoes the transaction. `began`: the clock at its beginning.
    pub(crate) fn are_taken(
        &self,
        rows: &ModelRows,
        (seats, undo): (&[FlightSeat], &[ModelChange]),
        began: DateTime<Utc>,
    ) -> CheckResult {
        for seat in seats {
            let holder = rows.seats.get(&seat.flight_id).and_then(|of| of.get(&seat.designator));
            let live = holder
                .copied()
                .or_else(|| moved_away(rows, undo, seat))
                .and_then(|one| rows.bookings.get(&one.booking))
                .is_some_and(|booking| {
                    booking.status == BookingStatus::Confirmed
                    || booking.payment_status == BookingPaymentStatus::Processing
                    || !hold::has_ended(booking.hold_expires_at, began)
                    // Its payment was declined in this very transaction, and left a hold that is over.
                    || booking.updated_at >= began
                });
            demand(live, || format!("{seat:?} was refused, but nobody has it"))?;
        }
        Ok(())
    }

    /// A traveller is told of a booking.
    pub(crate) fn acknowledge(&mut self, rows: &ModelRows, told: &BookingState) -> CheckResult {
        let id = told.id;
        let booking =
            rows.bookings.get(&id).ok_or_else(|| format!("booking {id} was acknowledged and is lost"))?;
        self.acknowledged.insert(id);
        demand(booking.version >= told.version, || format!("booking {id} fell behind what was told of it"))?;
        let seats = told.passengers.iter().map(|one| one.seats.len()).sum::<usize>();
        let live = matches!(told.status, BookingStatus::Held | BookingStatus::Confirmed);
        demand(!live || seats == booking.seats().count(), || format!("booking {id} lost seats"))?;
        if booking.version == told.version {
            // An expired hold may be shown before it is noticed.
            let same = booking.status == told.status || told.status == BookingStatus::Expired;
            demand(same, || format!("booking {id} is {:?}, told was {:?}", booking.status, told.status))?;
            return demand(amendments::is_told(booking, told), || {
                format!("booking {id} has the version that was told, but is not as it was told")
            });
        }
        let successor = match told.status {
            BookingStatus::Held => true,
            BookingStatus::Confirmed => {
                matches!(booking.status, BookingStatus::Confirmed | BookingStatus::Cancelled)
            }
            ended => booking.status == ended,
        };
        demand(successor, || {
            format!("booking {id} was told as {:?} and is {:?}", told.status, booking.status)
        })
    }

    /// The airline changes a flight.
    pub(crate) fn disrupted(&mut self, change: PendingDisruption) {
        self.disruptions.insert(change.flight, change);
    }

    /// An event goes to the bus: versions of a subject grow.
    pub(crate) fn published(&mut self, event: &Event) -> CheckResult {
        let last = self.published.insert(event.subject.clone(), event.version);
        demand(last.is_none_or(|last| last < event.version), || {
            format!("{} of {} came after a newer one", event.kind, event.subject)
        })
    }
}

/// Who had a seat before a transaction, and has moved to another seat in it.
fn moved_away(rows: &ModelRows, undo: &[ModelChange], seat: &FlightSeat) -> Option<ModelSeatRow> {
    let place = (seat.flight_id, seat.designator);
    let mut changes = undo.iter().filter_map(|change| match change {
        ModelChange::Seat(flight, designator, before) if (*flight, *designator) == place => Some(*before),
        _ => None,
    });
    let holder = changes.next().flatten()?;
    rows.bookings.get(&holder.booking)?.is_live().then_some(holder)
}

/// Once a key has its answer it keeps it, until it is too old.
fn check_key(
    rows: &ModelRows,
    scope: &[u8],
    before: Option<&ModelKeyRow>,
    clock: DateTime<Utc>,
) -> CheckResult {
    let now = rows.keys.get(scope);
    if let Some((row, answer)) = now.and_then(|row| Some((row, row.answer.as_ref()?))) {
        let own =
            answer.booking.contains(&row.booking.to_string()) || cancellations::is_quoted(rows, row, answer);
        demand(own, || format!("a key of booking {} has the answer of another", row.booking))?;
    }
    let Some(before) = before.filter(|row| row.answer.is_some()) else { return Ok(()) };
    let old = before.created_at < clock - TimeDelta::hours(KEPT_HOURS.into());
    let same = now.is_some_and(|row| row.answer == before.answer && row.booking == before.booking);
    demand(same || old, || format!("the answer of a key of booking {} was changed", before.booking))
}

/// A flight whose seats changed has a new version, by one.
fn check_versions(
    rows: &ModelRows,
    undo: &[ModelChange],
    seats: &BTreeMap<(FlightId, SeatDesignator), Option<ModelSeatRow>>,
) -> CheckResult {
    for ((flight, seat), before) in seats {
        if rows.seats.get(flight).and_then(|of| of.get(seat)) == before.as_ref() {
            // Taken and given back.
            continue;
        }
        let before = undo.iter().find_map(|change| match change {
            ModelChange::Flight(id, row) if id == flight => row.map(|row| row.seats_version),
            _ => None,
        });
        let now = rows.flights.get(flight).map(|row| row.seats_version);
        let grew = matches!((before, now), (Some(before), Some(now)) if now == before + 1);
        demand(grew, || format!("seats of flight {flight} changed without a version"))?;
    }
    Ok(())
}
