//! Disruptions over HTTP: delays, cancellations, changes of equipment, and their dry runs.

use crate::{
    service::Service,
    world::{body, day},
};
use chrono::NaiveDate;
use diesel_async::RunQueryDsl;
use futures_util::future::{join, join_all};
use serde_json::{Value, json};
use shared::{
    auth::Permission,
    events::{EventType, FlightState},
};
use testkit::Client;

const ADMIN: &str = "/api/v1/admin/flights";

fn id(flight: &Value) -> &str {
    flight["id"].as_str().expect("an id")
}

fn path(flight: &Value, act: &str) -> String {
    format!("{ADMIN}/{}/{act}", id(flight))
}

/// AE100 from Heathrow to Paris: 10:00 to 12:15 there, 75 minutes.
async fn morning(service: &Service) -> Value {
    let date = day(30);
    service.make(&body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA")).await
}

/// A flight between Heathrow and Paris of G-AERA on the same day.
async fn further(service: &Service, number: &str, route: [&str; 2], times: [&str; 2]) -> Value {
    let date = day(30);
    let mut body =
        body(number, route[0], &format!("{date}T{}", times[0]), &format!("{date}T{}", times[1]), "G-AERA");
    body["destination"] = json!(route[1]);
    service.make(&body).await
}

fn delay(date: NaiveDate, departure: &str, arrival: &str) -> Value {
    json!({
        "departure_local": format!("{date}T{departure}"), "arrival_local": format!("{date}T{arrival}"),
        "reason": "fog in Paris",
    })
}

fn dry(mut body: Value) -> Value {
    body["dry_run"] = json!(true);
    body
}

async fn shown(service: &Service, flight: &Value) -> Value {
    service.anybody.get(&format!("/api/v1/flights/{}", id(flight))).await.expect(200)
}

/// All rows of the tables that an act could change.
async fn rows(service: &Service) -> Vec<String> {
    #[derive(diesel::QueryableByName)]
    struct Row {
        #[diesel(sql_type = diesel::sql_types::Text)]
        row: String,
    }
    let tables = ["flights", "fares", "airplanes", "availability", "events", "withdrawals"];
    let queries = tables.map(|table| format!("SELECT '{table} ' || t::text AS row FROM {table} t"));
    let query = format!("{} ORDER BY row", queries.join(" UNION ALL "));
    let rows: Vec<Row> = diesel::sql_query(query).load(&mut service.connect().await).await.expect("the rows");
    rows.into_iter().map(|row| row.row).collect()
}

async fn sql(service: &Service, statement: &str) {
    diesel::sql_query(statement).execute(&mut service.connect().await).await.expect("done");
}

/// An airplane of another type: economy of four seats a row, rows 1 to 9. Gives its registration.
async fn small_airplane(operator: &Client) -> &'static str {
    let kind = json!({"code": "E90", "icao": "E190", "name": "Embraer 190"});
    operator.post("/api/v1/admin/aircraft-types", &kind).await.expect(201);
    let layout = json!({
        "name": "Small", "aircraft_type": "E90", "exit_rows": [], "blocked_seats": [],
        "cabins": [{"cabin": "economy", "rows": [1, 9], "columns": "AC|DF"}],
    });
    let layout = operator.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    let airplane = json!({
        "registration": "G-SMAL", "airline": "AE", "aircraft_type": "E90", "seat_layout_id": layout["id"],
    });
    operator.post("/api/v1/admin/airplanes", &airplane).await.expect(201);
    "G-SMAL"
}

