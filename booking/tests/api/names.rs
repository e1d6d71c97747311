//! The same name in several spellings.

use crate::fixture::{World, booking, passenger};
use serde_json::{Value, json};

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
async fn somebody_is_the_same_person_in_every_spelling() {
    let world = World::new().await;
    let flight = world.flight(30).await;
    let client = world.customer();
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
    assert_eq!(world.count("travellers").await, 0);
    let again = booking(flight.id, &[adult("Ada", COMPOSED)]);
    client.post("/api/v1/bookings", &again).await.expect(201);
    world.stop().await;
}

#[actix_web::test]
async fn a_name_is_looked_up_in_every_spelling() {
    let world = World::new().await;
    let flight = world.flight(30).await;
    let (guest, longest) = (world.guest(0), "e\u{301}".repeat(60));
    let party = booking(flight.id, &[adult("Ada", DECOMPOSED), adult("Ada", &longest)]);
    let made = world.customer().post("/api/v1/bookings", &party).await.expect(201);
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
    world.sql("UPDATE passengers SET family_name = E'Zoe\\u0308' WHERE position = 0").await;
    find(COMPOSED).await.expect(200);
    world.stop().await;
}
