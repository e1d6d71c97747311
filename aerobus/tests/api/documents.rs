//! Real answers against their schemas in the OpenAPI document of all services.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use awc::http::Method;
use diesel_async::RunQueryDsl;
use jsonschema::{Draft, Validator};
use serde_json::{Value, json};
use shared::ids::EventId;
use std::collections::BTreeSet;
use testkit::{Answer, Client};

/// The document, and what was looked up in it.
struct Documents {
    document: Value,
    answered: Vec<String>,
}

impl Documents {
    async fn of(system: &RunningSystem) -> Self {
        let mut document = system.anybody.get("/api/openapi.json").await.expect(200);
        assert_eq!(document["x-unavailable-services"], json!([]));
        let mut open = BTreeSet::from(["Problem".to_owned()]);
        find_parts(&document["components"], &mut open);
        for (name, schema) in document["components"]["schemas"].as_object_mut().expect("schemas") {
            close(schema, !open.contains(name));
        }
        Self { document, answered: Vec::new() }
    }

    /// The templates of all documented GETs.
    fn readable(&self) -> Vec<String> {
        let paths = self.document["paths"].as_object().expect("paths");
        paths.iter().filter(|(_, item)| item.get("get").is_some()).map(|(path, _)| path.clone()).collect()
    }

    /// A schema of the document with all that it refers to.
    fn validator(&self, schema: &Value) -> Validator {
        let whole = json!({"allOf": [schema], "components": self.document["components"]});
        let options = jsonschema::options().with_draft(Draft::Draft202012).should_validate_formats(true);
        options.build(&whole).unwrap_or_else(|error| panic!("{schema}: {error}"))
    }

    /// Demands that the document tells of this answer: its status, its media type, and, where it is JSON, its schema.
    fn check(&mut self, method: &str, template: &str, answer: &Answer) {
        let status = answer.status.as_str().to_owned();
        let place = format!("{method} {template} {status}");
        let response = &self.document["paths"][template][method]["responses"][&status];
        assert!(response.is_object(), "{place} is not documented");
        let media_type = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
        let content = &response["content"][&media_type];
        assert!(content.is_object(), "{place}: {media_type} is not documented, but {}", response["content"]);
        if media_type.ends_with("json") {
            let validator = self.validator(&content["schema"]);
            let errors = validator.iter_errors(&answer.json);
            let errors: Vec<String> =
                errors.map(|error| format!("{}: {error}", error.instance_path())).collect();
            assert!(errors.is_empty(), "{place}: {errors:#?}\n{:#}", answer.json);
        }
        self.answered.push(place);
    }
}

/// Finds the schemas that stand for a part of a whole, which has members of other parts besides. So has a problem.
fn find_parts(value: &Value, parts: &mut BTreeSet<String>) {
    for part in value["allOf"].as_array().into_iter().flatten() {
        parts.extend(part["$ref"].as_str().and_then(|name| name.rsplit('/').next()).map(str::to_owned));
    }
    match value {
        Value::Object(members) => members.values().for_each(|member| find_parts(member, parts)),
        Value::Array(items) => items.iter().for_each(|item| find_parts(item, parts)),
        _ => {}
    }
}

/// Has a schema refuse members that it does not describe: every member of an answer is to be found in the document.
fn close(schema: &mut Value, is_whole: bool) {
    match schema {
        Value::Object(members) => {
            if is_whole && members.get("properties").is_some() {
                members.entry("unevaluatedProperties").or_insert(json!(false));
            }
            if is_whole && members.contains_key("allOf") {
                members.insert("unevaluatedProperties".to_owned(), json!(false));
            }
            for (name, member) in members {
                close(member, name != "allOf");
            }
        }
        // The parts of a whole do not know each other's members.
        Value::Array(parts) => parts.iter_mut().for_each(|part| close(part, is_whole)),
        _ => {}
    }
}

/// What there is to be read.
struct Things {
    flight: Value,
    booking: Value,
    layout: String,
    letter: String,
    dead_letter: String,
    user: String,
    schedule: String,
    import: String,
}

