//! Claims that lose to holds that have ended, and to those that have not.

use super::{Booking, BookingId, Command, LedgerFixture, Verdict, claim, done, lost};
use booking_engine::booking::refusal::Refusal;
use booking_engine::ledger::command::Outcome;

impl LedgerFixture {
    /// A hold whose time is over.
    async fn ended_hold(&self, seats: &[&str]) -> Booking {
        let booking = self.booking(seats);
        self.batch(&[claim(booking.clone())]).await;
        let end = "UPDATE bookings SET hold_expires_at = now() - interval '1 second'";
        self.superuser(&format!("{end} WHERE id = '{}'", booking.id)).await;
        booking
    }
}

fn expired_first(verdict: &Verdict) -> &[BookingId] {
    match verdict {
        Verdict::RetryAfterExpiring(stale) => stale,
        other => panic!("{other:?}"),
    }
}

/// The command as it is retried.
fn with_stale(booking: Booking, stale: &[BookingId]) -> Command {
    let mut command = claim(booking);
    if let Command::Claim(claim) = &mut command {
        claim.stale = stale.to_vec();
    }
    command
}

#[actix::test]
async fn a_loser_to_a_live_hold_is_refused_beside_losers_to_ended_holds() {
    let fixture = LedgerFixture::new().await;
    fixture.batch(&[claim(fixture.booking(&["4A"]))]).await;
    let ended = fixture.ended_hold(&["4B", "4C"]).await;
    let traveller = fixture.ended_hold(&["4D"]).await;
    let makes_way = fixture.booking(&["4B", "4C"]);
    // The same traveller of the same account, on another seat.
    let same = Booking { owner_id: traveller.owner_id, ..fixture.booking(&["5A"]) };
    let verdicts = fixture
        .batch(&[claim(fixture.booking(&["4A"])), claim(makes_way.clone()), claim(same.clone())])
        .await;
    assert_eq!(lost(&verdicts[0]), ["4A"]);
    assert_eq!(expired_first(&verdicts[1]), [ended.id]);
    assert_eq!(expired_first(&verdicts[2]), [traveller.id]);
    let verdicts =
        fixture.batch(&[with_stale(makes_way, &[ended.id]), with_stale(same, &[traveller.id])]).await;
    for verdict in &verdicts {
        done(verdict);
    }
    fixture.stop();
}

#[actix::test]
async fn a_passenger_already_on_the_flight_is_refused_beside_losers_to_ended_holds() {
    let fixture = LedgerFixture::new().await;
    let booked = fixture.booking(&["4A"]);
    fixture.batch(&[claim(booked.clone())]).await;
    let ended = fixture.ended_hold(&["4B"]).await;
    let twice = Booking { owner_id: booked.owner_id, ..fixture.booking(&["5A"]) };
    let verdicts = fixture.batch(&[claim(twice), claim(fixture.booking(&["4B"]))]).await;
    let refused = &verdicts[0];
    assert!(
        matches!(refused, Verdict::Answer(Outcome::Refused(Refusal::PassengerAlreadyBooked))),
        "{refused:?}"
    );
    assert_eq!(expired_first(&verdicts[1]), [ended.id]);
    fixture.stop();
}
