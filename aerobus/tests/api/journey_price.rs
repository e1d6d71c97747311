//! What search shows of a journey with connections is what booking charges for it.

use crate::system::{RunningSystem, book, booking};
use chrono::{Days, Utc};
use serde_json::{Value, json};

#[actix_web::test]
async fn a_journey_with_connections_costs_what_search_has_shown() {
    let system = RunningSystem::with(None, false).await;
    let admin = system.administrator().await;
    // 30 seats: the lowest class sells three of them.
    system.make_network(&admin, "ABC|DEF", 5).await;
    let city = json!({"code": "CCC", "name": "Centreville", "country": "FR", "time_zone": "Europe/Paris"});
    admin.post("/api/v1/admin/cities", &city).await.expect(201);
    let mut airport = admin.get("/api/v1/airports/BBB").await.expect(200);
    (airport["iata"], airport["city"], airport["name"]) = (json!("CCC"), json!("CCC"), json!("Centreville"));
    admin.post("/api/v1/admin/airports", &airport).await.expect(201);
    let day = |ahead| (Utc::now() + Days::new(ahead)).date_naive();
    let (out, back) = (day(30), day(33));
    let first = system.make_flight(&admin, 30).await;
    let fares = |price: &str| {
        let fare = |brand: &str| json!({"cabin": "economy", "brand": brand, "base_price": {"amount": price, "currency": "EUR"}});
        json!([fare("light"), fare("standard"), fare("flex")])
    };
    for (number, from, to, departure, arrival, price) in [
        ("XA2", "BBB", "CCC", format!("{out}T14:05"), format!("{out}T15:00"), "33.33"),
        ("XA3", "CCC", "AAA", format!("{back}T18:00"), format!("{back}T18:30"), "71.17"),
    ] {
        let flight = json!({"flight_number": number, "origin": from, "destination": to, "airplane": "G-TEST",
            "departure_local": departure, "arrival_local": arrival, "fares": fares(price)});
        admin.post("/api/v1/admin/flights", &flight).await.expect(201);
    }
    // The party pays another class on this flight than on the others.
    let mut two = booking(&first, None, None);
    two["passengers"] = json!([
        {"type": "ADT", "given_name": "Grace", "family_name": "Hopper", "born_on": "1986-12-09"},
        {"type": "ADT", "given_name": "Mary", "family_name": "Hopper", "born_on": "1986-12-09"},
    ]);
    two["contact"]["email"] = json!("grace@aerobus.example");
    book(&system.traveller("grace@aerobus.example").await, &two).await.expect(201);

    let query =
        format!("origin=AAA&destination=CCC&date={out}&return_date={back}&adults=1&children=1&infants=1");
    let search = async || system.anybody.get(&format!("/api/v1/search?{query}")).await.expect(200);
    let mut found = search().await;
    let left =
        |found: &Value| found["data"][0]["slices"][0]["segments"][0]["cabins"][0]["seats_available"].clone();
    while left(&found) != 28 {
        // The bus brings the seats within milliseconds; only search itself tells when.
        actix_web::rt::task::yield_now().await;
        found = search().await;
    }
    let journey = &found["data"][0];
    let offers = journey["offers"].as_array().expect("offers");
    assert_eq!((journey["slices"][0]["connections"].clone(), offers.len()), (json!(1), 3));
    let slices = journey["slices"].as_array().expect("slices");
    let segments: Vec<&Value> =
        slices.iter().flat_map(|slice| slice["segments"].as_array().expect("segments")).collect();
    let passenger = |kind: &str, name: &str, born_on: &str| json!({"type": kind, "given_name": name, "family_name": "Lovelace", "born_on": born_on});
    for (number, offer) in offers.iter().enumerate() {
        let of_segment = |segment: &&Value| json!({"flight_id": segment["id"], "cabin": offer["cabin"], "brand": offer["brand"]});
        let body = json!({
            "segments": segments.iter().map(of_segment).collect::<Vec<_>>(),
            "passengers": [
                passenger("ADT", "Ada", "1985-12-10"),
                passenger("CHD", "Anne", "2019-09-22"),
                passenger("INF", "Ralph", &(Utc::now() - Days::new(200)).date_naive().to_string()),
            ],
            "contact": {"email": format!("ada{number}@aerobus.example"), "phone": null},
            "expected_total": offer["total"],
        });
        let ada = system.traveller(&format!("ada{number}@aerobus.example")).await;
        let made = book(&ada, &body).await.expect(201);
        assert_eq!(made["price"]["total"], offer["total"], "{offer}");
        // The seats are free again for the next offer.
        let path = format!("/api/v1/bookings/{}/cancel", made["id"].as_str().expect("an id"));
        ada.post(&path, &json!({})).await.expect(200);
    }
    system.stop().await;
}
