//! What search shows after airports were imported: on the instance that has imported them, and on another one.

use crate::{
    files::{counts, export, import},
    search::{between, wait_for},
    service::Service,
    world::day,
};
use serde_json::{Value, json};

/// The file of the airports, with the line of one changed.
async fn changed(service: &Service, iata: &str, change: impl Fn(&mut Vec<&str>)) -> String {
    let file = export(service, "airports").await;
    let lines = file.lines().map(|line| {
        let mut fields: Vec<&str> = line.split(',').collect();
        if fields[0] == iata {
            change(&mut fields);
        }
        fields.join(",")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[actix_web::test]
async fn search_follows_imported_airports_on_all_instances() {
    let service = Service::start().await;
    let date = day(30);
    let city = json!({"code": "NCE", "name": "Nice", "country": "FR", "time_zone": "Europe/Paris"});
    service.operator.post("/api/v1/admin/cities", &city).await.expect(201);
    let nice = json!({"iata": "NCE", "icao": null, "name": "Azur", "city": "NCE", "country": "FR",
        "time_zone": "Europe/Paris", "latitude": 43.6, "longitude": 7.2, "min_connection_minutes": null});
    service.operator.post("/api/v1/admin/airports", &nice).await.expect(201);
    for flight in [
        between(("AE1", "G-AERA"), ("LHR", "CDG"), &format!("{date}T08:00"), &format!("{date}T10:20")),
        between(("AE2", "G-AERB"), ("CDG", "NCE"), &format!("{date}T11:05"), &format!("{date}T12:35")),
    ] {
        service.make(&flight).await;
    }
    let another = service.another().await;
    let instances = [&service.anybody, &another];
    let to_nice = format!("/api/v1/search?origin=LON&destination=NCE&date={date}");
    let home = format!("/api/v1/search?origin=CDG&destination=NCE&date={date}");
    let taxes = |found: &[Value]| found[0]["offers"][0]["per_passenger"][0]["taxes"]["amount"].clone();
    for instance in instances {
        wait_for(instance, &to_nice, |found| found.len() == 1).await;
        wait_for(instance, &home, |found| taxes(found) == "8.00").await;
    }
    // The connection takes 45 minutes: too short, long enough, and the same with a tax.
    for (minutes, tax, found) in [("46", "", 0), ("30", "", 1), ("45", "12.50 EUR", 1)] {
        let file = changed(&service, "CDG", |fields| (fields[8], fields[9]) = (minutes, tax)).await;
        assert_eq!(counts(&import(&service.operator, "airports", file).await.expect(200)), (0, 1, 3));
        for instance in instances {
            wait_for(instance, &to_nice, |journeys| journeys.len() == found).await;
        }
    }
    for instance in instances {
        wait_for(instance, &home, |found| taxes(found) == "12.50").await;
    }
    // Nice joins another city, and has another name.
    let file = format!("{}\nRIV,Riviera,FR,Europe/Paris\n", export(&service, "cities").await.trim_end());
    assert_eq!(counts(&import(&service.operator, "cities", file).await.expect(200)), (1, 0, 3));
    let file = changed(&service, "NCE", |fields| (fields[2], fields[3]) = ("Littoral", "RIV")).await;
    import(&service.operator, "airports", file).await.expect(200);
    let to_riviera = format!("/api/v1/search?origin=LON&destination=RIV&date={date}");
    for instance in instances {
        wait_for(instance, &to_riviera, |found| {
            found.len() == 1 && found[0]["slices"][0]["destination"]["name"] == "Littoral"
        })
        .await;
        for place in ["/api/v1/places?q=littoral", "/api/v1/places?q=riviera"] {
            wait_for(instance, place, |found| found.iter().any(|one| one["city"] == "RIV")).await;
        }
    }
}
