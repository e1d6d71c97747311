//! Payments by Stripe, played by localstripe: what was charged is asked there.

use crate::fixture::{ServiceFixture, VOIDED, booking, eventually, left_behind, paid, passenger};
use booking::config::{Config, ProviderKind};
use serde_json::{Value, json};
use testkit::Localstripe;

const GOOD: &str = "pm_card_visa";
const REFUSED: &str = "pm_card_chargeCustomerFail";

/// A service that charges with localstripe.
async fn fixture(stripe: &Localstripe, instances: usize) -> ServiceFixture {
    let url = stripe.url().to_owned();
    ServiceFixture::with(instances, move |config: &mut Config| {
        config.payment_provider = Some(ProviderKind::Stripe);
        config.stripe_secret_key = Some(Localstripe::SECRET_KEY.to_owned().into());
        config.stripe_base_url = url.clone();
        config.payment_sweep_ms = 50;
    })
    .await
}

fn pay(token: &str) -> Value {
    json!({"method": "card", "token": token})
}

/// The minor units of money in a booking.
fn minor(money: &Value) -> i64 {
    money["amount"].as_str().unwrap().replace('.', "").parse().unwrap()
}

/// Of an intent: its status, what was taken, and what was given back.
fn money(intent: &Value) -> (&str, i64, i64) {
    let charges = intent["charges"]["data"].as_array().unwrap();
    let taken = charges.iter().filter(|charge| charge["captured"] == true);
    let taken: i64 = taken.map(|charge| charge["amount"].as_i64().unwrap()).sum();
    let back: i64 = charges.iter().map(|charge| charge["amount_refunded"].as_i64().unwrap()).sum();
    (intent["status"].as_str().unwrap(), taken, back)
}

async fn captured(fixture: &ServiceFixture) {
    fixture
        .eventually_with_sweeps("the capture", async || fixture.count("unsettled_payments").await == 0)
        .await;
}

#[actix_web::test]
async fn a_booking_is_paid_once_and_refunded_once_whatever_is_repeated() {
    let stripe = Localstripe::start();
    let fixture = fixture(&stripe, 2).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]), GOOD);
    let bought = client.post("/api/v1/bookings", &body).await.expect(201);
    let total = minor(&bought["price"]["total"]);
    captured(&fixture).await;
    let intents = stripe.intents().await;
    assert_eq!(intents.len(), 1);
    assert_eq!(money(&intents[0]), ("succeeded", total, 0));
    assert_eq!(intents[0]["metadata"]["payment_id"], bought["payments"][0]["id"]);
    assert_eq!(intents[0]["currency"], "eur");
    // As if the note of the capture had been lost.
    fixture.sql("INSERT INTO unsettled_payments SELECT id, now() FROM payments").await;
    captured(&fixture).await;
    assert_eq!(money(&stripe.intents().await[0]), ("succeeded", total, 0));
    assert_eq!(fixture.count("payments WHERE token IS NOT NULL").await, 0, "tokens are forgotten");

    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    let settled = async || {
        fixture.sql("UPDATE refunds SET attempted_at = '-infinity'").await;
        client.get(&path).await.json["refunds"][0]["status"] == "settled"
    };
    eventually("the refund", settled).await;
    assert_eq!(money(&stripe.intents().await[0]), ("succeeded", total, total));
    // As if the note of the refund had been lost.
    fixture.sql("UPDATE refunds SET settled = false").await;
    eventually("the refund", settled).await;
    let intents = stripe.intents().await;
    assert_eq!((intents.len(), money(&intents[0])), (1, ("succeeded", total, total)));
    fixture.stop().await;
}