#[actix_web::test]
async fn a_flight_is_late_later_still_and_in_time_again() {
    let service = Service::start().await;
    let mut heard = service.listen().await;
    let (made, date) = (morning(&service).await, day(30));
    assert_eq!(heard.recv().await.expect("an event").kind, EventType::FlightPublished);
    let late = service.operator.post(&path(&made, "delay"), &delay(date, "11:30", "13:45")).await;
    assert!(late.header("etag").starts_with("\"2."), "{}", late.header("etag"));
    let late = late.expect(200);
    assert_eq!((&late["status"], &late["version"]), (&json!("delayed"), &json!(2)));
    assert_eq!(late["departure"]["local"], format!("{date}T11:30"));
    assert_eq!(shown(&service, &made).await, late);
    let found = service.search(&format!("origin=LON&destination=PAR&date={date}")).await;
    assert_eq!(found[0]["slices"][0]["segments"][0], late, "search shows it at once");
    let event = heard.recv().await.expect("an event");
    let state: FlightState = event.data().expect("a state");
    assert_eq!((event.kind, state.reason.as_deref()), (EventType::FlightChanged, Some("fog in Paris")));
    assert_eq!(service.booking.acts(), ["follow"], "booking hears of it at once");

    // The same again changes nothing; another reason does.
    let again =
        service.operator.post(&path(&made, "delay"), &delay(date, "11:30", "13:45")).await.expect(200);
    assert_eq!(again, late);
    assert_eq!(service.booking.acts(), Vec::<String>::new());
    let mut other = delay(date, "11:30", "13:45");
    other["reason"] = json!("  snow ");
    service.operator.post(&path(&made, "delay"), &other).await.expect(200);
    let _ = heard.recv().await.expect("an event");

    let later = service.operator.post(&path(&made, "delay"), &delay(date, "23:00", "23:59")).await;
    later.expect_problem(422, "validation_failed");
    let later =
        service.operator.post(&path(&made, "delay"), &delay(date, "12:30", "14:45")).await.expect(200);
    assert_eq!((&later["status"], &later["version"]), (&json!("delayed"), &json!(4)));
    let back = service.operator.post(&path(&made, "delay"), &delay(date, "10:00", "12:15")).await.expect(200);
    assert_eq!((&back["status"], &back["departure"]), (&json!("scheduled"), &made["departure"]));
    let _ = heard.recv().await.expect("an event");
    let state: FlightState = heard.recv().await.expect("an event").data().expect("a state");
    assert_eq!(state.reason, None, "it flies by its plan");
    let records = service.database.audit_records("flight").await;
    let delays = records.iter().filter(|record| record["action"] == "flight.delay").count();
    assert_eq!(delays, 4, "one record for each change");
}

#[actix_web::test]
async fn a_delay_is_not_refused_for_the_next_flights_but_lists_them() {
    let service = Service::start().await;
    let (first, date) = (morning(&service).await, day(30));
    let second = further(&service, "AE101", ["CDG", "LHR"], ["13:00", "13:15"]).await;
    let third = further(&service, "AE102", ["LHR", "CDG"], ["14:00", "16:15"]).await;
    further(&service, "AE103", ["CDG", "LHR"], ["20:00", "20:15"]).await;
    service.booking.set_impact(json!({
        "bookings": 7, "passengers": 9, "paid": {"amount": "810.00", "currency": "EUR"}, "reseated": [],
        "too_small": null,
    }));
    let before = rows(&service).await;
    let asked = dry(delay(date, "11:00", "13:15"));
    let impact = service.operator.post(&path(&first, "delay"), &asked).await;
    assert_eq!(impact.header("cache-control"), "private, no-store");
    let impact = impact.expect(200);
    let late: Vec<_> = impact["knock_on"].as_array().expect("a list").iter().map(id).collect();
    assert_eq!(late, [id(&second), id(&third)], "the long pause takes the rest up");
    assert_eq!(impact["knock_on"][0], second);
    let counts = [&impact["bookings"], &impact["passengers"], &impact["letters"]];
    assert_eq!(counts, [&json!(7), &json!(9), &json!(7)], "each live booking is told of the new times");
    assert_eq!((&impact["refunds"]["amount"], &impact["reseated"]), (&json!("0.00"), &json!([])));
    assert_eq!(impact["flight"]["status"], "delayed");
    assert_eq!(impact["flight"]["departure"]["local"], format!("{date}T11:00"));
    assert_eq!(rows(&service).await, before, "a dry run changes nothing");
    assert_eq!(service.booking.acts(), ["impact"]);
    let in_time = dry(delay(date, "10:01", "12:16"));
    let impact = service.operator.post(&path(&first, "delay"), &in_time).await.expect(200);
    assert_eq!(impact["knock_on"], json!([]), "the turnaround takes it up");
    service.operator.post(&path(&first, "delay"), &delay(date, "11:00", "13:15")).await.expect(200);
    let impact = service.operator.post(&path(&first, "delay"), &asked).await.expect(200);
    assert_eq!(
        (&impact["bookings"], &impact["letters"]),
        (&json!(7), &json!(0)),
        "nobody is told of the same times"
    );
    assert_eq!(shown(&service, &second).await, second, "nothing is done to them");
}