impl Things {
    /// The address of something real, with all that the query needs.
    fn address(&self, template: &str) -> String {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let collection =
            template.split_once("/{").map(|(before, _)| before.rsplit('/').next().unwrap_or(before));
        let id = match collection.unwrap_or_default() {
            "" => String::new(),
            "cities" | "airports" => "AAA".to_owned(),
            "airlines" => "XA".to_owned(),
            "aircraft-types" => "320".to_owned(),
            "airplanes" => "G-TEST".to_owned(),
            "seat-layouts" => self.layout.clone(),
            "flights" => text(&self.flight["id"]),
            "bookings" => text(&self.booking["id"]),
            "mail" => self.letter.clone(),
            "users" => self.user.clone(),
            "schedules" => self.schedule.clone(),
            "imports" => self.import.clone(),
            "dead-letters" if template.contains("/mail/") => self.dead_letter.clone(),
            "dead-letters" => "flight".to_owned(),
            other => panic!("{template}: say here which of {other} is read"),
        };
        let path = match (template.split_once('{'), template.split_once('}')) {
            (Some((before, _)), Some((_, after))) => format!("{before}{id}{after}"),
            _ => template.to_owned(),
        };
        let date = &text(&self.flight["departure"]["local"])[..10];
        match template {
            "/api/v1/places" => format!("{path}?q=aach"),
            "/api/v1/search" => format!("{path}?origin=AAA&destination=BBB&date={date}&children=1&infants=1"),
            "/api/v1/price-calendar" => format!("{path}?origin=AAA&destination=BBB&month={}", &date[..7]),
            _ => path,
        }
    }
}

/// Makes something of each kind, and checks the answers of what makes it.
async fn make(system: &RunningSystem, documents: &mut Documents, admin: &Client) -> Things {
    let flight = system.one_flight(admin).await;
    let layouts = admin.get("/api/v1/seat-layouts").await.expect(200);
    let layout = layouts["data"][0]["id"].as_str().expect("an id").to_owned();
    let user = json!({"email": "grace@aerobus.example", "password": "correct horse", "given_name": "Grace", "family_name": "Hopper"});
    let registered = system.anybody.post("/api/v1/auth/register", &user).await;
    documents.check("post", "/api/v1/auth/register", &registered);
    let user = registered.json["id"].as_str().expect("an id").to_owned();
    let login = json!({"email": "grace@aerobus.example", "password": "correct horse"});
    let tokens = system.anybody.post("/api/v1/auth/login", &login).await;
    documents.check("post", "/api/v1/auth/login", &tokens);
    let ada = system.traveller("ada@aerobus.example").await;

    let held = book(&ada, &booking(&flight, Some("12A"), None)).await;
    documents.check("post", "/api/v1/bookings", &held);
    let id = held.expect(201)["id"].as_str().expect("an id").to_owned();
    let card = json!({"method": "card", "token": "tok_visa"});
    let paid = ada.post(&format!("/api/v1/bookings/{id}/payments"), &card).await;
    documents.check("post", "/api/v1/bookings/{id}/payments", &paid);
    let paid = paid.expect(200);
    let asked = json!({"locator": paid["locator"], "family_name": "Lovelace"});
    let found = system.anybody.post("/api/v1/bookings/lookup", &asked).await;
    documents.check("post", "/api/v1/bookings/lookup", &found);
    let again = ada.post(&format!("/api/v1/bookings/{id}/resend-confirmation"), &json!({})).await;
    documents.check("post", "/api/v1/bookings/{id}/resend-confirmation", &again);
    let quote = ada.post(&format!("/api/v1/bookings/{id}/cancellation-quote"), &json!({})).await;
    documents.check("post", "/api/v1/bookings/{id}/cancellation-quote", &quote);
    let invariants = admin.post("/api/v1/admin/invariants/check", &json!({})).await;
    documents.check("post", "/api/v1/admin/invariants/check", &invariants);
    let taken = book(admin, &booking(&flight, Some("12A"), None)).await;
    documents.check("post", "/api/v1/bookings", &taken);
    let gone = admin.post("/api/v1/admin/cities", &json!({})).await;
    documents.check("post", "/api/v1/admin/cities", &gone);

    let _ = system.smtp.next(PATIENCE).await;
    let letters = admin.get("/api/v1/admin/mail").await.expect(200);
    let letter = letters["data"][0]["id"].as_str().expect("an id").to_owned();
    let dead_letter = dead_letter(system).await;
    let schedule = json!({
        "flight_number": "XA900", "origin": "AAA", "destination": "BBB",
        "effective_from": "2028-01-03", "effective_to": "2028-01-09", "days_of_operation": [1, 3],
        "departure_time": "10:00", "arrival_time": "12:00", "arrival_day_offset": 0, "airplane": "G-TEST",
        "fares": [{"cabin": "economy", "brand": "flex", "base_price": {"amount": "100.00", "currency": "EUR"}}],
    });
    let schedule = admin.post("/api/v1/admin/schedules", &schedule).await;
    documents.check("post", "/api/v1/admin/schedules", &schedule);
    let schedule = schedule.expect(201)["id"].as_str().expect("an id").to_owned();
    let file = Some(b"code,name,country,time_zone\nLON,London,GB,Europe/London\n".to_vec());
    let later = admin.with_header("prefer", "respond-async");
    let import = later.send(Method::POST, "/api/v1/admin/cities/import", "text/csv", file).await;
    documents.check("post", "/api/v1/admin/cities/import", &import);
    let import = import.expect(202)["id"].as_str().expect("an id").to_owned();
    Things { flight, booking: paid, layout, letter, dead_letter, user, schedule, import }
}

