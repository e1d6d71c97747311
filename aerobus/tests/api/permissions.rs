//! Who may do what, seen from outside.

use crate::system::{RunningSystem, book, booking};
use serde_json::json;

#[actix_web::test]
async fn anothers_booking_is_not_found() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let ada = system.traveller("ada@aerobus.example").await;
    let eve = system.traveller("eve@aerobus.example").await;
    let booked = book(&ada, &booking(&flight, Some("1A"), None)).await.expect(201);
    let path = format!("/api/v1/bookings/{}", booked["id"].as_str().unwrap());

    eve.get(&path).await.expect_problem(404, "not_found");
    let pay = json!({"method": "card", "token": "tok_visa"});
    eve.post(&format!("{path}/payments"), &pay).await.expect_problem(404, "not_found");
    eve.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(404, "not_found");
    assert_eq!(eve.get("/api/v1/bookings").await.expect(200)["data"], json!([]));
    system.anybody.get(&path).await.expect_problem(401, "unauthenticated");

    assert_eq!(ada.get(&path).await.expect(200)["status"], "held", "nothing of it had an effect");
    assert_eq!(admin.get(&path).await.expect(200)["id"], booked["id"], "booking:read_any sees it");
    system.stop().await;
}

#[actix_web::test]
async fn travellers_have_no_part_in_the_administration() {
    let system = RunningSystem::start().await;
    let ada = system.traveller("ada@aerobus.example").await;
    let city = json!({"code": "AAA", "name": "Aachenport", "country": "GB", "time_zone": "Europe/London"});
    ada.post("/api/v1/admin/cities", &city).await.expect_problem(403, "forbidden");
    ada.get("/api/v1/admin/mail").await.expect_problem(403, "forbidden");
    system.anybody.post("/api/v1/admin/cities", &city).await.expect_problem(401, "unauthenticated");
    // The services themselves refuse as well: the gateway is not the only guard.
    for (service, path) in [("flight", "/api/v1/admin/cities"), ("mailer", "/api/v1/admin/mail")] {
        let direct = testkit::Client::new(format!("http://{}", system.services.address(service)));
        let answer =
            if service == "flight" { direct.post(path, &city).await } else { direct.get(path).await };
        answer.expect_problem(401, "unauthenticated");
    }
    system.stop().await;
}

#[actix_web::test]
async fn internal_calls_are_closed_to_everybody_else() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let path = "/internal/flights/0190f2b0-0000-7000-8000-000000000000/close";
    admin.post(path, &json!({})).await.expect_problem(404, "not_found");
    let booking = testkit::Client::new(format!("http://{}", system.services.address("booking")));
    booking.post(path, &json!({})).await.expect_problem(401, "unauthenticated");
    system.stop().await;
}
