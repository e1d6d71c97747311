//! Several commands of one batch after the same seats, and a ledger that was wrong about them.

use super::{At, Command, Outcome, Runner, Scene, Verdict, claim, done, lost, process, purchase};
use crate::{
    domain::{booking::Booking, refusal::Refusal, seat_change::SeatChange},
    invariants,
};

fn moves(booking: &Booking, seat: &str) -> Command {
    let change = SeatChange {
        passenger: booking.passengers[0].id,
        flight: booking.segments[0].flight_id,
        seat: seat.parse().unwrap(),
    };
    Command::ChangeSeats { at: At { booking: booking.id, version: None }, changes: vec![change] }
}

fn cancels(booking: &Booking) -> Command {
    Command::Cancel { at: At { booking: booking.id, version: None }, quote: None, key: None }
}

fn all_done(verdicts: &[Verdict]) {
    for verdict in verdicts {
        done(verdict);
    }
}

/// Whether a booking has a seat of the fourth row, by the table.
async fn has(scene: &Scene, booking: &Booking, letter: i16) -> bool {
    let seat = 4 * 32 + letter;
    scene.count(&format!("seats WHERE seat = {seat} AND booking_id = '{}'", booking.id)).await == 1
}

async fn nothing_is_broken(scene: &Scene) {
    let report = invariants::check(&scene.means.database).await.unwrap();
    assert!(report.broken.is_empty(), "{:?}", report.broken);
}

#[actix::test]
async fn seats_go_from_hand_to_hand_within_a_batch() {
    let scene = Scene::new().await;
    let (one, other, leaver) = (scene.booking(&["4A"]), scene.booking(&["4B"]), scene.booking(&["4F"]));
    let made = [&one, &other, &leaver].map(|booking| claim(booking.clone()));
    all_done(&scene.batch(&made).await);
    let new = scene.booking(&["4F"]);
    let batch = [
        moves(&one, "4C"),
        moves(&one, "4D"),
        // What was left before, in this batch, is free.
        moves(&other, "4A"),
        claim(new.clone()),
        cancels(&leaver),
        // Claims come before changes: nobody has left this one yet.
        claim(scene.booking(&["4B"])),
    ];
    let verdicts = scene.batch(&batch).await;
    all_done(&verdicts[..5]);
    assert_eq!(lost(&verdicts[5]), ["4B"]);
    assert!(has(&scene, &one, 3).await && has(&scene, &other, 0).await && has(&scene, &new, 5).await);
    assert_eq!((scene.count("seats").await, scene.count("travellers").await), (3, 3), "and no others");
    nothing_is_broken(&scene).await;
    scene.stop();
}

#[actix::test]
async fn who_buys_and_moves_in_one_batch_has_a_sold_seat() {
    let scene = Scene::new().await;
    let booking = scene.booking(&["4A"]);
    let (start, confirm, _) = purchase(booking.clone());
    done(&scene.batch(&[start]).await[0]);
    let verdicts = scene.batch(&[moves(&booking, "4B"), confirm, moves(&booking, "4A")]).await;
    all_done(&verdicts);
    assert!(has(&scene, &booking, 0).await);
    assert_eq!((scene.count("seats").await, scene.count("seats WHERE sold").await), (1, 1));
    scene.stop();
}

#[actix::test]
async fn the_key_stops_a_ledger_that_believes_a_taken_seat_free() {
    let scene = Scene::new().await;
    let mut runner = Runner::new(scene.means.clone());
    process(&mut runner, vec![claim(scene.booking(&["4A"]))]).await;
    // Somebody has not raised the version of the flight's seats, by which the ledger would see it.
    let sneak = format!(
        "INSERT INTO seats VALUES ('{}', {}, '{}', false)",
        scene.flight.id,
        4 * 32 + 1,
        scene.booking(&[]).id
    );
    scene.superuser(&sneak).await;
    let answers =
        process(&mut runner, vec![claim(scene.booking(&["4B"])), claim(scene.booking(&["4C"]))]).await;
    let Ok(Outcome::Refused(Refusal::SeatTaken(taken))) = &answers[0] else { panic!("{answers:?}") };
    assert_eq!(taken[0].designator.to_string(), "4B");
    assert!(matches!(&answers[1], Ok(Outcome::Done(_))), "{answers:?}");
    assert_eq!((scene.count("seats").await, scene.count("bookings").await), (3, 2));
    scene.stop();
}
