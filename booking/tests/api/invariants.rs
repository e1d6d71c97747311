//! The invariants: none is broken by what travellers do, and each is found when it is broken behind the
//! service's back.

use crate::fixture::{ServiceFixture, booking, eventually, paid, passenger};
use booking::{config::Config, invariants};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use shared::{auth::Permission, events::FlightState, ids::UserId};
use std::collections::BTreeSet;

const CHECK: &str = "/api/v1/admin/invariants/check";

fn id(booking: &Value) -> &str {
    booking["id"].as_str().unwrap()
}

/// Bookings of every kind: held, confirmed (one of a family), declined, processing, cancelled by their
/// travellers before and after the payment, refunded in full and in part, ended. Who keeps seats has named
/// them, so that those of the breaks are free.
async fn mixed_workload(fixture: &ServiceFixture) -> FlightState {
    let flight = fixture.flight(30).await;
    let book = async |body: &Value, key: &str| {
        fixture.customer().with_header("idempotency-key", key).post("/api/v1/bookings", body).await
    };
    let one = |name: &str, seat: Option<&str>| booking(flight.id, &[passenger("ADT", name, seat)]);
    let family = [
        passenger("ADT", "Ada", Some("4A")),
        passenger("CHD", "Byron", Some("4B")),
        passenger("INF", "Anne", None),
        passenger("ADT", "William", Some("8A")),
    ];
    // William, the second adult, has no infant, so he may sit at the exit.
    book(&paid(booking(flight.id, &family), "tok_visa"), "family").await.expect(201);
    book(&one("Held", Some("5A")), "held").await.expect(201);
    book(&paid(one("Declined", Some("6B")), "tok_declined"), "declined")
        .await
        .expect_problem(402, "payment_declined");
    // The second instance does not wait for long.
    let silent = paid(one("Silent", Some("7B")), "tok_timeout");
    let silent = fixture
        .user(1, UserId::new(), &[])
        .with_header("idempotency-key", "silent")
        .post("/api/v1/bookings", &silent)
        .await;
    silent.expect_problem(504, "upstream_timeout");

    let client = fixture.customer();
    let cancel = async |made: &Value| {
        client.post(&format!("/api/v1/bookings/{}/cancel", id(made)), &json!({})).await.expect(200)
    };
    let cancelled = client.post("/api/v1/bookings", &one("Cancelled Hold", None)).await.expect(201);
    cancel(&cancelled).await;
    for name in ["Refunded", "Partly"] {
        let bought = client.post("/api/v1/bookings", &paid(one(name, None), "tok_visa")).await.expect(201);
        if name == "Partly" {
            let earlier = format!(
                "UPDATE bookings SET confirmed_at = now() - interval '2 days' WHERE id = '{}'",
                id(&bought)
            );
            fixture.sql(&earlier).await;
        }
        let status = cancel(&bought).await["payment_status"].clone();
        assert_eq!(status, if name == "Partly" { "partly_refunded" } else { "refunded" });
    }
    let ending = client.post("/api/v1/bookings", &one("Ended", None)).await.expect(201);
    fixture.sql(&format!("UPDATE bookings SET hold_expires_at = now() WHERE id = '{}'", id(&ending))).await;
    eventually("the end of the hold", async || fixture.count("bookings WHERE status = 3").await == 1).await;
    let settled = async || {
        let unsettled = "unsettled_payments u JOIN payments p ON p.id = u.payment_id WHERE p.state = 1";
        fixture.count("refunds WHERE NOT settled").await + fixture.count(unsettled).await == 0
    };
    eventually("captures and refunds", settled).await;
    flight
}

async fn fixture() -> ServiceFixture {
    let quick = |config: &mut Config| {
        config.payment_idle_ms = 3_600_000;
        config.payment_sweep_ms = 20;
        config.reap_ms = 20;
    };
    let mut fixture = ServiceFixture::with(1, quick).await;
    let impatient = |config: &mut Config| {
        quick(config);
        config.payment_timeout_ms = 100;
    };
    fixture.start(impatient).await;
    fixture
}

#[actix_web::test]
async fn nothing_is_broken_by_what_travellers_do() {
    let fixture = fixture().await;
    mixed_workload(&fixture).await;
    let staff = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    let report = staff.post(CHECK, &json!({})).await.expect(200);
    assert_eq!(report["violations"], json!([]));
    assert_eq!(report["broken"], json!([]));
    assert_eq!(report["invariants"], invariants::names().count());

    fixture.sql("UPDATE seats SET sold = NOT sold").await;
    let report = staff.post(CHECK, &Value::Null).await;
    assert_eq!(report.json["errors"][0]["pointer"], "", "a body is an object");
    let report = staff.send(awc::http::Method::POST, CHECK, "", None).await.expect(200);
    let seats = fixture.count("seats").await;
    let broken = report["broken"].as_array().unwrap();
    let flipped = broken.iter().find(|one| one["invariant"] == "seats_tell_held_from_sold").unwrap();
    assert_eq!(flipped["violations"], seats);
    let violation = &report["violations"][0];
    assert_eq!(violation["invariant"], "seats_tell_held_from_sold");
    assert!(violation["subject"].as_str().unwrap().starts_with("flight "), "{violation}");
    fixture.stop().await;
}

