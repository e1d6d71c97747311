//! Live seat maps through the gateway.

use crate::system::{RunningSystem, book, booking};
use serde_json::json;
use testkit::Client;

#[actix_web::test]
async fn a_booking_on_another_instance_is_seen_through_the_gateway() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let (second, bus) = system.second_booking().await;
    let path = format!("/api/v1/flights/{}/seat-map/events", flight["id"].as_str().unwrap());
    let mut stream = system.anybody.events(&path, None).await;
    assert_eq!(stream.header("content-type"), "text/event-stream");
    assert_eq!(stream.header("cache-control"), "no-cache");
    assert_eq!(stream.header("x-accel-buffering"), "no");
    let snapshot = stream.next().await.unwrap();
    assert_eq!((snapshot.name.as_str(), snapshot.id.as_str()), ("snapshot", "0"));
    assert_eq!(snapshot.data["counts"]["available"], 180);

    let there = admin.at(&format!("http://{}", second.address));
    let _ = book(&there, &booking(&flight, Some("1A"), None)).await.expect(201);
    let held = stream.next().await.unwrap();
    let seats = json!([{"designator": "1A", "status": "held"}]);
    assert_eq!((held.name.as_str(), &held.data), ("seats", &json!({"version": 1, "seats": seats})));

    // The other instance has heard as much, once it is asked, and goes on from there.
    let elsewhere = Client::new(format!("http://{}", second.address));
    let mut other = elsewhere.events(&path, Some(&held.id)).await;
    assert_eq!(other.next().await.unwrap().name, "snapshot");
    let mut body = booking(&flight, Some("1B"), None);
    body["passengers"][0]["given_name"] = json!("Grace");
    let _ = book(&admin, &body).await.expect(201);
    let told = [stream.next().await.unwrap(), other.next().await.unwrap()];
    let seats = json!([{"designator": "1B", "status": "held"}]);
    for event in told {
        assert_eq!((event.id.as_str(), &event.data["seats"]), ("2", &seats));
    }
    second.stop().await;
    bus.close().await;
    assert_eq!(other.next().await, None);
    system.stop().await;
    assert_eq!(stream.next().await, None);
}
