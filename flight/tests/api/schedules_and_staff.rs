//! Schedules beside what staff do to single flights and to the schedules themselves.

use crate::{
    schedules::{
        ADMIN, conflict, conflicts, counts, departures, flight_on, generate, keep_still, path, season, with,
    },
    service::Service,
    world::day,
};
use chrono::{Datelike, Days};
use serde_json::{Value, json};
use shared::events::FlightState;

#[actix_web::test]
async fn a_change_of_a_schedule_brings_no_flight_back_that_staff_have_deleted_or_moved() {
    let service = Service::start().await;
    let still = keep_still(&service).await;
    let (deleted, moved, kept) = (day(10), day(17), day(24));
    // Once a week: the flight of the second week is moved to the day after.
    let weekly = json!({"days_of_operation": [deleted.weekday().number_from_monday()]});
    let made = service.operator.post(ADMIN, &with(season(deleted, kept), weekly)).await.expect(201);
    generate(&service, &made, "").await;
    let admin = |flight: &Value| format!("/api/v1/admin/flights/{}", flight["id"].as_str().expect("an id"));
    let first = flight_on(&service, deleted).await;
    service.operator.delete(&admin(&first)).await.expect(204);
    let second = flight_on(&service, moved).await;
    let next_day = moved + Days::new(1);
    let times =
        json!({"departure_local": format!("{next_day}T10:00"), "arrival_local": format!("{next_day}T12:15")});
    service.operator.patch(&admin(&second), &times).await.expect(200);

    let price = json!({"amount": "90.00", "currency": "EUR"});
    let fares = json!({"fares": [{"cabin": "economy", "brand": "light", "base_price": price}]});
    service.operator.patch(&path(&made), &fares).await.expect(200);
    let last = flight_on(&service, kept).await;
    let mut heard = service.listen().await;
    drop(still);
    // The keeper of another instance has a turn at its start.
    service.another().await;
    loop {
        let state: FlightState = heard.recv().await.expect("an event").data().expect("a flight");
        if json!(state.id) == last["id"] {
            break;
        }
    }
    let expected = [next_day, kept].map(|date| format!("{date}T10:00"));
    assert_eq!(departures(&service).await, expected);
    let still = keep_still(&service).await;
    let shown = service.operator.get(&path(&made)).await.expect(200);
    let by_hand = [conflict(deleted, "changed_by_hand", 0), conflict(moved, "changed_by_hand", 1)];
    assert_eq!(conflicts(&shown), by_hand);
    let refers = format!("flights/{}", second["id"].as_str().expect("an id"));
    assert_eq!(shown["conflicts"][1]["refers"], json!([refers]));

    // Who asks for the whole season gets the deleted flight again, and the moved one no second time.
    for query in ["?dry_run=true", ""] {
        let run = generate(&service, &made, query).await;
        assert_eq!((counts(&run), conflicts(&run)), ([1, 0, 0, 1], by_hand[1..].to_vec()), "{query}");
    }
    drop(still);
}

#[actix_web::test]
async fn a_generation_keeps_to_the_version_that_was_read() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let made = service.operator.post(ADMIN, &season(day(10), day(11))).await;
    let tag = made.header("etag").to_owned();
    let made = made.expect(201);
    service.operator.patch(&path(&made), &json!({"effective_to": day(12)})).await.expect(200);
    let careful = service.operator.with_header("if-match", &tag);
    for query in ["", "?dry_run=true"] {
        let refused = careful.post(&format!("{}/generate{query}", path(&made)), &json!({})).await;
        refused.expect_problem(412, "precondition_failed");
    }
    assert_eq!(departures(&service).await, Vec::<String>::new());
}

#[actix_web::test]
async fn a_patch_that_changes_nothing_changes_no_version() {
    let service = Service::start().await;
    let _still = keep_still(&service).await;
    let made = service.operator.post(ADMIN, &season(day(10), day(11))).await.expect(201);
    generate(&service, &made, "").await;
    let before = service.operator.get(&path(&made)).await.expect(200);
    for nothing in [json!({}), json!({"departure_time": "10:00"})] {
        assert_eq!(service.operator.patch(&path(&made), &nothing).await.expect(200), before);
    }
    assert_eq!(before["generated_until"], json!(day(11)), "it is not generated anew");
    let flight = flight_on(&service, day(10)).await;
    let admin = format!("/api/v1/admin/flights/{}", flight["id"].as_str().expect("an id"));
    assert_eq!(service.operator.patch(&admin, &json!({})).await.expect(200), flight);
}

#[actix_web::test]
async fn what_was_deleted_outside_of_the_season_is_made_again_when_the_season_has_it_again() {
    let service = Service::start().await;
    let still = keep_still(&service).await;
    let (first, last) = (day(10), day(11));
    let made = service.operator.post(ADMIN, &season(first, last)).await.expect(201);
    generate(&service, &made, "").await;
    service.operator.patch(&path(&made), &json!({"effective_to": first})).await.expect(200);
    let outside = flight_on(&service, last).await;
    let admin = format!("/api/v1/admin/flights/{}", outside["id"].as_str().expect("an id"));
    service.operator.delete(&admin).await.expect(204);
    service.operator.patch(&path(&made), &json!({"effective_to": last})).await.expect(200);
    let mut heard = service.listen().await;
    drop(still);
    // The keeper of another instance has a turn at its start.
    let _another = service.another().await;
    let expected = [first, last].map(|date| format!("{date}T10:00"));
    loop {
        heard.recv().await.expect("an event");
        if departures(&service).await == expected {
            break;
        }
    }
}