#[actix_web::test]
async fn a_check_needs_its_permission_and_takes_nothing() {
    let fixture = ServiceFixture::new().await;
    fixture.guest(0).post(CHECK, &json!({})).await.expect_problem(401, "unauthenticated");
    let others = [Permission::BookingReadAny, Permission::ReportRead];
    fixture.user(0, UserId::new(), &others).post(CHECK, &json!({})).await.expect_problem(403, "forbidden");
    let staff = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    let wrong = staff.post(CHECK, &json!({"x": 1})).await;
    wrong.expect_problem(422, "validation_failed");
    assert_eq!(wrong.invalid(), ["/x"]);
    let wrong = staff.post(&format!("{CHECK}?dry_run=1"), &json!({})).await;
    assert_eq!(wrong.invalid(), ["dry_run"]);
    let get = staff.get(CHECK).await;
    get.expect_problem(405, "method_not_allowed");
    assert_eq!(get.header("allow"), "POST");
    fixture.stop().await;
}

#[actix_web::test]
async fn the_listed_violations_of_an_invariant_are_bounded() {
    let fixture = ServiceFixture::new().await;
    let rows = "INSERT INTO idempotency_keys SELECT sha256(n::text::bytea), '', gen_random_uuid(), 201, '{}', now() FROM generate_series(1, 150) n";
    fixture.sql(rows).await;
    let staff = fixture.user(0, UserId::new(), &[Permission::SystemCheck]);
    let report = staff.post(CHECK, &json!({})).await.expect(200);
    assert_eq!(report["violations"].as_array().unwrap().len(), 100);
    assert_eq!(report["broken"], json!([{"invariant": "keys_name_a_booking", "violations": 150}]));
    fixture.stop().await;
}

