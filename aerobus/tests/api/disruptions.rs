//! Disruptions through all services: the staff act, the bookings follow, the books balance.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use serde_json::{Value, json};
use testkit::Client;

async fn check(admin: &Client) {
    let report = admin.post("/api/v1/admin/invariants/check", &json!({})).await.expect(200);
    assert_eq!(report["violations"], json!([]));
}

/// An airplane of the same type with fewer rows.
async fn short_airplane(admin: &Client, rows: u8) {
    let layout = json!({"name": "Short", "aircraft_type": "320", "exit_rows": [], "blocked_seats": [],
        "cabins": [{"cabin": "economy", "rows": [1, rows], "columns": "ABC|DEF"}]});
    let layout = admin.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    let airplane = json!({"registration": "G-SHRT", "airline": "XA", "aircraft_type": "320",
        "seat_layout_id": layout["id"]});
    let _ = admin.post("/api/v1/admin/airplanes", &airplane).await.expect(201);
}

/// Asks again and again as staff, whom no rate limit stops.
async fn until(what: &str, client: &Client, path: &str, holds: impl Fn(&Value) -> bool) -> Value {
    let shown = async {
        loop {
            let shown = client.get(path).await.expect(200);
            if holds(&shown) {
                return shown;
            }
        }
    };
    tokio::time::timeout(PATIENCE, shown).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

#[actix_web::test]
async fn bookings_follow_another_airplane_a_delay_and_a_cancellation() {
    let system = RunningSystem::with(None, false).await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    short_airplane(&admin, 20).await;
    let id = flight["id"].as_str().unwrap();
    let act = |act: &str| format!("/api/v1/admin/flights/{id}/{act}");
    let ada = system.traveller("ada@aerobus.example").await;
    let paid = book(&ada, &booking(&flight, Some("30A"), Some("tok_visa"))).await.expect(201);
    let grace = system.traveller("grace@aerobus.example").await;
    let mut body = booking(&flight, Some("1A"), None);
    body["contact"]["email"] = json!("grace@aerobus.example");
    let held = book(&grace, &body).await.expect(201);
    let [paid_path, held_path] =
        [&paid, &held].map(|one| format!("/api/v1/bookings/{}", one["id"].as_str().unwrap()));

    let change = json!({"airplane": "G-SHRT", "dry_run": true});
    let impact = admin.post(&act("equipment"), &change).await.expect(200);
    let moved = json!([{"booking_id": paid["id"], "from": "30A", "to": "20A"}]);
    assert_eq!((&impact["reseated"], &impact["bookings"]), (&moved, &json!(2)));
    let changed = admin.post(&act("equipment"), &json!({"airplane": "G-SHRT"})).await.expect(200);
    assert_eq!((&changed["airplane"], &changed["cabins"][0]["seats_total"]), (&json!("G-SHRT"), &json!(120)));
    let shown = ada.get(&paid_path).await.expect(200);
    assert_eq!(shown["passengers"][0]["seats"][0]["designator"], "20A", "it has followed before the answer");
    let shown = grace.get(&held_path).await.expect(200);
    assert_eq!(shown["passengers"][0]["seats"], held["passengers"][0]["seats"]);
    check(&admin).await;

    let date = &flight["departure"]["local"].as_str().unwrap()[..10];
    let late = json!({"departure_local": format!("{date}T12:00"), "arrival_local": format!("{date}T15:00"),
        "reason": "fog"});
    admin.post(&act("delay"), &late).await.expect(200);
    let at = format!("{date}T12:00");
    until("the new time", &admin, &paid_path, |shown| shown["segments"][0]["departure"]["local"] == at).await;

    let reason = json!({"reason": "strike", "dry_run": true});
    let impact = admin.post(&act("cancel"), &reason).await.expect(200);
    assert_eq!((&impact["refunds"], &impact["letters"]), (&paid["price"]["total"], &json!(2)));
    let _ = admin.post(&act("cancel"), &json!({"reason": "strike"})).await.expect(200);
    let late = book(&ada, &booking(&flight, None, None)).await;
    late.expect_problem(409, "flight_not_bookable");
    let is_over = |shown: &Value| shown["status"] == "cancelled";
    let shown = until("the refund", &admin, &paid_path, is_over).await;
    assert_eq!(
        (&shown["payment_status"], &shown["refunds"][0]["amount"]),
        (&json!("refunded"), &paid["price"]["total"])
    );
    until("the end of the hold", &admin, &held_path, is_over).await;
    check(&admin).await;
    system.stop().await;
}
