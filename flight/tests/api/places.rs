//! Names with accents, as people type them.

use crate::{service::Service, world::code};
use diesel_async::RunQueryDsl;
use flight::{
    actors::places::PlacesHandle,
    domain::{places::PlaceIndex, reference::City},
    store::{ReferenceTable, stored_forms},
};
use serde_json::json;
use shared::db::Pool;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// A name in a path's query.
fn encoded(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}

async fn codes(service: &Service, path: &str, key: &str) -> Vec<String> {
    let list = service.anybody.get(path).await.expect(200);
    let codes =
        list["data"].as_array().expect("a list").iter().map(|one| one[key].as_str().map(str::to_owned));
    codes.collect::<Option<Vec<_>>>().expect("codes")
}

#[actix_web::test]
async fn accents_and_capitals_make_no_difference() {
    let service = Service::start().await;
    for (iata, name, country, airport) in [
        ("ZRH", "Zürich", "CH", "Zürich Airport"),
        ("MMA", "Malmo", "SE", "Malmö Airport"),
        ("IST", "Istanbul", "TR", "İstanbul Havalimanı"),
        ("SAO", "Sao Paulo", "BR", "São Paulo–Congonhas"),
        ("LCJ", "Łódź", "PL", "Władysław Reymont"),
        ("ATH", "Αθήνα", "GR", "Eleftherios Venizelos"),
    ] {
        let city = json!({"code": iata, "name": name, "country": country, "time_zone": "UTC"});
        service.operator.post("/api/v1/admin/cities", &city).await.expect(201);
        let airport = json!({
            "iata": iata, "name": airport, "city": iata, "country": country, "time_zone": "UTC",
            "latitude": 0, "longitude": 0,
        });
        service.operator.post("/api/v1/admin/airports", &airport).await.expect(201);
    }
    for (queries, expected) in [
        (&["zürich", "zurich", "ZÜRICH", "Zu\u{308}rich", "zur"][..], "ZRH"),
        (&["malmö", "malmo", "MALMÖ"], "MMA"),
        (&["İstanbul", "istanbul", "ISTANBUL", "ıstanbul"], "IST"),
        (&["sao", "são", "SÃO PAULO", "paulo-congonhas"], "SAO"),
        (&["łódź", "lodz", "wladyslaw"], "LCJ"),
        (&["αθήνα", "ΑΘΗΝΑ"], "ATH"),
    ] {
        for query in queries {
            let query = encoded(query);
            let found = codes(&service, &format!("/api/v1/places?q={query}"), "code").await;
            assert!(!found.is_empty() && found.iter().all(|code| code == expected), "{query}: {found:?}");
        }
    }
    // The same of the lists of reference data.
    for (path, key, expected) in [
        ("cities?q=zurich", "code", "ZRH"),
        ("cities?q=Z%C3%9CRICH", "code", "ZRH"),
        ("airports?q=malm%C3%B6", "iata", "MMA"),
        ("airports?q=havalimani", "iata", "IST"),
    ] {
        assert_eq!(codes(&service, &format!("/api/v1/{path}"), key).await, [expected], "{path}");
    }
    service.operator.patch("/api/v1/admin/cities/ZRH", &json!({"name": "Genève"})).await.expect(200);
    assert_eq!(codes(&service, "/api/v1/places?q=geneve", "code").await, ["ZRH", "ZRH"]);
    assert_eq!(codes(&service, "/api/v1/cities?q=zurich", "code").await, Vec::<String>::new());
}

#[actix_web::test]
async fn other_names_of_reference_data_are_folded_too() {
    let service = Service::start().await;
    let airline = json!({"code": "9W", "name": "Líneas Aéreas", "accounting_code": "001"});
    service.operator.post("/api/v1/admin/airlines", &airline).await.expect(201);
    assert_eq!(codes(&service, "/api/v1/airlines?q=lineas+aereas", "code").await, ["9W"]);
    let kind = json!({"code": "AN6", "icao": "AN26", "name": "Антонов Ан-26"});
    service.operator.post("/api/v1/admin/aircraft-types", &kind).await.expect(201);
    let query = encoded("АНТОНОВ");
    assert_eq!(codes(&service, &format!("/api/v1/aircraft-types?q={query}"), "code").await, ["AN6"]);
    let layout = json!({
        "name": "Größe M", "aircraft_type": "AN6", "cabins": [{"cabin": "economy", "rows": [1, 9], "columns": "AC|DF"}],
    });
    service.operator.post("/api/v1/admin/seat-layouts", &layout).await.expect(201);
    assert_eq!(codes(&service, "/api/v1/seat-layouts?q=GROSSE", "name").await, ["Größe M"]);
}

