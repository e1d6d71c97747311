//! What must be true, looked at after every commit. Each look costs as much as was changed.
//!
//! By induction over the commits: whoever has been told of a booking keeps it, with its seats, until a
//! transition that is allowed ends it. Seats are counted here by the passengers of live bookings, apart
//! from the table of seats, and both must agree.

mod commands;
mod money;
mod rest;

pub(crate) use commands::{Carried, check_quote};

use super::{
    database::{Change, Holder, KeyRow, Rows},
    orders,
};
use crate::limits::LONGEST_HOLD;
use booking_engine::{
    booking::{
        disruption::PendingDisruption, hold, idempotency::KEPT_HOURS, itinerary, record::Booking,
        refusal::FlightSeat,
    },
    inventory::flight,
    ledger::command::Command,
};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingPaymentStatus, BookingState, BookingStatus, Event},
    ids::{BookingId, FlightId},
    seat::SeatDesignator,
};
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
#[derive(Default)]
pub(crate) struct Checks {
    /// Whose seats are, by the passengers of live bookings.
    occupied: BTreeMap<FlightSeat, BookingId>,
    /// The last published version of each subject.
    published: BTreeMap<String, i64>,
    /// What the airline did to flights last that concerns their bookings.
    disruptions: BTreeMap<FlightId, PendingDisruption>,
    /// Bookings that somebody was told of.
    pub(crate) acknowledged: BTreeSet<BookingId>,
}

type Checked = Result<(), String>;