#[actix_web::test]
async fn bad_delays_are_told_and_change_nothing() {
    let service = Service::start().await;
    let (made, date) = (morning(&service).await, day(30));
    let at = path(&made, "delay");
    let before = rows(&service).await;
    for is_dry in [false, true] {
        let post =
            async |body: Value| service.operator.post(&at, &if is_dry { dry(body) } else { body }).await;
        let past = post(delay("2020-01-01".parse().expect("a date"), "11:30", "13:45")).await;
        assert_eq!(past.invalid(), ["/departure_local", "/departure_local"]);
        assert_eq!(post(delay(date, "11:30", "12:15")).await.invalid(), ["/arrival_local"]);
        assert_eq!(post(delay(date, "09:30", "12:15")).await.invalid(), ["/departure_local"]);
        let nothing = post(json!({"delay": 5})).await;
        assert_eq!(nothing.invalid(), ["/departure_local", "/arrival_local", "/reason", "/delay"]);
        for reason in [json!(""), json!("x".repeat(501)), json!("a\nb"), json!(7), Value::Null] {
            let mut body = delay(date, "11:30", "13:45");
            body["reason"] = reason;
            assert_eq!(post(body).await.invalid(), ["/reason"]);
        }
        let mut skipped = delay(date, "11:30", "13:45");
        skipped["departure_local"] = json!("2027-03-28T01:30");
        assert!(post(skipped).await.invalid().contains(&"/departure_local".to_owned()));
    }
    let mut body = delay(date, "11:30", "13:45");
    body["dry_run"] = json!("yes");
    assert_eq!(service.operator.post(&at, &body).await.invalid(), ["/dry_run"]);
    let body = delay(date, "11:30", "13:45");
    let stale = service.operator.with_header("if-match", "\"9\"");
    stale.post(&at, &body).await.expect_problem(412, "precondition_failed");
    stale.post(&at, &dry(body.clone())).await.expect_problem(412, "precondition_failed");
    let nothing = format!("{ADMIN}/0190f2b0-0000-7000-8000-000000000000/delay");
    service.operator.post(&nothing, &body).await.expect_problem(404, "not_found");
    service.operator.post(&format!("{ADMIN}/zebra/delay"), &body).await.expect_problem(404, "not_found");
    service.operator.get(&at).await.expect_problem(405, "method_not_allowed");
    service.anybody.post(&at, &body).await.expect_problem(401, "unauthenticated");
    let planner = service.client(&[Permission::FlightWrite]);
    planner.post(&at, &body).await.expect_problem(403, "forbidden");
    planner.post(&at, &json!({})).await.expect_problem(403, "forbidden");
    assert_eq!(rows(&service).await, before);

    // It has left: by the clock, it is no longer planned.
    sql(&service, "UPDATE flights SET departs_at = now() - interval '5 minutes'").await;
    service.operator.post(&at, &body).await.expect_problem(409, "conflict");
    let cancel = path(&made, "cancel");
    service.operator.post(&cancel, &json!({"reason": "late"})).await.expect_problem(409, "conflict");
    let equipment = json!({"airplane": "G-AERB"});
    service.operator.post(&path(&made, "equipment"), &equipment).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn a_cancelled_flight_is_withdrawn_first_and_told_with_its_reason() {
    let service = Service::start().await;
    let (made, date) = (morning(&service).await, day(30));
    let second = further(&service, "AE101", ["CDG", "LHR"], ["13:00", "13:15"]).await;
    further(&service, "AE102", ["LHR", "CDG"], ["14:00", "16:15"]).await;
    service.booking.set_impact(json!({
        "bookings": 7, "passengers": 9, "paid": {"amount": "810.00", "currency": "EUR"}, "reseated": [],
        "too_small": null,
    }));
    let before = rows(&service).await;
    let at = path(&made, "cancel");
    let reason = json!({"reason": "strike"});
    let impact = service.operator.post(&at, &dry(reason.clone())).await.expect(200);
    assert_eq!((&impact["bookings"], &impact["letters"]), (&json!(7), &json!(7)));
    assert_eq!(impact["refunds"], json!({"amount": "810.00", "currency": "EUR"}));
    assert_eq!(impact["flight"]["status"], "cancelled");
    let lost: Vec<_> = impact["knock_on"].as_array().expect("a list").iter().map(id).collect();
    assert_eq!(lost, [id(&second)], "the airplane stays in London, from where the one after leaves");
    assert_eq!(rows(&service).await, before, "a dry run changes nothing");
    service.booking.asked();

    let mut heard = service.listen().await;
    let gone = service.operator.post(&at, &reason).await.expect(200);
    assert_eq!((&gone["status"], &gone["version"]), (&json!("cancelled"), &json!(2)));
    let event = heard.recv().await.expect("an event");
    let state: FlightState = event.data().expect("a state");
    assert_eq!((event.kind, state.reason.as_deref()), (EventType::FlightCancelled, Some("strike")));
    let asked = service.booking.asked();
    assert_eq!((asked[0].0.as_str(), asked[1].0.as_str(), asked.len()), ("withdraw", "follow", 2));
    assert_eq!(asked[0].1["flight"]["version"], 1, "the version that was on sale");
    assert_eq!(asked[1].1["flight"]["status"], "cancelled");
    assert!(service.search(&format!("origin=LHR&destination=CDG&date={date}")).await.len() == 1);

    for body in [&reason, &dry(reason.clone())] {
        service.operator.post(&at, body).await.expect_problem(409, "already_cancelled");
    }
    let late = delay(date, "11:30", "13:45");
    service.operator.post(&path(&made, "delay"), &late).await.expect_problem(409, "already_cancelled");
    let other = json!({"airplane": "G-AERB"});
    service.operator.post(&path(&made, "equipment"), &other).await.expect_problem(409, "already_cancelled");
    // Its airplane is free for another flight.
    further(&service, "AE105", ["LHR", "CDG"], ["10:00", "12:15"]).await;
}

#[actix_web::test]
async fn nothing_is_done_while_booking_is_away() {
    let service = Service::start().await;
    let made = morning(&service).await;
    let (cancel, equipment) = (json!({"reason": "strike"}), json!({"airplane": "G-AERB"}));
    let acts = [("cancel", &cancel), ("equipment", &equipment)];
    let alone = service.without_booking().await;
    for (act, body) in acts {
        for body in [body.clone(), dry(body.clone())] {
            let refused = alone.post(&path(&made, act), &body).await;
            refused.expect_problem(503, "upstream_unavailable");
            assert_ne!(refused.header("retry-after"), "");
        }
    }
    let late = dry(delay(day(30), "11:30", "13:45"));
    alone.post(&path(&made, "delay"), &late).await.expect_problem(503, "upstream_unavailable");
    // It may have withdrawn the flight before it failed: the next version of the flight, told anew, puts it on sale.
    service.booking.set_withdrawal(None);
    for (act, body) in acts {
        let before = shown(&service, &made).await;
        let refused = service.operator.post(&path(&made, act), body).await;
        refused.expect_problem(503, "upstream_unavailable");
        let asked = service.booking.asked();
        assert_eq!((asked[0].0.as_str(), asked[1].0.as_str(), asked.len()), ("withdraw", "follow", 2));
        let mut renewed = before.clone();
        renewed["version"] = json!(before["version"].as_i64().expect("a number") + 1);
        assert_eq!(shown(&service, &made).await, renewed);
        assert_eq!(asked[1].1["flight"]["version"], renewed["version"]);
    }
    let before = rows(&service).await;
    service.booking.set_withdrawal(Some(json!({"outcome": "stale"})));
    service.operator.post(&path(&made, "cancel"), &cancel).await.expect_problem(409, "conflict");
    assert_eq!(service.booking.acts(), ["withdraw"]);
    assert_eq!(rows(&service).await, before);
    // A delay needs nobody's consent.
    let late = delay(day(30), "11:30", "13:45");
    assert_eq!(alone.post(&path(&made, "delay"), &late).await.expect(200)["status"], "delayed");
}

#[actix_web::test]
async fn a_dry_run_tells_what_the_other_airplane_cannot_reach() {
    let service = Service::start().await;
    let (made, date) = (morning(&service).await, day(30));
    let mut of_other = Vec::new();
    for (number, departure, arrival) in [("AE5", "06:00", "08:15"), ("AE7", "18:00", "20:15")] {
        let times = [departure, arrival].map(|time| format!("{date}T{time}"));
        of_other.push(service.make(&body(number, "LGW", &times[0], &times[1], "G-AERB")).await);
    }
    let change = dry(json!({"airplane": "G-AERB"}));
    let impact = service.operator.post(&path(&made, "equipment"), &change).await.expect(200);
    let listed: Vec<_> = impact["knock_on"].as_array().expect("a list").iter().map(id).collect();
    assert_eq!(listed, [id(&made), id(&of_other[1])], "it is in Paris before, and in Paris again after");
}

#[actix_web::test]
async fn another_airplane_flies_with_its_seats() {
    let service = Service::start().await;
    let (made, small) = (morning(&service).await, small_airplane(&service.operator).await);
    let second = further(&service, "AE101", ["CDG", "LHR"], ["13:00", "13:15"]).await;
    let at = path(&made, "equipment");
    let booking_id = "0190f2b0-0000-7000-8000-000000000000";
    let moves = json!([
        {"booking_id": booking_id, "from": "26B", "to": "9A"},
        {"booking_id": booking_id, "from": "26C", "to": "9C"},
    ]);
    service.booking.set_impact(json!({
        "bookings": 7, "passengers": 9, "paid": {"amount": "810.00", "currency": "EUR"}, "reseated": moves,
        "too_small": null,
    }));
    let before = rows(&service).await;
    let change = json!({"airplane": small});
    let impact = service.operator.post(&at, &dry(change.clone())).await.expect(200);
    assert_eq!((&impact["reseated"], &impact["letters"]), (&moves, &json!(1)));
    assert_eq!((&impact["bookings"], &impact["refunds"]["amount"]), (&json!(7), &json!("0.00")));
    assert_eq!(impact["flight"]["aircraft_type"]["code"], "E90");
    assert_eq!(impact["knock_on"][0]["id"], second["id"], "the other airplane stays where it is");
    assert_eq!(rows(&service).await, before, "a dry run changes nothing");
    assert_eq!(service.booking.asked()[0].1["seat_plan"]["cabins"][0]["columns"], "AC|DF");

    let mut heard = service.listen().await;
    let changed = service.operator.post(&at, &change).await.expect(200);
    assert_eq!((&changed["airplane"], &changed["version"]), (&json!(small), &json!(2)));
    assert_eq!(changed["cabins"], json!([{"cabin": "economy", "seats_total": 36, "seats_available": 36}]));
    let event = heard.recv().await.expect("an event");
    let state: FlightState = event.data().expect("a state");
    assert_eq!((event.kind, state.seat_plan.seats().count()), (EventType::FlightChanged, 36));
    let asked = service.booking.asked();
    assert_eq!((asked[0].0.as_str(), asked[1].0.as_str(), asked.len()), ("withdraw", "follow", 2));
    assert_eq!(asked[0].1["seat_plan"], json!(state.seat_plan));
    assert_eq!(asked[0].1["flight"]["version"], 1);
    assert_eq!(shown(&service, &made).await, changed);
    // The same again changes nothing.
    assert_eq!(service.operator.post(&at, &change).await.expect(200), changed);
    assert_eq!(service.booking.acts(), Vec::<String>::new());
    let impact = service.operator.post(&at, &dry(change)).await.expect(200);
    assert_eq!(impact["flight"], changed);
    let records = service.database.audit_records("flight").await;
    let equipment = records.iter().filter(|record| record["action"] == "flight.equipment").count();
    assert_eq!(equipment, 1);
}

#[actix_web::test]
async fn an_airplane_that_cannot_fly_is_refused() {
    let service = Service::start().await;
    let (made, small) = (morning(&service).await, small_airplane(&service.operator).await);
    let date = day(30);
    let other = body("AE200", "LGW", &format!("{date}T11:00"), &format!("{date}T13:15"), "G-AERB");
    let other = service.make(&other).await;
    let at = path(&made, "equipment");
    let before = rows(&service).await;
    for is_dry in [false, true] {
        let post =
            async |body: Value| service.operator.post(&at, &if is_dry { dry(body) } else { body }).await;
        let busy = post(json!({"airplane": "G-AERB"})).await;
        busy.expect_problem(409, "conflict");
        assert_eq!(busy.json["refers"], json!([format!("flights/{}", id(&other))]));
        assert_eq!(post(json!({"airplane": "G-NONE"})).await.invalid(), ["/airplane"]);
        assert_eq!(post(json!({"airplane": 7})).await.invalid(), ["/airplane"]);
        assert_eq!(post(json!({})).await.invalid(), ["/airplane"]);
        service.booking.set_withdrawal(Some(json!({"outcome": "too_small", "cabin": "economy"})));
        service.booking.set_impact(json!({
            "bookings": 7, "passengers": 9, "paid": {"amount": "810.00", "currency": "EUR"}, "reseated": [],
            "too_small": "economy",
        }));
        let full = post(json!({"airplane": small})).await;
        full.expect_problem(409, "conflict");
        assert!(full.json["detail"].as_str().is_some_and(|text| text.contains("economy")), "{}", full.json);
    }
    let business = json!({"fares": [
        {"cabin": "business", "brand": "flex", "base_price": {"amount": "400.00", "currency": "EUR"}},
    ]});
    let planner = service.client(&[Permission::FlightWrite]);
    planner.post(&at, &json!({"airplane": small})).await.expect_problem(403, "forbidden");
    let stale = service.operator.with_header("if-match", "\"9\"");
    stale.post(&at, &json!({"airplane": small})).await.expect_problem(412, "precondition_failed");
    assert_eq!(rows(&service).await, before);
    service.operator.patch(&format!("{ADMIN}/{}", id(&made)), &business).await.expect(200);
    service.operator.post(&at, &json!({"airplane": small})).await.expect_problem(409, "conflict");
}

#[actix_web::test]
async fn of_two_acts_at_once_one_comes_first() {
    let service = Service::start().await;
    let (made, date) = (morning(&service).await, day(30));
    let late = delay(date, "11:30", "13:45");
    let at = path(&made, "delay");
    let delays = join_all((0..4).map(|_| service.operator.post(&at, &late))).await;
    for answer in delays {
        assert_eq!(answer.expect(200)["version"], 2, "the same act has one effect");
    }
    let (cancel, reason) = (path(&made, "cancel"), json!({"reason": "strike"}));
    let later = delay(date, "12:30", "14:45");
    let cancelling = join_all((0..3).map(|_| service.operator.post(&cancel, &reason)));
    let (cancelled, delayed) = join(cancelling, service.operator.post(&at, &later)).await;
    let done = cancelled.iter().filter(|answer| answer.status.as_u16() == 200).count();
    assert_eq!(done, 1);
    for answer in cancelled.iter().filter(|answer| answer.status.as_u16() != 200) {
        answer.expect_problem(409, "already_cancelled");
    }
    let version = match delayed.status.as_u16() {
        200 => 4,
        _ => {
            delayed.expect_problem(409, "already_cancelled");
            3
        }
    };
    let shown = shown(&service, &made).await;
    assert_eq!((&shown["status"], &shown["version"]), (&json!("cancelled"), &json!(version)));
}