/// How to break each invariant, some in several ways, and which others cannot help being broken with it.
const BREAKS: &[(&str, &str, &[&str])] = &[
    (
        "seats_belong_to_live_bookings",
        "INSERT INTO seats SELECT flight_id, 11 * 32, gen_random_uuid(), false FROM seats LIMIT 1",
        &["seats_are_as_they_were_told"],
    ),
    (
        "seats_belong_to_live_bookings",
        "UPDATE seats SET seat = 11 * 32 WHERE seat = 5 * 32",
        &["live_bookings_have_their_seats"],
    ),
    (
        "live_bookings_have_their_seats",
        "DELETE FROM seats WHERE seat = 4 * 32",
        &["seats_are_as_they_were_told"],
    ),
    (
        "seats_tell_held_from_sold",
        "UPDATE seats SET sold = true WHERE seat = 5 * 32",
        &["seats_are_as_they_were_told"],
    ),
    (
        "no_seat_is_given_twice",
        "UPDATE passengers SET seats = '{128}' WHERE given_name = 'Held'",
        &["seats_belong_to_live_bookings", "live_bookings_have_their_seats"],
    ),
    (
        "infants_have_no_seat",
        "UPDATE passengers SET seats = '{355}' WHERE kind = 2",
        &["live_bookings_have_their_seats"],
    ),
    (
        "passengers_have_a_seat_on_each_flight",
        "UPDATE passengers SET seats = '{NULL}' WHERE given_name = 'Held'",
        &["seats_belong_to_live_bookings"],
    ),
    (
        "seats_are_seats_of_the_booked_cabin",
        "UPDATE segments SET cabin = 2 WHERE booking_id = (SELECT booking_id FROM passengers WHERE given_name = 'Held')",
        &[],
    ),
    (
        "exit_rows_are_kept_free_of_children",
        "UPDATE flight_states SET state = jsonb_set(state, '{seat_plan,exit_rows}', '[4]')",
        &[],
    ),
    (
        "cabins_are_not_oversold",
        "UPDATE flight_states SET state = jsonb_set(state, '{seat_plan,cabins}', '[{\"cabin\": \"economy\", \"rows\": [4, 4], \"columns\": \"AB\"}]')",
        &["seats_are_seats_of_the_booked_cabin"],
    ),
    ("travellers_are_the_passengers_of_live_bookings", "UPDATE travellers SET seated = NOT seated", &[]),
    (
        "travellers_are_the_passengers_of_live_bookings",
        "UPDATE travellers SET owner_id = gen_random_uuid()",
        &[],
    ),
    (
        "travellers_are_known_by_their_names",
        "UPDATE passengers SET given_name = 'Augusta' WHERE given_name = 'Ada'",
        &[],
    ),
    ("bookings_are_whole", "UPDATE passengers SET position = 7 WHERE given_name = 'Cancelled Hold'", &[]),
    (
        "bookings_are_whole",
        "INSERT INTO segments SELECT gen_random_uuid(), 0, flight_id, cabin, brand, fare, taxes, 0 FROM segments LIMIT 1",
        &[],
    ),
    ("locators_are_unique_and_well_formed", "UPDATE bookings SET locator = 'ABC1O0' WHERE status = 3", &[]),
    (
        "statuses_go_together",
        "UPDATE bookings SET version = 0 WHERE status = 3",
        &["events_are_not_ahead_of_bookings", "states_were_told"],
    ),
    ("who_has_paid_has_a_ticket", "UPDATE passengers SET ticket_number = NULL WHERE given_name = 'Ada'", &[]),
    (
        "ticket_numbers_are_unique_and_well_formed",
        "UPDATE passengers SET ticket_number = 9970000000017 WHERE given_name = 'Ada'",
        &[],
    ),
    (
        "holds_have_an_end",
        "UPDATE bookings SET hold_expires_at = 'infinity' WHERE status = 0 AND payment_status = 0",
        &[],
    ),
    (
        "holds_are_ended_in_time",
        "UPDATE bookings SET hold_expires_at = now() - interval '2 minutes' WHERE status = 0 AND payment_status = 0",
        &[],
    ),
    (
        "bookings_are_paid_once_and_in_full",
        "UPDATE segments SET fare = fare + 1, taxes = taxes - 1; UPDATE payments SET amount = amount + 1 WHERE state = 3",
        &["amounts_agree_with_the_provider", "income_is_split_as_priced"],
    ),
    (
        "bookings_are_paid_once_and_in_full",
        "UPDATE payments SET booking_id = gen_random_uuid() WHERE state = 3",
        &[],
    ),
    (
        "payments_under_way_are_processing",
        "UPDATE bookings SET payment_status = 0 WHERE payment_status = 1",
        &["states_were_told"],
    ),
    (
        "refunds_go_with_the_payment_status",
        "UPDATE bookings SET payment_status = 4 WHERE payment_status = 3",
        &[],
    ),
    (
        "refunds_are_of_money_that_was_taken",
        "UPDATE refunds SET payment_id = (SELECT id FROM payments WHERE state = 3)",
        &["refunds_agree_with_the_provider"],
    ),
    ("unsettled_payments_are_queued", "DELETE FROM unsettled_payments", &[]),
    (
        "unsettled_payments_are_queued",
        "INSERT INTO unsettled_payments SELECT id, now() FROM payments WHERE state = 3",
        &[],
    ),
    (
        "unsettled_payments_are_queued",
        "INSERT INTO unsettled_payments VALUES (gen_random_uuid(), now())",
        &[],
    ),
    (
        "refunds_are_of_money_that_was_taken",
        "INSERT INTO unsettled_payments SELECT payment_id, now() FROM refunds",
        &[],
    ),
    (
        "money_is_settled_in_time",
        "INSERT INTO unsettled_payments SELECT id, now() FROM payments p WHERE state = 1 AND NOT EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.id); UPDATE payments SET created_at = now() - interval '25 hours'",
        &[],
    ),
    (
        "money_is_settled_in_time",
        "UPDATE bookings SET hold_expires_at = now() - interval '2 hours' WHERE payment_status = 1",
        &[],
    ),
    (
        "entries_of_a_cause_add_up_to_zero",
        "INSERT INTO ledger_entries SELECT cause, 3, booking_id, 1, created_at FROM ledger_entries WHERE account = 0 LIMIT 1",
        &[],
    ),
    (
        "payments_and_refunds_are_booked",
        "DELETE FROM ledger_entries WHERE cause = (SELECT id FROM refunds ORDER BY amount LIMIT 1)",
        &["clearing_is_money_in_less_refunds"],
    ),
    (
        "income_is_split_as_priced",
        "UPDATE ledger_entries SET amount = amount + CASE account WHEN 1 THEN 1 ELSE -1 END WHERE account <> 0 AND cause = (SELECT p.id FROM payments p JOIN bookings b ON b.id = p.booking_id WHERE b.status = 1)",
        &[],
    ),
    (
        "no_account_is_overdrawn",
        "UPDATE ledger_entries SET amount = amount + CASE account WHEN 1 THEN 1 ELSE -1 END WHERE account <> 0 AND cause = (SELECT id FROM refunds ORDER BY amount DESC LIMIT 1)",
        &[],
    ),
    (
        "clearing_is_money_in_less_refunds",
        "UPDATE ledger_entries SET amount = amount * 2 WHERE cause = (SELECT p.id FROM payments p JOIN bookings b ON b.id = p.booking_id WHERE b.status = 1)",
        &["payments_and_refunds_are_booked", "income_is_split_as_priced"],
    ),
    (
        "payments_were_authorised_once",
        "UPDATE sandbox_operations SET accepted = false WHERE operation = 0",
        &[],
    ),
    (
        "payments_were_authorised_once",
        "UPDATE sandbox_operations SET subject = gen_random_uuid() WHERE operation = 0",
        &[],
    ),
    (
        "money_is_taken_once_and_for_a_booking",
        "INSERT INTO sandbox_operations SELECT payment_id, 1, gen_random_uuid(), amount, true FROM sandbox_operations WHERE operation = 1 LIMIT 1",
        &[],
    ),
    ("money_is_taken_once_and_for_a_booking", "DELETE FROM sandbox_operations WHERE operation = 1", &[]),
    (
        "money_is_taken_once_and_for_a_booking",
        "UPDATE sandbox_operations SET payment_id = gen_random_uuid() WHERE operation = 1",
        &[],
    ),
    (
        "amounts_agree_with_the_provider",
        "UPDATE sandbox_operations SET amount = amount + 1 WHERE operation = 1",
        &[],
    ),
    ("refunds_agree_with_the_provider", "DELETE FROM sandbox_operations WHERE operation = 3", &[]),
    (
        "keys_name_a_booking",
        "UPDATE idempotency_keys SET booking_id = gen_random_uuid() WHERE status = 201",
        &[],
    ),
    (
        "keys_in_progress_have_something_to_wait_for",
        "UPDATE idempotency_keys SET status = NULL, response = NULL, created_at = now() - interval '6 minutes'",
        &[],
    ),
    ("states_were_told", "DELETE FROM events WHERE kind = 'booking.expired'", &[]),
    (
        "event_versions_do_not_repeat",
        "INSERT INTO events SELECT gen_random_uuid(), kind, subject, version, time, NULL, data FROM events WHERE kind = 'booking.expired'",
        &[],
    ),
    (
        "events_are_not_ahead_of_bookings",
        "UPDATE events SET version = version + 9 WHERE kind = 'booking.cancelled'",
        &["states_were_told"],
    ),
    ("seats_versions_were_told", "UPDATE flights SET seats_version = seats_version + 1", &[]),
    (
        "seats_are_as_they_were_told",
        "UPDATE events SET data = jsonb_set(data::jsonb, '{held}', '[]') WHERE kind = 'seats.changed'",
        &[],
    ),
    ("flights_of_bookings_are_known", "DELETE FROM flight_states", &[]),
    (
        "inventory_agrees_with_the_flights",
        "UPDATE flights SET departure_at = departure_at + interval '1 hour'",
        &[],
    ),
];

