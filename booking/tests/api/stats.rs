//! `GET /admin/stats`.

use crate::fixture::{ServiceFixture, booking, paid, passenger};
use chrono::{Days, Utc};
use futures_util::future::join;
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    ids::UserId,
    money::{Currency, Money},
};
use testkit::Client;

const STATS: &str = "/api/v1/admin/stats";

fn revenue(fixture: &ServiceFixture) -> Client {
    fixture.user(0, UserId::new(), &[Permission::ReportRead])
}

fn minor(money: &Value) -> i64 {
    Money::parse(money["amount"].as_str().unwrap(), Currency::EUR).unwrap().minor
}

#[actix_web::test]
async fn seats_money_holds_and_pace_are_counted() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let cancelled = fixture.flight(30).await;
    fixture.sql(&format!("UPDATE flight_states SET state = jsonb_set(state, '{{status}}', '\"cancelled\"') WHERE flight_id = '{}'", cancelled.id)).await;
    let client = fixture.customer();
    let two =
        [passenger("ADT", "Ada", None), passenger("INF", "Anne", None), passenger("ADT", "Grace", None)];
    let bought =
        client.post("/api/v1/bookings", &paid(booking(flight.id, &two), "tok_visa")).await.expect(201);
    let mut business = paid(booking(flight.id, &[passenger("ADT", "Edith", None)]), "tok_visa");
    business["segments"][0]["cabin"] = json!("business");
    let business = client.post("/api/v1/bookings", &business).await.expect(201);
    let held = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Held", None)]))
        .await
        .expect(201);
    let ended = client
        .post("/api/v1/bookings", &booking(flight.id, &[passenger("ADT", "Ended", None)]))
        .await
        .expect(201);
    let path = format!("/api/v1/bookings/{}/cancel", business["id"].as_str().unwrap());
    let refunded = client.post(&path, &json!({})).await.expect(200)["refunds"][0]["amount"].clone();
    let end = format!("/api/v1/bookings/{}/cancel", ended["id"].as_str().unwrap());
    client.post(&end, &json!({})).await.expect(200);

    let today = Utc::now().date_naive();
    let (from, to) = (today - Days::new(1), today + Days::new(31));
    let stats = revenue(&fixture).get(&format!("{STATS}?from={from}&to={to}")).await.expect(200);
    assert_eq!((&stats["from"], &stats["to"]), (&json!(from), &json!(to)));
    assert_eq!(
        stats["flights"],
        json!({
            "count": 1, "cancelled": 1,
            "seats": {"capacity": 59, "held": 1, "sold": 2, "load_factor": 0.0338},
            "cabins": [
                {"cabin": "economy", "capacity": 53, "held": 1, "sold": 2, "load_factor": 0.0377},
                {"cabin": "business", "capacity": 6, "held": 0, "sold": 0, "load_factor": 0.0},
            ],
        })
    );
    let sum = |part: &str| minor(&bought["price"][part]) + minor(&business["price"][part]);
    let money = &stats["revenue"];
    for part in ["fare", "taxes", "total"] {
        assert_eq!(minor(&money["sales"][part]), sum(part), "{part}");
        // Within a day of the purchase everything is given back.
        assert_eq!(minor(&money["refunds"][part]), minor(&business["price"][part]), "{part}");
        assert_eq!(minor(&money["net"][part]), minor(&bought["price"][part]), "{part}");
    }
    assert_eq!(money["refunds"]["total"], refunded);
    assert_eq!(stats["holds"], json!({"bookings": 1, "seats": 1, "value": held["price"]["total"]}));
    let pace = stats["pace"].as_array().unwrap();
    assert_eq!(pace.len(), 33);
    let total = |name: &str| pace.iter().map(|day| day[name].as_i64().unwrap()).sum::<i64>();
    assert_eq!((total("booked"), total("confirmed")), (4, 2));
    assert_eq!(pace.iter().map(|day| minor(&day["sales"])).sum::<i64>(), sum("total"));

    // Of last year nothing but the holds of now.
    let earlier = revenue(&fixture).get(&format!("{STATS}?to={}", today - Days::new(300))).await.expect(200);
    assert_eq!(earlier["flights"]["seats"]["load_factor"], Value::Null);
    assert_eq!((earlier["pace"].as_array().unwrap().len(), &earlier["holds"]), (30, &stats["holds"]));
    assert_eq!(minor(&earlier["revenue"]["sales"]["total"]), 0);
    fixture.stop().await;
}

#[actix_web::test]
async fn reports_wait_for_nobody_and_keep_nobody_waiting() {
    // All other requests share this connection.
    let fixture = ServiceFixture::with(1, |config| config.service.database_pool_size = 1).await;
    let client = revenue(&fixture);
    let locked = fixture.locked("ledger_entries").await;
    let reports = join(client.get(STATS), client.get(STATS));
    let meanwhile = async {
        locked.waited_for(2).await;
        let third = client.get(STATS).await;
        third.expect_problem(503, "overloaded");
        assert_eq!(third.header("retry-after"), "5");
        fixture.customer().get("/api/v1/bookings").await.expect(200);
        locked.release().await;
    };
    let ((one, other), ()) = join(reports, meanwhile).await;
    assert_eq!(one.expect(200)["pace"], other.expect(200)["pace"]);
    fixture.stop().await;
}

#[actix_web::test]
async fn periods_are_checked_and_only_permitted_staff_get_figures() {
    let fixture = ServiceFixture::new().await;
    let client = revenue(&fixture);
    for (query, parameter) in [
        ("from=2026-02-30", "from"),
        ("to=tomorrow", "to"),
        ("to=2026-1-1", "to"),
        ("from=2026-02-02&to=2026-02-01", "to"),
        ("from=2026-01-01&to=2027-01-02", "to"),
        ("from=1999-01-01", "from"),
        ("to=9999-12-31", "to"),
        ("month=2026-01", "month"),
    ] {
        let answer = client.get(&format!("{STATS}?{query}")).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), [parameter], "{query}");
    }
    let empty = client.get(STATS).await;
    assert_eq!(empty.header("cache-control"), "private, no-store");
    let empty = empty.expect(200);
    assert_eq!(empty["pace"].as_array().unwrap().len(), 30);
    assert_eq!(empty["flights"]["cabins"], json!([]));
    client.get(&format!("{STATS}?from=2026-01-01&to=2026-12-31")).await.expect(200);
    fixture.guest(0).get(STATS).await.expect_problem(401, "unauthenticated");
    let others = [Permission::BookingReadAny, Permission::ManifestRead];
    fixture.user(0, UserId::new(), &others).get(STATS).await.expect_problem(403, "forbidden");
    fixture.stop().await;
}
