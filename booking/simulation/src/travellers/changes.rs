//! What travellers change of what they have booked.

use crate::{
    ground::time::MILLISECOND,
    requests::{Amendment, TravellerRequest},
    travellers::{
        orders,
        traveller::{KnownBooking, SimulatedTraveller},
    },
    world::SimulatedWorld,
};
use booking_engine::{
    booking::{name_correction::NameCorrection, record::Booking, seat_change::SeatChange},
    passengers::contact::{ContactPatch, Phone},
};
use futures_util::future::join_all;
use shared::{
    email::EmailAddress,
    http::Patch,
    ids::FlightId,
    locale::Locale,
    person_name::PersonName,
    seat::{Cabin, SeatDesignator},
};

impl SimulatedTraveller {
    /// A booking as its traveller has it on the screen, for a while.
    async fn look(&self, own: KnownBooking) -> Option<Booking> {
        let seen = self.world.database.borrow().rows.bookings.get(&own.id).cloned();
        let pause = self.world.random().time(MILLISECOND, 11);
        self.world.sleep(pause).await;
        seen
    }

    fn amend(&self, seen: &Booking, amendment: Amendment) -> TravellerRequest {
        let version = self.world.random().chance(400).then_some(seen.version);
        TravellerRequest::Amend { booking: seen.id, version, amendment }
    }

    /// Moves people of a booking to other seats; now and then others want the same ones at the same time, or
    /// the same people want several.
    pub(crate) async fn change_seats(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let Some(seen) = self.look(own).await else { return };
        let changes = draw_changes(&self.world, &seen);
        let others: Vec<_> = match self.world.random().below(10) {
            0..6 => rivals(&self.world, &seen, &changes),
            6 | 7 => (0..2).map(|_| (seen.clone(), draw_changes(&self.world, &seen))).collect(),
            _ => Vec::new(),
        };
        let request = |(booking, changes)| {
            let exempt = self.world.random().chance(500);
            self.amend(&booking, Amendment::Seats { changes, exempt })
        };
        let requests: Vec<_> = std::iter::once((seen, changes)).chain(others).map(request).collect();
        let since = self.clock();
        let instance = self.world.random().index(self.world.sizes.instances);
        let apart = self.world.random().chance(800);
        let sent = requests.iter().enumerate().map(|(number, request)| {
            let at = if apart { instance + number } else { instance };
            self.send_to(at % self.world.sizes.instances, request)
        });
        let answers = join_all(sent).await;
        for (request, answer) in requests.iter().zip(answers) {
            if let Some(answer) = answer {
                self.learn(request, since, answer);
            }
        }
    }

    pub(crate) async fn change_contact(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let Some(seen) = self.look(own).await else { return };
        let random = self.world.random();
        let email = [None, Some("traveller@example.org"), Some("other@example.org")][random.index(3)];
        let phone = match random.index(4) {
            0 => Patch::Remove,
            1 => Patch::Set(Phone::stored("+33123456789".to_owned())),
            _ => Patch::Keep,
        };
        let locale = match random.index(4) {
            0 => Patch::Remove,
            1 => Patch::Set(Locale::stored("de".to_owned())),
            _ => Patch::Keep,
        };
        let email = email.map(|email| EmailAddress::stored(email.to_owned()));
        self.ask(self.amend(&seen, Amendment::Contact(ContactPatch { email, phone, locale }))).await;
    }

    /// Corrects a name a little, or back, or to that of somebody else.
    pub(crate) async fn correct_name(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let Some(seen) = self.look(own).await else { return };
        let random = self.world.random();
        let one = &seen.passengers[random.index(seen.passengers.len())];
        let longer = |name: &PersonName| PersonName::stored(format!("{}a", name.as_str()));
        let booked = one.booked_name.as_ref();
        let (given_name, family_name) = match random.index(8) {
            0..4 => (Some(orders::given_name(&self.world)), None),
            4 | 5 => (Some(longer(&one.given_name)), None),
            6 => (None, Some(longer(&one.family_name))),
            _ => booked.map_or((None, None), |(given, family)| (Some(given.clone()), Some(family.clone()))),
        };
        let correction = NameCorrection { passenger: one.id, given_name, family_name };
        self.ask(self.amend(&seen, Amendment::Name(correction))).await;
    }
}

/// Up to three other bookings on one of these flights, whose passengers want the same seats there.
fn rivals(
    world: &SimulatedWorld,
    booking: &Booking,
    changes: &[SeatChange],
) -> Vec<(Booking, Vec<SeatChange>)> {
    let random = world.random();
    let Some(flight) = changes.get(random.index(changes.len())).map(|change| change.flight) else {
        return Vec::new();
    };
    let rows = &world.database.borrow().rows;
    let others = rows.bookings_on(flight).into_iter().filter(|id| *id != booking.id);
    let mut others: Vec<_> = others.filter_map(|id| rows.bookings.get(&id)).collect();
    let mut rivals = Vec::new();
    for _ in 0..others.len().min(3) {
        let rival = others.swap_remove(random.index(others.len()));
        let seated = rival.passengers.iter().filter(|one| one.kind.has_seat());
        let wanted = changes.iter().filter(|change| change.flight == flight);
        let same = wanted.zip(seated).map(|(change, one)| SeatChange { passenger: one.id, ..*change });
        rivals.push((rival.clone(), same.collect()));
    }
    rivals
}

/// One to all of a party, on one to all of its flights; or two of it change seats.
fn draw_changes(world: &SimulatedWorld, booking: &Booking) -> Vec<SeatChange> {
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
fn draw_seat(world: &SimulatedWorld, flight: FlightId, cabin: Cabin) -> Option<SeatDesignator> {
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
