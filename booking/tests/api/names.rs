//! The same name in several spellings.

use crate::fixture::{ServiceFixture, booking, passenger};
use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use shared::ids::UserId;

/// "Zoë" with the diaeresis in the letter, and with one behind it.
const COMPOSED: &str = "Zo\u{eb}";
const DECOMPOSED: &str = "Zoe\u{308}";

/// An adult of this family name.
fn adult(given: &str, family: &str) -> Value {
    let mut adult = passenger("ADT", given, None);
    adult["family_name"] = json!(family);
    adult
}

#[actix_web::test]
async fn a_passenger_is_the_same_in_every_spelling() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let client = fixture.customer();
    let twice = booking(flight.id, &[adult("Ada", COMPOSED), adult("Ada", DECOMPOSED)]);
    assert_eq!(client.post("/api/v1/bookings", &twice).await.invalid(), ["/passengers/1"]);
    let unseen = booking(flight.id, &[adult("Ada\u{200d}", "Hopper")]);
    assert_eq!(client.post("/api/v1/bookings", &unseen).await.invalid(), ["/passengers/0/given_name"]);

    let persian = "\u{631}\u{636}\u{627}\u{200c}\u{632}\u{627}\u{62f}\u{647}";
    let body = booking(flight.id, &[adult("Ada", DECOMPOSED), adult("Ada", persian)]);
    let made = client.post("/api/v1/bookings", &body).await.expect(201);
    let shown = |at: usize| made["passengers"][at]["family_name"].as_str().unwrap();
    assert_eq!((shown(0), shown(1)), (COMPOSED, persian));
    for spelling in [COMPOSED, DECOMPOSED, persian, &persian.replace('\u{200c}', "")] {
        let again = booking(flight.id, &[adult("Ada", spelling)]);
        let refused = client.post("/api/v1/bookings", &again).await;
        refused.expect_problem(409, "passenger_already_booked");
    }
    let path = format!("/api/v1/bookings/{}/cancel", made["id"].as_str().unwrap());
    client.post(&path, &json!({})).await.expect(200);
    assert_eq!(fixture.count("travellers").await, 0);
    let again = booking(flight.id, &[adult("Ada", COMPOSED)]);
    client.post("/api/v1/bookings", &again).await.expect(201);
    fixture.stop().await;
}

#[actix_web::test]
async fn a_name_is_looked_up_in_every_spelling() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let (guest, longest) = (fixture.guest(0), "e\u{301}".repeat(60));
    let party = booking(flight.id, &[adult("Ada", DECOMPOSED), adult("Ada", &longest)]);
    let made = fixture.customer().post("/api/v1/bookings", &party).await.expect(201);
    let find = async |name: &str| {
        let asked = json!({"locator": made["locator"], "family_name": name});
        guest.post("/api/v1/bookings/lookup", &asked).await
    };
    for spelling in [COMPOSED, DECOMPOSED, "ZO\u{cb}", "zo\u{200d}e\u{308}", &longest] {
        assert_eq!(find(spelling).await.expect(200)["booking"]["id"], made["id"], "{spelling:?}");
    }
    find("Zoe").await.expect_problem(404, "not_found");
    assert_eq!(find(&format!("{longest}e\u{301}")).await.invalid(), ["/family_name"]);
    // As an earlier release has stored it.
    fixture.sql("UPDATE passengers SET family_name = E'Zoe\\u0308' WHERE position = 0").await;
    find(COMPOSED).await.expect(200);
    fixture.stop().await;
}

/// Pairs of spellings of one name, as two devices write it.
const SPELLINGS: [[&str; 2]; 6] = [
    ["O'Neil", "O\u{2019}Neil"],
    ["Wei\u{df}", "WEISS"],
    ["\u{130}nan", "\u{131}nan"],
    ["Yi\u{11f}it", "YI\u{11e}IT"],
    ["Anna-Lena", "Anna\u{2011}Lena"],
    ["Σοφοκλῆς", "ΣΟΦΟΚΛΗ\u{342}Σ"],
];