#[actix_web::test]
async fn a_search_text_needs_a_letter_and_is_no_pattern() {
    let service = Service::start().await;
    for path in ["places?q=%CC%81", "cities?q=%CC%81", "airports?q=%CC%81"] {
        let refused = service.anybody.get(&format!("/api/v1/{path}")).await;
        refused.expect_problem(422, "validation_failed");
        assert_eq!(refused.invalid(), ["q"], "{path}");
    }
    for query in ["%25", "_", "%5C"] {
        assert_eq!(codes(&service, &format!("/api/v1/places?q={query}"), "code").await, Vec::<String>::new());
    }
}

#[actix_web::test]
async fn names_that_an_earlier_release_has_stored_are_found() {
    let service = Service::start().await;
    let mut connection = service.connect().await;
    // As that release writes them: it does not know the column.
    let insert =
        "INSERT INTO cities (code, name, country, time_zone) VALUES ('ZRH', 'Zürich', 'CH', 'Europe/Zurich')";
    diesel::sql_query(insert).execute(&mut connection).await.unwrap();
    let rename = "UPDATE cities SET name = 'Orléans' WHERE code = 'PAR'";
    diesel::sql_query(rename).execute(&mut connection).await.unwrap();
    stored_forms::renew(&mut connection).await.unwrap();
    for (query, expected) in [("zurich", "ZRH"), ("orleans", "PAR")] {
        assert_eq!(codes(&service, &format!("/api/v1/cities?q={query}"), "code").await, [expected]);
    }
    let zurich = City::find(&mut connection, &code("ZRH")).await.unwrap().unwrap();
    assert_eq!((zurich.value.name.as_str(), zurich.version), ("Zürich", 1), "what is shown has not changed");
}

/// The places of another instance on the database of a service, and what it has found for a text.
async fn another(service: &Service) -> PlacesHandle {
    let database = service.database.config("flight");
    let places = PlacesHandle::start(Pool::new(&database), &database);
    places.wait_for(|_| true).await;
    places
}

/// The codes of what is found.
fn found(index: &PlaceIndex, text: &str) -> Vec<String> {
    index.search(text, 10).map(|place| place.code.clone()).collect()
}

#[actix_web::test]
async fn another_instance_hears_of_changed_places() {
    let service = Service::start().await;
    let another = another(&service).await;
    assert_eq!(another.index().map(|index| found(&index, "lon")).unwrap(), ["LON", "LGW", "LHR"]);
    // Sooner than its next look without a notification.
    let within = Duration::from_secs(20);
    let city = json!({"code": "ZRH", "name": "Zürich", "country": "CH", "time_zone": "Europe/Zurich"});
    service.operator.post("/api/v1/admin/cities", &city).await.expect(201);
    let appeared = another.wait_for(|index| found(index, "zurich") == ["ZRH"]);
    timeout(within, appeared).await.expect("a notification");
    service.operator.patch("/api/v1/admin/airports/CDG", &json!({"name": "Roissy"})).await.expect(200);
    let renamed = another.wait_for(|index| found(index, "roissy") == ["CDG"]);
    timeout(within, renamed).await.expect("a notification");
    service.operator.delete("/api/v1/admin/cities/ZRH").await.expect(204);
    let vanished = another.wait_for(|index| found(index, "zurich").is_empty());
    timeout(within, vanished).await.expect("a notification");
}

#[actix_web::test]
async fn a_look_finds_what_no_notification_told() {
    let service = Service::start().await;
    let another = another(&service).await;
    let before = another.index().unwrap();
    another.look().await.unwrap();
    assert!(Arc::ptr_eq(&before, &another.index().unwrap()), "nothing has changed");
    let mut connection = service.connect().await;
    for (statement, text, expected) in [
        ("UPDATE airports SET name = 'Roissy' WHERE iata = 'CDG'", "roissy", &["CDG"][..]),
        ("UPDATE airports SET city = 'PAR' WHERE iata = 'LGW'", "london", &["LON", "LHR"]),
        ("DELETE FROM airports WHERE iata = 'LGW'", "gatwick", &[]),
    ] {
        diesel::sql_query(statement).execute(&mut connection).await.unwrap();
        another.look().await.unwrap();
        assert_eq!(found(&another.index().unwrap(), text), expected, "{statement}");
    }
}

#[actix_web::test]
async fn places_are_found_with_their_fields_and_may_be_kept_a_minute() {
    let service = Service::start().await;
    let answer = service.anybody.get("/api/v1/places?q=hethrow&limit=1").await;
    assert_eq!(answer.header("cache-control"), "public, max-age=60");
    let heathrow =
        json!({"kind": "airport", "code": "LHR", "name": "Heathrow", "city": "LON", "country": "GB"});
    assert_eq!(answer.expect(200), json!({"data": [heathrow], "page": {"next": null}}));
}