impl Checks {
    /// After a commit. `undo`: what it changed, as it was before, in the order of the changes. `carried`:
    /// what it has carried out. The database's clock, when the transaction began and when it ended.
    pub(crate) fn committed(
        &mut self,
        rows: &Rows,
        (undo, carried): (&[Change], &Carried<'_>),
        (began, clock): (DateTime<Utc>, DateTime<Utc>),
    ) -> Checked {
        let mut before: BTreeMap<BookingId, Option<&Booking>> = BTreeMap::new();
        let mut touched: BTreeSet<BookingId> = BTreeSet::new();
        let mut seats: BTreeMap<(FlightId, SeatDesignator), Option<Holder>> = BTreeMap::new();
        for change in undo {
            match change {
                Change::Booking(id, row) => {
                    before.entry(*id).or_insert(row.as_deref());
                }
                Change::Seat(flight, seat, row) => {
                    seats.entry((*flight, *seat)).or_insert(*row);
                }
                Change::Payment(id, _) => touched.extend(rows.payments.get(id).map(|row| row.booking)),
                Change::Queued(id, _) => touched.extend(rows.payments.get(id).map(|row| row.booking)),
                Change::Refund(id, _) => touched.extend(rows.refunds.get(id).map(|row| row.booking)),
                Change::Entry(key, _) => touched.extend(rows.entries.get(key).map(|row| row.booking)),
                Change::Key(scope, row) => check_key(rows, scope, row.as_ref(), clock)?,
                Change::Flight(..) | Change::State(..) | Change::Traveller(..) => {}
                Change::Quote(..) | Change::Disruption(..) => {}
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
            check_transition(rows, *before, now, (carried.about(*id), clock))?;
            check_journey(rows, *before, now)?;
            check_unverified(rows, now, clock)?;
        }
        touched.extend(before.keys().copied());
        for id in touched {
            let booking = rows.booking(id).ok_or_else(|| format!("booking {id} has seats but no row"))?;
            check_places(rows, &booking)?;
            check_state(&booking)?;
            check_end(rows, &booking)?;
            money::check(rows, &booking)?;
            if let Some(Some(before)) = before.get(&id) {
                commands::check_left(rows, before, &booking)?;
                commands::check_refund(rows, (before, &booking), carried.about(id), began)?;
            }
        }
        carried.check_airline(rows, clock)?;
        check_versions(rows, undo, &seats)
    }

    /// Moves the seats of bookings that have changed; nobody may be in the way.
    fn move_seats(&mut self, rows: &Rows, before: &BTreeMap<BookingId, Option<&Booking>>) -> Checked {
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

    /// Whether seats that were refused really are somebody's, or were when the transaction, which `undo`
    /// undoes, began (`began`: the clock then).
    pub(crate) fn are_taken(
        &self,
        rows: &Rows,
        (seats, undo): (&[FlightSeat], &[Change]),
        began: DateTime<Utc>,
    ) -> Checked {
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

    /// Somebody is told of a booking.
    pub(crate) fn acknowledge(&mut self, rows: &Rows, told: &BookingState) -> Checked {
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
            return demand(commands::is_told(booking, told), || {
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
    pub(crate) fn published(&mut self, event: &Event) -> Checked {
        let last = self.published.insert(event.subject.clone(), event.version);
        demand(last.is_none_or(|last| last < event.version), || {
            format!("{} of {} came after a newer one", event.kind, event.subject)
        })
    }
}

/// Who had a seat before a transaction, and has moved to another seat in it.
fn moved_away(rows: &Rows, undo: &[Change], seat: &FlightSeat) -> Option<Holder> {
    let place = (seat.flight_id, seat.designator);
    let mut changes = undo.iter().filter_map(|change| match change {
        Change::Seat(flight, designator, before) if (*flight, *designator) == place => Some(*before),
        _ => None,
    });
    let holder = changes.next().flatten()?;
    rows.bookings.get(&holder.booking)?.is_live().then_some(holder)
}

/// Only allowed transitions, with their clock, for commands that were carried out.
fn check_transition(
    rows: &Rows,
    before: Option<&Booking>,
    now: &Booking,
    (done, clock): (&[&Command], DateTime<Utc>),
) -> Checked {
    let id = now.id;
    let Some(before) = before else {
        return demand(now.status == BookingStatus::Held, || {
            format!("booking {id} was made {:?}", now.status)
        });
    };
    demand(now.version > before.version, || format!("the version of booking {id} did not grow"))?;
    let waited = before.payment_status == BookingPaymentStatus::Awaiting;
    // Of the hold as it is now: a payment may have been declined in the same transaction.
    let ended =
        now.payment_status == BookingPaymentStatus::Awaiting && hold::has_ended(now.hold_expires_at, clock);
    let allowed = match (before.status, now.status) {
        (from, to) if from == to => true,
        // It was decided a moment before the end of the transaction.
        (BookingStatus::Held, BookingStatus::Confirmed) => {
            !waited && !hold::has_ended(before.hold_expires_at, clock - TimeDelta::seconds(1))
        }
        (BookingStatus::Held, BookingStatus::Expired) => ended,
        (BookingStatus::Held | BookingStatus::Confirmed, BookingStatus::Cancelled) => {
            commands::cancels(rows, done)
        }
        _ => false,
    };
    demand(allowed, || {
        format!(
            "booking {id} went from {:?} to {:?} (hold until {}, now {clock})",
            before.status, now.status, before.hold_expires_at
        )
    })?;
    commands::check(before, now, done)
}

/// A payment is started and confirmed only of a journey whose flights follow each other.
fn check_journey(rows: &Rows, before: Option<&Booking>, now: &Booking) -> Checked {
    let is_paying = |one: &Booking| one.payment_status == BookingPaymentStatus::Processing;
    let is_paid = |one: &Booking| one.status == BookingStatus::Confirmed;
    let starts = is_paying(now) && !before.is_some_and(is_paying);
    let confirms = is_paid(now) && !before.is_some_and(is_paid);
    let flights = now.flights().filter_map(|id| rows.states.get(&id));
    let possible = itinerary::is_possible(flights.map(|state| (state.departure.at, state.arrival.at)));
    demand(possible || !(starts || confirms), || {
        format!("booking {} was paid, though its journey is impossible", now.id)
    })
}

/// An unverified account holds no more seats in all than it may.
fn check_unverified(rows: &Rows, now: &Booking, clock: DateTime<Utc>) -> Checked {
    let owner = now.owner_id;
    let fits = || rows.held_in_all(owner, clock) <= hold::SEATS_PER_UNVERIFIED_ACCOUNT;
    demand(now.status != BookingStatus::Held || !orders::is_unverified(owner) || fits(), || {
        format!("the unverified account {owner} holds too many seats with booking {}", now.id)
    })
}

fn demand(holds: bool, otherwise: impl FnOnce() -> String) -> Checked {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// A live booking has all its seats and travellers' places, one that has ended has none.
fn check_places(rows: &Rows, booking: &Booking) -> Checked {
    let id = booking.id;
    let sold = booking.status == BookingStatus::Confirmed;
    for (flight, seat) in booking.seats() {
        let holder = rows.seats.get(&flight).and_then(|of| of.get(&seat));
        let own = holder.is_some_and(|holder| holder.booking == id);
        demand(own == booking.is_live(), || {
            format!("booking {id} is {:?}, and seat {seat} of {flight} is {holder:?}", booking.status)
        })?;
        demand(!own || holder.is_some_and(|holder| holder.sold == sold), || {
            format!("seat {seat} of booking {id} is not marked as it should be")
        })?;
    }
    for segment in &booking.segments {
        for passenger in &booking.passengers {
            let key = (segment.flight_id, booking.owner_id, passenger.fingerprint());
            let own = rows.travellers.get(&key).is_some_and(|entry| entry.booking == id);
            demand(own == booking.is_live(), || format!("travellers of booking {id} are not as its status"))?;
        }
    }
    Ok(())
}

/// What a booking may be by itself.
fn check_state(booking: &Booking) -> Checked {
    let (id, status) = (booking.id, booking.status);
    let longest = booking.updated_at.max(booking.created_at) + LONGEST_HOLD;
    demand(status != BookingStatus::Held || booking.hold_expires_at <= longest, || {
        format!("the hold of booking {id} does not end")
    })?;
    let ticketed = booking.passengers.iter().all(|one| one.ticket_number.is_some());
    demand(ticketed, || format!("booking {id} has no tickets"))?;
    demand(!booking.passengers.is_empty() && !booking.segments.is_empty(), || {
        format!("booking {id} is hollow")
    })
}

/// No hold that waits for its traveller outlives the sales of a flight of its, when it has followed them all.
fn check_end(rows: &Rows, booking: &Booking) -> Checked {
    let waits = booking.status == BookingStatus::Held
        && booking.payment_status == BookingPaymentStatus::Awaiting
        && booking.flights().all(|flight| !rows.disruptions.contains_key(&flight));
    let mut departures = booking.flights().filter_map(|id| rows.flights.get(&id)).map(|row| row.departure_at);
    let ends = |departure| booking.hold_expires_at <= flight::closes_at(departure);
    demand(!waits || departures.all(ends), || {
        format!("the hold of booking {} outlives the sales of its flights", booking.id)
    })
}

/// Once a key has its answer it keeps it, until it is too old.
fn check_key(rows: &Rows, scope: &[u8], before: Option<&KeyRow>, clock: DateTime<Utc>) -> Checked {
    let now = rows.keys.get(scope);
    if let Some((row, answer)) = now.and_then(|row| Some((row, row.answer.as_ref()?))) {
        let own = answer.booking.contains(&row.booking.to_string()) || commands::is_quoted(rows, row, answer);
        demand(own, || format!("a key of booking {} has the answer of another", row.booking))?;
    }
    let Some(before) = before.filter(|row| row.answer.is_some()) else { return Ok(()) };
    let old = before.created_at < clock - TimeDelta::hours(KEPT_HOURS.into());
    let same = now.is_some_and(|row| row.answer == before.answer && row.booking == before.booking);
    demand(same || old, || format!("the answer of a key of booking {} was changed", before.booking))
}

/// A flight whose seats changed has a new version, by one.
fn check_versions(
    rows: &Rows,
    undo: &[Change],
    seats: &BTreeMap<(FlightId, SeatDesignator), Option<Holder>>,
) -> Checked {
    for ((flight, seat), before) in seats {
        if rows.seats.get(flight).and_then(|of| of.get(seat)) == before.as_ref() {
            // Taken and given back.
            continue;
        }
        let before = undo.iter().find_map(|change| match change {
            Change::Flight(id, row) if id == flight => row.map(|row| row.seats_version),
            _ => None,
        });
        let now = rows.flights.get(flight).map(|row| row.seats_version);
        let grew = matches!((before, now), (Some(before), Some(now)) if now == before + 1);
        demand(grew, || format!("seats of flight {flight} changed without a version"))?;
    }
    Ok(())
}