#[actix_web::test]
async fn each_invariant_is_found_when_it_is_broken() {
    // Stopped, so that nobody mends anything.
    let fixture = fixture().await;
    mixed_workload(&fixture).await;
    let fixture = fixture.stop_instances().await;
    let mut connection = AsyncPgConnection::establish(&fixture.database.superuser_url()).await.unwrap();
    let run = async |connection: &mut AsyncPgConnection, statement: &str| {
        diesel::sql_query(statement)
            .execute(connection)
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"))
    };
    run(&mut connection, "SET search_path = booking").await;
    let mut faults = Vec::new();
    for (name, statements, others) in BREAKS {
        run(&mut connection, "BEGIN").await;
        for statement in statements.split("; ") {
            assert!(run(&mut connection, statement).await > 0, "{name}: {statement} changes nothing");
        }
        let report = invariants::check_within(&mut connection).await.unwrap();
        run(&mut connection, "ROLLBACK").await;
        let found: BTreeSet<&str> = report.broken.iter().map(|broken| broken.invariant).collect();
        let expected: BTreeSet<&str> = others.iter().copied().chain([*name]).collect();
        if found != expected {
            faults.push((*name, found, report.violations));
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    let broken: BTreeSet<&str> = BREAKS.iter().map(|(name, ..)| *name).collect();
    assert_eq!(broken, invariants::names().collect::<BTreeSet<_>>(), "each invariant has its break");
    fixture.stop().await;
}
