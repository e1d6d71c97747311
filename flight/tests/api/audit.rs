//! Every write of staff leaves one record, in its transaction.

use crate::{
    schedules::season,
    service::Service,
    world::{body, day, plan},
};
use awc::http::Method;
use serde_json::{Value, json};
use shared::{auth::Permission, ids::UserId};
use std::collections::BTreeSet;
use testkit::{Client, admin_write, admin_writes};

/// A resource without what the service itself writes into it, at any time.
fn planned(mut resource: Value) -> Value {
    if let Some(members) = resource.as_object_mut() {
        members.remove("generated_until");
        members.remove("conflicts");
    }
    resource
}

/// Writes of one operator, and what they have to leave.
struct Trial {
    service: Service,
    actor: UserId,
    operator: Client,
    tried: BTreeSet<String>,
}

impl Trial {
    async fn start() -> Self {
        let service = Service::start().await;
        let actor = UserId::new();
        let permissions = [
            Permission::ReferenceWrite,
            Permission::FlightWrite,
            Permission::FareWrite,
            Permission::DisruptionWrite,
        ];
        let operator = service.anybody.with_token(&service.issuer.token(actor, &permissions));
        Self { service, actor, operator, tried: BTreeSet::new() }
    }

    /// The records of a request.
    async fn records(&self, request: &str) -> Vec<Value> {
        let all = self.service.database.audit_records("flight").await;
        all.into_iter().filter(|record| record["request_id"] == request).collect()
    }

    /// A write to a path of this template (`{key}`), and its one record.
    async fn write(
        &mut self,
        (method, template, key): (Method, &str, &str),
        sent: Option<&Value>,
        status: u16,
    ) -> (Value, Value) {
        self.tried.insert(admin_write(method.as_str(), template));
        let path = template.replace("{key}", key);
        let body = sent.map(|body| body.to_string().into_bytes());
        let answer = self.operator.send(method, &path, "application/json", body).await;
        let request = answer.header("x-request-id").to_owned();
        let answer = planned(answer.expect(status));
        let mut records = self.records(&request).await;
        assert_eq!(records.len(), 1, "{path}: {records:?}");
        let mut record = records.remove(0);
        for state in ["before", "after"] {
            record[state] = planned(record[state].take());
        }
        assert_eq!(record["actor"], self.actor.to_string());
        (answer, record)
    }

    /// Imports a table's export, which changes nothing, and its one record.
    async fn import_back(&mut self, collection: &str) {
        let path = format!("/api/v1/admin/{collection}/import");
        self.tried.insert(admin_write("POST", &path));
        let file = self.operator.get(&format!("/api/v1/admin/{collection}/export")).await.bytes.to_vec();
        let answer = self.operator.send(Method::POST, &path, "text/csv", Some(file)).await;
        let request = answer.header("x-request-id").to_owned();
        answer.expect(200);
        let records = self.records(&request).await;
        assert_eq!(records.len(), 1, "{path}: {records:?}");
        assert_eq!(
            (&records[0]["subject"], &records[0]["after"]["changed"]),
            (&json!(collection), &json!(0))
        );
    }

    /// Makes, changes and deletes one of a kind.
    async fn kind(&mut self, (collection, kind): (&str, &str), made: &Value, patch: &Value) {
        let (all, one) =
            (format!("/api/v1/admin/{collection}"), format!("/api/v1/admin/{collection}/{{key}}"));
        let (created, record) = self.write((Method::POST, &all, ""), Some(made), 201).await;
        assert_eq!((&record["before"], &record["after"]), (&Value::Null, &created));
        let subject = record["subject"].as_str().expect("a text").to_owned();
        let key = subject.strip_prefix(&format!("{kind}/")).expect("the kind").to_owned();
        assert_eq!(record["action"], format!("{kind}.create"));
        let (changed, record) = self.write((Method::PATCH, &one, &key), Some(patch), 200).await;
        assert_eq!((&record["before"], &record["after"]), (&created, &changed));
        assert_eq!(
            (&record["action"], &record["subject"]),
            (&json!(format!("{kind}.change")), &json!(subject))
        );
        let (_, record) = self.write((Method::DELETE, &one, &key), None, 204).await;
        assert_eq!((&record["before"], &record["after"]), (&changed, &Value::Null));
        assert_eq!(record["action"], format!("{kind}.delete"));
    }

    /// Disrupts a flight in every way.
    async fn disruptions(&mut self) {
        let date = day(31);
        let flight = body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
        let made = self.service.make(&flight).await;
        let key = made["id"].as_str().expect("an id");
        let times = [format!("{date}T11:00"), format!("{date}T13:15")];
        let delay = json!({"departure_local": times[0], "arrival_local": times[1], "reason": "fog"});
        let acts = [
            ("delay", delay),
            ("equipment", json!({"airplane": "G-AERB"})),
            ("cancel", json!({"reason": "strike"})),
        ];
        let mut before = made.clone();
        for (act, sent) in acts {
            let template = format!("/api/v1/admin/flights/{{key}}/{act}");
            let (changed, record) = self.write((Method::POST, &template, key), Some(&sent), 200).await;
            assert_eq!(record["action"], format!("flight.{act}"));
            assert_eq!((&record["before"], &record["after"]), (&before, &changed));
            before = changed;
        }
    }
}

