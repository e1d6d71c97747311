//! Seats that no message told of.

use crate::{
    search::{three, wait_for},
    service::Service,
    world::{code, day},
};
use serde_json::{Value, json};
use shared::{
    events::{EventType, SeatsState},
    ids::FlightId,
};

#[actix_web::test]
async fn a_message_that_nobody_can_read_is_made_good() {
    let service = Service::start().await;
    let date = day(30);
    let flight = three(&service, date).await.remove(0);
    let flight_id: FlightId = code(flight["id"].as_str().expect("an id"));
    let state = SeatsState { flight_id, version: 7, held: vec![], sold: vec![code("4A"), code("4B")] };
    *service.booking.seats.lock().expect("the seats") = vec![state];
    service.publish(EventType::SeatsChanged, &flight_id.to_string(), 7, &json!({"held": "?"})).await;
    let path = format!("/api/v1/search?origin=LHR&destination=CDG&date={date}&sort=departure");
    let left = |found: &[Value]| found[0]["slices"][0]["segments"][0]["cabins"][1]["seats_available"].clone();
    wait_for(&service.anybody, &path, |found| left(found) == 134).await;
}
