//! Names with accents, as people type them.

use crate::{service::Service, world::code};
use diesel_async::RunQueryDsl;
use flight::{
    domain::reference::City,
    store::{ReferenceTable, places, stored_forms},
};
use serde_json::{Value, json};

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
        let found = places::search(&mut connection, query, 10).await.unwrap();
        assert_eq!(found[0].code, expected);
    }
    let zurich = City::find(&mut connection, &code("ZRH")).await.unwrap().unwrap();
    assert_eq!((zurich.value.name.as_str(), zurich.version), ("Zürich", 1), "what is shown has not changed");
    let places: Value = service.anybody.get("/api/v1/places?q=paris").await.expect(200);
    assert_eq!(places["data"], json!([]));
}