#[actix_web::test]
async fn every_write_of_staff_leaves_one_record() {
    let mut trial = Trial::start().await;
    let layouts = trial.service.anybody.get("/api/v1/seat-layouts").await.expect(200);
    let layout = layouts["data"][0]["id"].clone();
    let name = json!({"name": "Another"});
    let city = json!({"code": "TYO", "name": "Tokyo", "country": "JP", "time_zone": "Asia/Tokyo"});
    trial.kind(("cities", "city"), &city, &name).await;
    let airport = json!({
        "iata": "LCY", "icao": "EGLC", "name": "City", "city": "LON", "country": "GB",
        "time_zone": "Europe/London", "latitude": 51.505, "longitude": 0.055, "min_connection_minutes": 30,
    });
    trial.kind(("airports", "airport"), &airport, &name).await;
    let airline = json!({"code": "9W", "name": "Nine West", "accounting_code": "001"});
    trial.kind(("airlines", "airline"), &airline, &name).await;
    let aircraft_type = json!({"code": "32Q", "icao": "A21N", "name": "Airbus A321neo"});
    trial.kind(("aircraft-types", "aircraft_type"), &aircraft_type, &name).await;
    let plan = plan();
    let seats = json!({
        "name": "Two", "aircraft_type": "320", "cabins": plan.cabins, "exit_rows": plan.exit_rows,
        "blocked_seats": [],
    });
    trial.kind(("seat-layouts", "seat_layout"), &seats, &name).await;
    let airplane =
        json!({"registration": "G-NEWB", "airline": "AE", "aircraft_type": "320", "seat_layout_id": layout});
    trial.kind(("airplanes", "airplane"), &airplane, &json!({"airline": "AE"})).await;
    let date = day(30);
    let flight = body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    trial.kind(("flights", "flight"), &flight, &json!({"airplane": "G-AERB"})).await;
    trial.disruptions().await;

    let schedule = season(day(40), day(41));
    trial.kind(("schedules", "schedule"), &schedule, &json!({"airplane": "G-AERB"})).await;
    let made = trial.service.operator.post("/api/v1/admin/schedules", &schedule).await.expect(201);
    let generate =
        (Method::POST, "/api/v1/admin/schedules/{key}/generate", made["id"].as_str().expect("an id"));
    let (_, record) = trial.write(generate, None, 200).await;
    assert_eq!(record["action"], "schedule.generate");
    assert_eq!(record["subject"], format!("schedule/{}", made["id"].as_str().expect("an id")));

    // An import leaves a record of its own beside those of its rows.
    for collection in
        ["cities", "airports", "airlines", "aircraft-types", "seat-layouts", "airplanes", "schedules"]
    {
        trial.import_back(collection).await;
    }
    let document = trial.service.anybody.get("/openapi.json").await.expect(200);
    assert_eq!(trial.tried, admin_writes(&document), "each write of staff is tried here");
}

#[actix_web::test]
async fn a_write_that_fails_leaves_none() {
    let trial = Trial::start().await;
    let (operator, service) = (&trial.operator, &trial.service);
    let london = json!({"code": "LON", "name": "London", "country": "GB", "time_zone": "Europe/London"});
    operator.post("/api/v1/admin/cities", &london).await.expect_problem(409, "conflict");
    operator.delete("/api/v1/admin/cities/LON").await.expect_problem(409, "conflict");
    let stale = operator.with_header("if-match", "\"99\"");
    stale
        .patch("/api/v1/admin/cities/LON", &json!({"name": "X"}))
        .await
        .expect_problem(412, "precondition_failed");
    operator.patch("/api/v1/admin/cities/XXX", &json!({"name": "X"})).await.expect_problem(404, "not_found");
    operator
        .patch("/api/v1/admin/cities/LON", &json!({"name": ""}))
        .await
        .expect_problem(422, "validation_failed");
    service.client(&[]).delete("/api/v1/admin/cities/PAR").await.expect_problem(403, "forbidden");

    let date = day(30);
    let flight = body("AE100", "LHR", &format!("{date}T10:00"), &format!("{date}T12:15"), "G-AERA");
    let made = service.make(&flight).await;
    operator.post("/api/v1/admin/flights", &flight).await.expect_problem(409, "conflict");
    let path = format!("/api/v1/admin/flights/{}", made["id"].as_str().expect("an id"));
    operator.patch(&path, &json!({"airplane": "G-NONE"})).await.expect_problem(422, "validation_failed");
    service.live_bookings.store(1, std::sync::atomic::Ordering::SeqCst);
    operator.delete(&path).await.expect_problem(409, "conflict");
    let records = service.database.audit_records("flight").await;
    let actions: Vec<_> = records.iter().map(|record| &record["action"]).collect();
    assert_eq!(actions, ["flight.create"], "only what had an effect");
}