#[actix_web::test]
async fn refused_cards_leave_the_hold_and_nothing_reserved() {
    let stripe = Localstripe::start();
    let fixture = fixture(&stripe, 1).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let order = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let strange = client.post("/api/v1/bookings", &paid(order.clone(), "4242424242424242")).await;
    strange.expect_problem(422, "validation_failed");
    let declined = client.post("/api/v1/bookings", &paid(order, REFUSED)).await;
    declined.expect_problem(402, "payment_declined");
    let held = &declined.json["booking"];
    let path = format!("/api/v1/bookings/{}/payments", held["id"].as_str().unwrap());
    // A card whose bank wants to see its holder, and one that does not exist.
    let challenged = stripe.challenged_card().await;
    client.post(&path, &pay(&challenged)).await.expect_problem(402, "payment_declined");
    client.post(&path, &pay("pm_nobody")).await.expect_problem(402, "payment_declined");
    for intent in stripe.intents().await {
        let (status, taken, _) = money(&intent);
        assert!(matches!(status, "requires_payment_method" | "canceled"), "{status}");
        assert_eq!(taken, 0);
    }
    let confirmed = client.post(&path, &pay(GOOD)).await.expect(200);
    assert_eq!(confirmed["payments"].as_array().unwrap().len(), 4);
    captured(&fixture).await;
    let intents = stripe.intents().await;
    let taken: Vec<i64> = intents.iter().map(|intent| money(intent).1).filter(|taken| *taken > 0).collect();
    assert_eq!(taken, [minor(&held["price"]["total"])]);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_part_is_refunded_where_the_fare_says_so() {
    let stripe = Localstripe::start();
    let fixture = fixture(&stripe, 1).await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let body = paid(booking(flight.id, &[passenger("ADT", "Ada", None)]), GOOD);
    let bought = client.post("/api/v1/bookings", &body).await.expect(201);
    captured(&fixture).await;
    fixture.sql("UPDATE bookings SET confirmed_at = now() - interval '25 hours'").await;
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    client.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    eventually("the refund", async || {
        fixture.sql("UPDATE refunds SET attempted_at = '-infinity'").await;
        client.get(&path).await.json["refunds"][0]["status"] == "settled"
    })
    .await;
    let (total, taxes) = (minor(&bought["price"]["total"]), minor(&bought["price"]["taxes"]));
    assert_eq!(money(&stripe.intents().await[0]), ("succeeded", total, taxes));
    fixture.stop().await;
}

/// As a process leaves a payment that dies after the first commit; gives the booking's path.
async fn leave_behind(fixture: &ServiceFixture, payment: &str, token: &str, ends: &str) -> String {
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let order = booking(flight.id, &[passenger("ADT", "Ada", Some("4A"))]);
    let held = client.post("/api/v1/bookings", &order).await.expect(201);
    let id = held["id"].as_str().unwrap();
    fixture.sql(&left_behind(id, payment, token, ends)).await;
    format!("bookings WHERE id = '{id}'")
}

/// An intent as the adapter makes it.
async fn reserve(stripe: &Localstripe, confirm: bool) -> String {
    let intent =
        json!({"amount": 7488, "currency": "eur", "capture_method": "manual", "payment_method": GOOD});
    let intent = stripe.client().post("/v1/payment_intents", &intent).await.expect(200);
    let id = intent["id"].as_str().unwrap().to_owned();
    if confirm {
        stripe.client().post(&format!("/v1/payment_intents/{id}/confirm"), &json!({})).await.expect(200);
    }
    id
}

#[actix_web::test]
async fn a_crash_at_any_step_charges_once() {
    let stripe = Localstripe::start();
    // Before the provider was asked; after an intent was created and not stored, stored, confirmed.
    for (created, stored, confirmed) in
        [(false, false, false), (true, false, false), (true, true, false), (true, true, true)]
    {
        let fixture = fixture(&stripe, 2).await;
        let before = stripe.intents().await.len();
        let payment = uuid::Uuid::now_v7().to_string();
        let reference = if created { Some(reserve(&stripe, confirmed).await) } else { None };
        let this = leave_behind(&fixture, &payment, GOOD, "1 hour").await;
        if let Some(reference) = reference.filter(|_| stored) {
            fixture.sql(&format!("UPDATE payments SET provider_reference = '{reference}'")).await;
        }
        captured(&fixture).await;
        assert_eq!(fixture.count(&format!("{this} AND status = 1")).await, 1, "confirmed");
        let intents = stripe.intents().await;
        let taken: i64 = intents[before..].iter().map(|intent| money(intent).1).sum();
        assert_eq!(taken, 7488, "created {created}, stored {stored}, confirmed {confirmed}");
        let reserved = intents[before..].iter().filter(|intent| intent["status"] == "requires_capture");
        assert_eq!(reserved.count(), 0, "nothing else stays reserved");
        fixture.stop().await;
    }
}

#[actix_web::test]
async fn an_authorisation_that_comes_too_late_is_cancelled() {
    let stripe = Localstripe::start();
    for (stored, confirmed) in [(false, false), (true, false), (true, true)] {
        let fixture = fixture(&stripe, 1).await;
        let before = stripe.intents().await.len();
        let reference = reserve(&stripe, confirmed).await;
        let this = leave_behind(&fixture, &uuid::Uuid::now_v7().to_string(), GOOD, "-1 minute").await;
        if stored {
            fixture.sql(&format!("UPDATE payments SET provider_reference = '{reference}'")).await;
        }
        fixture.eventually_with_sweeps("the void", async || fixture.count(VOIDED).await == 1).await;
        assert_eq!(fixture.count(&format!("{this} AND status = 1")).await, 0, "not confirmed");
        let intents = stripe.intents().await;
        assert_eq!(intents.len(), before + 1, "none was made");
        let (status, taken, _) = money(&intents[before]);
        assert_eq!((status, taken), (if stored { "canceled" } else { "requires_confirmation" }, 0));
        fixture.stop().await;
    }
}
