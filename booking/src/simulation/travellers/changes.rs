//! What travellers change of what they have booked.

use super::{Own, Traveller};
use crate::{
    domain::{booking::Booking, seat_change::SeatChange},
    simulation::{
        amendments::Amendment,
        requests::Request,
        world::{MILLISECOND, World},
    },
};
use futures_util::future::join;
use shared::{
    ids::FlightId,
    seat::{Cabin, SeatDesignator},
};

impl Traveller {
    /// A booking as its traveller has it on the screen, for a while.
    async fn look(&self, own: Own) -> Option<Booking> {
        let seen = self.world.database.borrow().rows.bookings.get(&own.id).cloned();
        let pause = self.world.random().time(MILLISECOND, 11);
        self.world.sleep(pause).await;
        seen
    }

    fn amend(&self, seen: &Booking, amendment: Amendment) -> Request {
        let version = self.world.random().chance(400).then_some(seen.version);
        Request::Amend { booking: seen.id, version, amendment }
    }

    /// Moves people of a booking to other seats; now and then those of another to the same seats at the
    /// same time.
    pub(super) async fn change_seats(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let Some(seen) = self.look(own).await else { return };
        let changes = draw_changes(&self.world, &seen);
        let exempt = self.world.random().chance(200);
        let first = self.amend(&seen, Amendment::Seats { changes: changes.clone(), exempt });
        let rivals = if self.world.random().chance(300) { self.rivals(&changes) } else { None };
        let Some((rival, changes)) = rivals else { return self.ask(first).await };
        let second = self.amend(&rival, Amendment::Seats { changes, exempt });
        let since = self.clock();
        let (of_first, of_second) = join(self.send(&first), self.send(&second)).await;
        for (request, answer) in [(first, of_first), (second, of_second)] {
            if let Some(answer) = answer {
                self.learn(&request, since, answer);
            }
        }
    }

    /// People of one of the traveller's bookings who want the same seats.
    fn rivals(&self, changes: &[SeatChange]) -> Option<(Booking, Vec<SeatChange>)> {
        let on_one_of =
            |booking: &Booking| changes.iter().any(|change| booking.segment_on(change.flight).is_some());
        let database = self.world.database.borrow();
        // The last one is often another than that which changes.
        let known = self.own.iter().rev().take(6).filter_map(|own| database.rows.bookings.get(&own.id));
        let rival = known.filter(|one| one.is_live()).find(|one| on_one_of(one))?;
        let seated = || rival.passengers.iter().filter(|one| one.kind.has_seat());
        let wanted = changes.iter().filter(|change| rival.segment_on(change.flight).is_some());
        let same =
            wanted.zip(seated().cycle()).map(|(change, one)| SeatChange { passenger: one.id, ..*change });
        Some((rival.clone(), same.collect()))
    }
}

/// One to all of a party, on one to all of its flights; or two of it change seats.
fn draw_changes(world: &World, booking: &Booking) -> Vec<SeatChange> {
    let random = world.random();
    let seated: Vec<_> = booking.passengers.iter().filter(|one| one.kind.has_seat()).collect();
    let segment = random.index(booking.segments.len());
    if let [one, other, ..] = seated[..]
        && random.chance(150)
        && let (Some(first), Some(second)) = (one.seats[segment], other.seats[segment])
    {
        let flight = booking.segments[segment].flight_id;
        return [(one, second), (other, first)]
            .map(|(passenger, seat)| SeatChange { passenger: passenger.id, flight, seat })
            .to_vec();
    }
    let mut changes = Vec::new();
    for (place, passenger) in booking.passengers.iter().enumerate() {
        // An infant has no seat to change.
        if !(passenger.kind.has_seat() || random.chance(50)) || (place > 0 && random.chance(500)) {
            continue;
        }
        for segment in &booking.segments {
            if changes.is_empty() || random.chance(500) {
                let flight = segment.flight_id;
                if let Some(seat) = draw_seat(world, flight, segment.cabin) {
                    changes.push(SeatChange { passenger: passenger.id, flight, seat });
                }
            }
        }
    }
    changes
}

/// A seat of a cabin that is free, often one that others like too; or one that is taken; or any at all.
fn draw_seat(world: &World, flight: FlightId, cabin: Cabin) -> Option<SeatDesignator> {
    let random = world.random();
    let database = world.database.borrow();
    let plan = &database.rows.states.get(&flight)?.seat_plan;
    let taken = |seat: &SeatDesignator| {
        database.rows.seats.get(&flight).is_some_and(|seats| seats.contains_key(seat))
    };
    let kind = random.below(100);
    let seats: Vec<_> = match kind {
        0..6 => plan.seats().map(|(seat, _)| seat).collect(),
        _ => {
            let wants_taken = kind < 30;
            let of_cabin = plan.seats().filter(|(_, of)| *of == cabin).map(|(seat, _)| seat);
            of_cabin.filter(|seat| taken(seat) == wants_taken).collect()
        }
    };
    let liked = if random.chance(500) { seats.len().min(3) } else { seats.len() };
    seats.get(random.index(liked)).copied()
}