/// A message that the mailer has given up.
async fn dead_letter(system: &RunningSystem) -> String {
    let id = EventId::new();
    let insert = format!(
        "INSERT INTO dead_letters (id, queue, payload, reason, attempts) VALUES ('{id}', 'mailer.notifications', 'x', 'no event', 1)"
    );
    let mut connection = system.database.config("mailer").connect().await.expect("the test's database");
    diesel::sql_query(insert).execute(&mut connection).await.expect("a good statement");
    id.to_string()
}

#[actix_web::test]
async fn every_answer_is_as_its_schema_says() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let mut documents = Documents::of(&system).await;
    let things = make(&system, &mut documents, &admin).await;
    for template in documents.readable() {
        let address = things.address(&template);
        if template.ends_with("/events") {
            // Without an end: its head is enough.
            let stream = admin.events(&address, None).await;
            assert_eq!(stream.header("content-type"), "text/event-stream");
            continue;
        }
        let answer = admin.get(&address).await;
        assert_eq!(answer.status, 200, "{address}: {}", String::from_utf8_lossy(&answer.bytes));
        documents.check("get", &template, &answer);
        let separator = if address.contains('?') { '&' } else { '?' };
        let refused = admin.get(&format!("{address}{separator}colour=red")).await;
        documents.check("get", &template, &refused);
    }
    let manifest = format!("/api/v1/admin/flights/{}/manifest", things.flight["id"].as_str().unwrap());
    let csv = admin.with_header("accept", "text/csv");
    let manifest = csv.send(Method::GET, &manifest, "", None).await;
    documents.check("get", "/api/v1/admin/flights/{id}/manifest", &manifest);
    documents.check("get", "/api/v1/admin/audit", &csv.get("/api/v1/admin/audit").await);
    let nothing = system.anybody.get("/api/v1/bookings").await;
    documents.check("get", "/api/v1/bookings", &nothing);
    assert!(documents.answered.len() > 50, "{:?}", documents.answered);
    system.stop().await;
}

/// The summary is the operation's name in lists: a short order such as `Create an airline`.
#[actix_web::test]
async fn each_operation_has_a_summary_of_its_own() {
    let system = RunningSystem::start().await;
    let documents = Documents::of(&system).await;
    let mut known = BTreeSet::new();
    for (path, item) in documents.document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let Some(summary) = operation["summary"].as_str() else {
                panic!("{method} {path} has no summary");
            };
            let short = summary.len() <= 60 && !summary.contains(['\n', '.']);
            assert!(short && summary.starts_with(char::is_uppercase), "{method} {path}: {summary}");
            assert!(known.insert(summary.to_owned()), "{method} {path}: {summary} stands for another, too");
        }
    }
    system.stop().await;
}
