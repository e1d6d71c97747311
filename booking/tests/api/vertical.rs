//! The main way: a flight comes on sale, its seat map is read, seats are held and paid.

use crate::fixture::{ServiceFixture, booking, paid, passenger, status_of};
use serde_json::json;

#[actix_web::test]
async fn a_flight_is_published_held_paid_and_shown() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let path = format!("/api/v1/flights/{}/seat-map", flight.id);
    let map = fixture.guest(0).get(&path).await.expect(200);
    assert_eq!(map["counts"], json!({"available": 59, "held": 0, "sold": 0, "blocked": 1}));
    assert_eq!(map["version"], 0);

    let customer = fixture.customer();
    let answer =
        customer.post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ada", Some("5A"))])).await;
    let location = answer.header("location").to_owned();
    let held = answer.expect(201);
    assert_eq!((&held["status"], &held["payment_status"]), (&json!("held"), &json!("awaiting")));
    assert_eq!(held["passengers"][0]["seats"], json!([{"flight_id": flight.id, "designator": "5A"}]));
    // 54 economy seats, 53 on sale: the first seat is of class T. 106.00 * 0.48 = 50.88, 24.00 taxes.
    assert_eq!(held["price"]["total"], json!({"amount": "74.88", "currency": "EUR"}));
    assert_eq!(held["passengers"][0]["ticket_number"], json!(null), "it is issued with the payment");
    let actions = json!(["pay", "cancel", "change_seats", "change_contact", "change_names"]);
    assert_eq!(held["available_actions"], actions);
    assert_eq!(customer.get(&location).await.expect(200), held);
    let map = fixture.guest(0).get(&path).await.expect(200);
    assert_eq!((status_of(&map, "5A"), &map["version"]), ("held".to_owned(), &json!(1)));

    let pay = json!({"method": "card", "token": "tok_visa"});
    let confirmed = customer.post(&format!("{location}/payments"), &pay).await.expect(200);
    assert_eq!((&confirmed["status"], &confirmed["payment_status"]), (&json!("confirmed"), &json!("paid")));
    assert_eq!(confirmed["payments"][0]["status"], "captured");
    assert!(confirmed["passengers"][0]["ticket_number"].as_str().unwrap().starts_with("997"));
    assert_eq!(customer.get(&location).await.expect(200), confirmed);
    let map = fixture.guest(0).get(&path).await.expect(200);
    assert_eq!(status_of(&map, "5A"), "sold");

    let body = paid(
        booking(flight.id, &[passenger("ADT", "Grace", None), passenger("CHD", "Joan", None)]),
        "tok_visa",
    );
    let bought = customer.post("/api/v1/bookings", &body).await.expect(201);
    assert_eq!(bought["status"], "confirmed");
    assert_eq!(fixture.count("seats WHERE sold").await, 3);
    assert_eq!(
        fixture
            .count("(SELECT cause FROM ledger_entries GROUP BY cause HAVING sum(amount) = 0) AS even")
            .await,
        2
    );
    fixture.stop().await;
}