#[actix_web::test]
async fn a_passenger_is_the_same_on_every_device() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let (client, guest) = (fixture.customer(), fixture.guest(0));
    for [one, other] in SPELLINGS {
        let made =
            client.post("/api/v1/bookings", &booking(flight.id, &[adult("Ada", one)])).await.expect(201);
        let again = client.post("/api/v1/bookings", &booking(flight.id, &[adult("ADA", other)])).await;
        again.expect_problem(409, "passenger_already_booked");
        let both = booking(flight.id, &[adult("Edith", one), adult("Edith", other)]);
        assert_eq!(client.post("/api/v1/bookings", &both).await.invalid(), ["/passengers/1"], "{other:?}");
        for name in [one, other] {
            let asked = json!({"locator": made["locator"], "family_name": name});
            let found = guest.post("/api/v1/bookings/lookup", &asked).await.expect(200);
            assert_eq!(found["booking"]["id"], made["id"], "{name:?}");
        }
        // Another spelling costs no letter of a correction.
        let id = |value: &Value| value["id"].as_str().unwrap().to_owned();
        let path = format!("/api/v1/bookings/{}/passengers/{}", id(&made), id(&made["passengers"][0]));
        let change = json!({"given_name": "Adalia", "family_name": other});
        client.patch(&path, &change).await.expect(200);
        client.patch(&path, &json!({"given_name": "Adalina"})).await.expect_problem(422, "validation_failed");
        let path = format!("/api/v1/bookings/{}/cancel", id(&made));
        client.post(&path, &json!({})).await.expect(200);
    }
    assert_eq!(fixture.count("travellers").await, 0);
    fixture.stop().await;
}

/// The migration that finds what earlier releases have stored, and the way back.
const QUEUE: &str = include_str!("../../../migrations/booking/20261130010000_queue_former_travellers/up.sql");
const NO_QUEUE: &str =
    include_str!("../../../migrations/booking/20261130010000_queue_former_travellers/down.sql");

/// Names as an earlier release has stored them, and as it compared them; and another spelling of them.
const STORED: [[[&str; 2]; 3]; 3] = [
    // The first releases.
    [["Zoe\u{308}", "O\u{2019}Neil"], ["zoe\u{308}", "o\u{2019}neil"], ["Zo\u{eb}", "O'Neil"]],
    // The release before this one.
    [["Zoe", "Wei\u{df}"], ["zoe", "wei\u{df}"], ["ZOE", "WEISS"]],
    [["\u{130}lker", "O\u{2bc}Neil"], ["i\u{307}lker", "o\u{2bc}neil"], ["ILKER", "O\u{2018}NEIL"]],
];

#[actix_web::test]
async fn a_passenger_of_an_earlier_release_is_recognised_in_every_spelling() {
    let fixture = ServiceFixture::new().await;
    let flight = fixture.flight(30).await;
    let owner = UserId::new();
    let mut made = Vec::new();
    for (number, [stored, compared, _]) in STORED.into_iter().enumerate() {
        let name = ["A", "B", "C"][number];
        let body = booking(flight.id, &[adult(name, "Stored")]);
        let booked = fixture.user(0, owner, &[]).post("/api/v1/bookings", &body).await.expect(201);
        let id = booked["id"].as_str().unwrap();
        let [given, family] = stored;
        fixture.sql(&format!("UPDATE passengers SET given_name = '{given}', family_name = '{family}' WHERE booking_id = '{id}'")).await;
        let [given, family] = compared;
        let fingerprint = format!(
            "UPDATE travellers t SET fingerprint = ('x' || encode(substring(sha256(convert_to('{given}', 'UTF8') || '\\x00'::bytea || convert_to('{family}', 'UTF8')
                || '\\x00'::bytea || convert_to(to_char(p.born_on, 'YYYY-MM-DD'), 'UTF8') || '\\x00'::bytea) FROM 1 FOR 8), 'hex'))::bit(64)::bigint
            FROM passengers p WHERE t.booking_id = '{id}' AND p.booking_id = t.booking_id"
        );
        fixture.sql(&fingerprint).await;
        made.push(booked);
    }
    let mut fixture = fixture.stop_instances().await;
    let update = format!("BEGIN; {NO_QUEUE}; {QUEUE}; COMMIT");
    // As the service does it: the table is its own.
    fixture.database.config("booking").connect().await.unwrap().batch_execute(&update).await.unwrap();
    assert_eq!(fixture.count("former_travellers").await, 3);
    fixture.start(|_| {}).await;
    assert_eq!((fixture.count("former_travellers").await, fixture.count("travellers").await), (0, 3));

    let (client, guest) = (fixture.user(0, owner, &[]), fixture.guest(0));
    for ([stored, _, other], made) in STORED.into_iter().zip(&made) {
        for [given, family] in [stored, other] {
            let again = booking(flight.id, &[adult(given, family)]);
            let refused = client.post("/api/v1/bookings", &again).await;
            refused.expect_problem(409, "passenger_already_booked");
            let asked = json!({"locator": made["locator"], "family_name": family});
            guest.post("/api/v1/bookings/lookup", &asked).await.expect(200);
        }
        let path = format!("/api/v1/bookings/{}/cancel", made["id"].as_str().unwrap());
        client.post(&path, &json!({})).await.expect(200);
    }
    assert_eq!(fixture.count("travellers").await, 0);
    fixture.stop().await;
}
