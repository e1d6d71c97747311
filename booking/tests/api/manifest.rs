//! `GET /admin/flights/{id}/manifest`.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    ids::{FlightId, UserId},
};
use testkit::Client;

fn staff(fixture: &ServiceFixture) -> Client {
    fixture.user(0, UserId::new(), &[Permission::ManifestRead])
}

fn path(flight: FlightId) -> String {
    format!("/api/v1/admin/flights/{flight}/manifest")
}

/// A family with an infant, a hold, a booking that was cancelled, and names that are hard to print.
async fn fly(fixture: &ServiceFixture) -> (FlightId, Value) {
    let flight = fixture.flight(30).await;
    let family = [
        passenger("INF", "Anne", None),
        passenger("ADT", "Ada", Some("10D")),
        passenger("CHD", "-Byron", Some("10E")),
    ];
    let family = paid(booking(flight.id, &family), "tok_visa");
    let family = fixture.customer().post("/api/v1/bookings", &family).await.expect(201);
    let mut alone = passenger("ADT", "José 李", Some("4A"));
    alone["family_name"] = json!("O'Brien");
    let alone = paid(booking(flight.id, &[alone]), "tok_visa");
    fixture.customer().post("/api/v1/bookings", &alone).await.expect(201);
    let hold = booking(flight.id, &[passenger("ADT", "Held", Some("5A"))]);
    fixture.customer().post("/api/v1/bookings", &hold).await.expect(201);
    let client = fixture.customer();
    let gone = paid(booking(flight.id, &[passenger("ADT", "Gone", Some("6A"))]), "tok_visa");
    let gone = client.post("/api/v1/bookings", &gone).await.expect(201);
    client
        .post(&format!("/api/v1/bookings/{}/cancel", gone["id"].as_str().unwrap()), &json!({}))
        .await
        .expect(200);
    (flight.id, family)
}

#[actix_web::test]
async fn confirmed_passengers_are_listed_by_seat() {
    let fixture = ServiceFixture::new().await;
    let (flight, family) = fly(&fixture).await;
    let answer = staff(&fixture).get(&path(flight)).await;
    assert_eq!(
        (answer.header("content-type"), answer.header("cache-control")),
        ("application/json", "private, no-store")
    );
    let manifest = answer.expect(200);
    assert_eq!(manifest["flight"]["flight_number"], "AE101");
    let lines: Vec<_> = manifest["passengers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            let text = |name: &str| one[name].as_str().unwrap_or("-").to_owned();
            [text("seat"), text("type"), text("given_name"), text("adult_seat")].join(" ")
        })
        .collect();
    assert_eq!(lines, ["4A ADT José 李 -", "10D ADT Ada -", "- INF Anne 10D", "10E CHD -Byron -"]);
    let ada = &manifest["passengers"][1];
    assert_eq!((&ada["locator"], &ada["booking_id"]), (&family["locator"], &family["id"]));
    assert_eq!(ada["ticket_number"], family["passengers"][1]["ticket_number"]);
    assert_eq!(ada["infant_id"], manifest["passengers"][2]["passenger_id"]);
    assert_eq!(manifest["counts"], json!({"ADT": 2, "CHD": 1, "INF": 1, "total": 4}));
    assert_eq!(
        manifest["cabins"],
        json!([
            {"cabin": "business", "ADT": 0, "CHD": 0, "INF": 0, "total": 0},
            {"cabin": "economy", "ADT": 2, "CHD": 1, "INF": 1, "total": 4},
        ])
    );
    fixture.stop().await;
}

#[actix_web::test]
async fn it_is_had_as_csv_that_no_spreadsheet_takes_for_formulas() {
    let fixture = ServiceFixture::new().await;
    let (flight, family) = fly(&fixture).await;
    let staff = staff(&fixture);
    let accepting = async |accept: &str| staff.with_header("accept", accept).get(&path(flight)).await;
    let answer = accepting("text/html, text/csv;q=0.9, application/json;q=0.1").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert!(answer.header("content-disposition").starts_with("attachment; filename=\"manifest-AE101-20"));
    assert_eq!(answer.header("vary"), "Accept");
    let text = String::from_utf8(answer.bytes).unwrap();
    let lines: Vec<&str> = text.strip_suffix("\r\n").unwrap().split("\r\n").collect();
    assert_eq!(
        lines[0],
        "seat,cabin,locator,type,family_name,given_name,ticket_number,adult_seat,passenger_id"
    );
    assert_eq!(lines.len(), 5);
    assert!(lines[1].starts_with("4A,economy,") && lines[1].contains(",ADT,O'Brien,José 李,997"), "{text}");
    let (locator, person) = (&family["locator"], &family["passengers"][0]);
    let anne = format!(
        ",economy,{},INF,Lovelace,Anne,{},10D,{}",
        locator.as_str().unwrap(),
        person["ticket_number"].as_str().unwrap(),
        person["id"].as_str().unwrap()
    );
    assert_eq!(lines[3], anne);
    assert!(lines[4].contains(",CHD,Lovelace,'-Byron,"), "{text}");
    for (accept, kind) in [("*/*", "application/json"), ("text/*", "text/csv; charset=utf-8; header=present")]
    {
        assert_eq!(accepting(accept).await.header("content-type"), kind, "{accept}");
    }
    for accept in ["text/html", "text/csv;q=0, text/*;q=0"] {
        accepting(accept).await.expect_problem(406, "not_acceptable");
    }
    fixture.stop().await;
}

#[actix_web::test]
async fn each_reading_is_recorded() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let user = UserId::new();
    let staff = fixture.user(0, user, &[Permission::ManifestRead]).with_header("x-request-id", "reading-1");
    let empty = staff.get(&path(flight.id)).await.expect(200);
    assert_eq!(empty["passengers"], json!([]));
    let record = json!({
        "actor": user, "action": "manifest.read", "subject": format!("flight/{}", flight.id),
        "before": null, "after": null, "request_id": "reading-1",
    });
    let told = format!("events WHERE kind = 'audit.recorded' AND data::jsonb = '{record}'");
    assert_eq!(fixture.count(&told).await, 1);
    // What is refused reads nothing, and is not recorded.
    staff.get(&path(FlightId::new())).await.expect_problem(404, "not_found");
    staff.get(&path(flight.id).replace('-', "x")).await.expect_problem(404, "not_found");
    let wrong = staff.get(&format!("{}?format=csv", path(flight.id))).await;
    assert_eq!(wrong.invalid(), ["format"]);
    staff
        .with_header("accept", "image/png")
        .get(&path(flight.id))
        .await
        .expect_problem(406, "not_acceptable");
    fixture.guest(0).get(&path(flight.id)).await.expect_problem(401, "unauthenticated");
    let agent = fixture.user(0, UserId::new(), &[Permission::BookingReadAny]);
    agent.get(&path(flight.id)).await.expect_problem(403, "forbidden");
    assert_eq!(fixture.count("events WHERE kind = 'audit.recorded'").await, 1);
    fixture.stop().await;
}
