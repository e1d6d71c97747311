//! Corrected names, and those who are no longer in their way.

use super::{At, Command, Outcome, Scene, Verdict, claim, done};
use crate::{
    actors::ledger::places_wanted,
    domain::{booking::Booking, name::Name, name_correction::NameCorrection, refusal::Refusal},
};

/// A booking of one adult for the account of another booking, and the command that gives the adult the
/// name of the other's.
async fn namesakes(scene: &Scene) -> (Booking, Booking, Command) {
    let one = scene.booking(&["4A"]);
    let mut other = Booking { owner_id: one.owner_id, ..scene.booking(&["4B"]) };
    other.passengers[0].given_name = "Adah".parse().unwrap();
    for booking in [&one, &other] {
        done(&scene.batch(&[claim(booking.clone())]).await[0]);
    }
    let at = At { booking: other.id, version: None };
    let correction = NameCorrection {
        passenger: other.passengers[0].id,
        given_name: Some("Ada".parse().unwrap()),
        family_name: None,
    };
    let places = places_wanted(&other, &correction);
    (one, other, Command::CorrectName { at, correction, places })
}

#[actix::test]
async fn a_hold_that_has_ended_is_in_no_names_way() {
    let scene = Scene::new().await;
    let (one, other, correct) = namesakes(&scene).await;
    let verdicts = scene.batch(std::slice::from_ref(&correct)).await;
    let refused = Refusal::PassengerAlreadyBooked;
    assert!(matches!(&verdicts[0], Verdict::Answer(Outcome::Refused(refusal)) if *refusal == refused));
    let id = one.id;
    scene
        .superuser(&format!(
            "UPDATE bookings SET hold_expires_at = now() - interval '1 second' WHERE id = '{id}'"
        ))
        .await;
    let corrected = scene.batch(&[correct]).await;
    assert_eq!(done(&corrected[0]).passengers[0].given_name, "Ada");
    assert_eq!(scene.count(&format!("bookings WHERE id = '{id}' AND status = 3")).await, 1);
    assert_eq!(scene.count("events WHERE kind = 'booking.expired'").await, 1);
    assert_eq!(scene.count(&format!("travellers WHERE booking_id = '{}'", other.id)).await, 1);
    assert_eq!((scene.count("travellers").await, scene.count("seats").await), (1, 1));
    scene.stop();
}

/// A booking of "Zoë" as an earlier release has stored it: by its spelling, the diaeresis apart.
async fn spelt_apart(scene: &Scene, seats: &[&str]) -> Booking {
    let mut booking = scene.booking(seats);
    booking.passengers[0].given_name = Name::stored("Zoe\u{308}".to_owned());
    done(&scene.batch(&[claim(booking.clone())]).await[0]);
    let passenger = &booking.passengers[0];
    let (now, former) = (passenger.fingerprint(), passenger.former_fingerprint().unwrap());
    scene.superuser(&format!("UPDATE travellers SET fingerprint = {former} WHERE fingerprint = {now}")).await;
    booking
}

#[actix::test]
async fn places_that_were_stored_by_their_spelling_are_left() {
    let scene = Scene::new().await;
    let booking = spelt_apart(&scene, &["4A", "4B"]).await;
    let cancel = Command::Cancel { at: At { booking: booking.id, version: None }, quote: None, key: None };
    done(&scene.batch(&[cancel]).await[0]);
    assert_eq!((scene.count("travellers").await, scene.count("seats").await), (0, 0));
    scene.stop();
}

#[actix::test]
async fn places_that_were_stored_by_their_spelling_move_with_it() {
    let scene = Scene::new().await;
    let correct = async |booking: &Booking, given: &str| {
        let correction = NameCorrection {
            passenger: booking.passengers[0].id,
            given_name: Some(given.parse().unwrap()),
            family_name: None,
        };
        let at = At { booking: booking.id, version: None };
        let places = places_wanted(booking, &correction);
        let verdicts = scene.batch(&[Command::CorrectName { at, correction, places }]).await;
        done(&verdicts[0]).passengers[0].given_name.clone()
    };
    let booking = spelt_apart(&scene, &["4A", "4B"]).await;
    let fingerprint = booking.passengers[0].fingerprint();
    let by_name = format!("travellers WHERE fingerprint = {fingerprint}");
    for spelling in ["Zo\u{eb}", "Z\u{200d}oe\u{308}", "ZO\u{cb}"] {
        assert_eq!(correct(&booking, spelling).await, spelling.parse::<Name>().unwrap().as_str());
        assert_eq!((scene.count("travellers").await, scene.count(&by_name).await), (2, 1), "{spelling:?}");
    }
    assert_eq!(correct(&booking, "Zoe").await, "Zoe");
    assert_eq!((scene.count("travellers").await, scene.count(&by_name).await), (2, 0));

    // What another letter is corrected of leaves the place by its spelling, too.
    let other = spelt_apart(&scene, &["5A", "5B"]).await;
    assert_eq!(correct(&other, "Zo").await, "Zo");
    let places = format!("travellers WHERE booking_id = '{}'", other.id);
    assert_eq!(scene.count(&places).await, 2);
    scene.stop();
}

#[actix::test]
async fn who_leaves_within_the_batch_is_in_no_names_way() {
    let scene = Scene::new().await;
    let (one, _, correct) = namesakes(&scene).await;
    let cancel = Command::Cancel { at: At { booking: one.id, version: None }, quote: None, key: None };
    // Also where the correction came first: what is freed in a batch is free for all of it.
    let verdicts = scene.batch(&[correct, cancel]).await;
    verdicts.iter().for_each(|verdict| {
        let _ = done(verdict);
    });
    assert_eq!((scene.count("travellers").await, scene.count("seats").await), (1, 1));
    scene.stop();
}
