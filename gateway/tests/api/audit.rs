//! The audit log: what services record, how it is read, and that nobody changes it.

use crate::gateway_fixture::{ADMIN, PASSWORD, config};
use chrono::{DateTime, TimeDelta, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};
use gateway::{MIGRATIONS, app};
use serde_json::{Value, json};
use shared::{
    auth::KeySource,
    bus::{Bus, in_process::InProcess, queues},
    events::{AuditRecord, Event, EventType, Json},
    ids::UserId,
    service::{Running, ServiceContext},
};
use std::sync::Arc;
use testkit::{Client, TestDatabase};

/// A gateway on a bus of the test's own.
struct Scene {
    database: TestDatabase,
    bus: Bus,
    running: Running,
    admin: Client,
}

impl Scene {
    async fn start() -> Self {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let bus = Bus::new(InProcess::with_queues(queues::ALL));
        let context = ServiceContext::new(bus.clone(), KeySource::in_process());
        let running = app::start(config(&database), context).await.expect("the gateway starts");
        let anybody = Client::new(format!("http://{}", running.address));
        let login = json!({"email": ADMIN, "password": PASSWORD});
        let tokens = anybody.post("/api/v1/auth/login", &login).await.expect(200);
        let admin = anybody.with_token(tokens["access_token"].as_str().unwrap());
        Self { database, bus, running, admin }
    }

    /// Publishes an event; ready when the gateway has committed what it makes of it.
    async fn publish(&self, event: &Event) {
        self.bus.publish(Arc::new(event.clone())).await.expect("a confirm");
    }

    /// Records a change of a city so many minutes ago.
    async fn record(&self, actor: UserId, action: &str, subject: &str, minutes: i64) -> Event {
        let (before, after) = (json!({"name": "A"}), json!({"name": "B"}));
        let record = AuditRecord::of_change(actor, action, subject, Some(before), Some(after), "r-1");
        let mut event = record.event("flight");
        event.time -= TimeDelta::minutes(minutes);
        self.publish(&event).await;
        event
    }

    async fn list(&self, query: &str) -> Vec<Value> {
        let list = self.admin.get(&format!("/api/v1/admin/audit?{query}")).await.expect(200);
        list["data"].as_array().expect("a list").clone()
    }

    /// A connection as the gateway's own role.
    async fn as_gateway(&self) -> AsyncPgConnection {
        self.database.config("gateway").connect().await.expect("a connection")
    }

    async fn as_superuser(&self) -> AsyncPgConnection {
        AsyncPgConnection::establish(&self.database.superuser_url()).await.expect("a connection")
    }
}

fn ids(entries: &[Value]) -> Vec<String> {
    entries.iter().map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
}

/// An instant as a query parameter.
fn at(event: &Event) -> String {
    let at: DateTime<Utc> = event.time;
    at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true)
}

#[actix_web::test]
async fn what_services_record_is_kept_once_and_read_newest_first() {
    let scene = Scene::start().await;
    let actor = UserId::new();
    let first = scene.record(actor, "city.change", "city/LON", 5).await;
    let second = scene.record(actor, "city.delete", "city/PAR", 1).await;
    scene.publish(&first).await;
    let entries = scene.list("").await;
    assert_eq!(ids(&entries), [second.id.to_string(), first.id.to_string()]);
    assert_eq!(
        entries[1],
        json!({
            "id": first.id, "at": first.time, "actor": actor, "action": "city.change", "subject": "city/LON",
            "before": {"name": "A"}, "after": {"name": "B"}, "request_id": "r-1",
        })
    );
    let answer = scene.admin.get("/api/v1/admin/audit").await;
    assert_eq!((answer.header("cache-control"), answer.header("vary")), ("private, no-store", "Accept"));
}

#[actix_web::test]
async fn filters_are_joined_and_pages_go_on() {
    let scene = Scene::start().await;
    let (ada, eve) = (UserId::new(), UserId::new());
    let a = scene.record(ada, "city.change", "city/LON", 30).await;
    let b = scene.record(ada, "city.change", "city/PAR", 20).await;
    let c = scene.record(eve, "city.change", "city/LON", 10).await;
    let d = scene.record(eve, "city.delete", "city/LON", 10).await;
    for (query, wanted) in [
        (format!("actor={ada}"), vec![&b, &a]),
        ("action=city.delete".to_owned(), vec![&d]),
        ("subject=city/PAR".to_owned(), vec![&b]),
        (format!("actor={eve}&action=city.change"), vec![&c]),
        (format!("actor={ada}&action=city.delete"), vec![]),
        (format!("to={}", at(&b)), vec![&a]),
        (format!("from={}&to={}", at(&b), at(&c)), vec![&b]),
        (format!("from={}&to={}", at(&b), at(&b)), vec![]),
    ] {
        let wanted: Vec<_> = wanted.iter().map(|event| event.id.to_string()).collect();
        assert_eq!(ids(&scene.list(&query).await), wanted, "{query}");
    }
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = scene.admin.get(&format!("/api/v1/admin/audit?limit=1{after}")).await.expect(200);
        found.extend(ids(page["data"].as_array().unwrap()));
        match page["page"]["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(found, ids(&scene.list("").await));
    let foreign = scene.admin.get(&format!("/api/v1/admin/audit?action=city.change{after}")).await;
    assert_eq!(foreign.invalid(), ["after"]);
}

#[actix_web::test]
async fn bad_filters_are_named() {
    let scene = Scene::start().await;
    for (query, wrong) in [
        ("from=2026-12-02T00:00:00Z&to=2026-12-01T00:00:00Z", "from"),
        ("from=yesterday", "from"),
        ("to=2026-12-01", "to"),
        ("actor=ada", "actor"),
        ("action=", "action"),
        ("colour=red", "colour"),
        ("limit=0", "limit"),
        ("after=x", "after"),
    ] {
        let answer = scene.admin.get(&format!("/api/v1/admin/audit?{query}")).await;
        answer.expect_problem(422, "validation_failed");
        assert_eq!(answer.invalid(), [wrong], "{query}");
    }
    let long = scene.admin.get(&format!("/api/v1/admin/audit?subject={}", "x".repeat(201))).await;
    assert_eq!(long.invalid(), ["subject"]);
}

#[actix_web::test]
async fn an_export_has_every_line_and_no_formula() {
    let scene = Scene::start().await;
    let many = "INSERT INTO audit.audit_log (id, at, actor, action, subject, request_id) \
                SELECT gen_random_uuid(), now() - number * interval '1 second', gen_random_uuid(), 'x', 'y', 'r' \
                FROM generate_series(1, 1203) AS number";
    let inserted = diesel::sql_query(many).execute(&mut scene.as_gateway().await).await;
    assert_eq!(inserted, Ok(1203), "the service may append");
    scene.record(UserId::new(), "=cmd()", "city/\"LON\"", -1).await;
    let csv = scene.admin.with_header("accept", "text/csv");
    let answer = csv.get("/api/v1/admin/audit").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "text/csv; charset=utf-8; header=present");
    assert_eq!(answer.header("content-disposition"), "attachment; filename=\"audit.csv\"");
    assert_eq!((answer.header("cache-control"), answer.header("vary")), ("private, no-store", "Accept"));
    let text = String::from_utf8(answer.bytes).unwrap();
    let lines: Vec<_> = text.split("\r\n").collect();
    assert_eq!(lines[0], "id,at,actor,action,subject,before,after,request_id");
    assert_eq!(lines.len(), 1 + 1204 + 1, "a header, each line once, and an end");
    assert!(lines[1].contains(",'=cmd(),\"city/\"\"LON\"\"\",\"{\"\"name\"\":\"\"A\"\"}\","), "{}", lines[1]);
    let one = csv.get("/api/v1/admin/audit?action=%3Dcmd()").await;
    assert_eq!(String::from_utf8(one.bytes).unwrap().lines().count(), 2);
    assert_eq!(csv.get("/api/v1/admin/audit?limit=5").await.invalid(), ["limit"]);
    let picture = scene.admin.with_header("accept", "image/png").get("/api/v1/admin/audit").await;
    picture.expect_problem(406, "not_acceptable");
}

#[actix_web::test]
async fn nobody_changes_the_log() {
    let scene = Scene::start().await;
    scene.record(UserId::new(), "city.change", "city/LON", 0).await;
    let changes = [
        "UPDATE audit.audit_log SET actor = gen_random_uuid()",
        "DELETE FROM audit.audit_log",
        "TRUNCATE audit.audit_log",
        "DROP TABLE audit.audit_log",
        "ALTER TABLE audit.audit_log DISABLE TRIGGER ALL",
        "DROP SCHEMA audit CASCADE",
        "CREATE TABLE audit.mine ()",
        "SET ROLE aerobus_audit",
    ];
    for change in changes {
        let mut service = scene.as_gateway().await;
        assert!(service.batch_execute(change).await.is_err(), "the service may not: {change}");
    }
    for change in &changes[..3] {
        for role in ["aerobus_audit", "postgres"] {
            let mut owner = scene.as_superuser().await;
            if role == "aerobus_audit" {
                owner.batch_execute("SET ROLE aerobus_audit").await.unwrap();
            }
            let refused = owner.batch_execute(change).await.unwrap_err().to_string();
            assert!(refused.contains("append-only"), "{role}, {change}: {refused}");
        }
    }
    assert_eq!(scene.list("").await.len(), 1);
}

#[actix_web::test]
async fn secrets_and_people_are_masked_at_the_door() {
    let scene = Scene::start().await;
    let after = json!({"id": "7", "email": "ada@example.org", "given_name": "Ada", "password": "hunter2",
        "api_keys": [{"key": "aero_x"}], "status": "active", "email_verified": true});
    let record = AuditRecord::of_change(UserId::new(), "user.create", "user/7", None, Some(after), "r");
    scene.publish(&record.event("gateway")).await;
    let entry = scene.list("subject=user/7").await.remove(0);
    assert_eq!(
        entry["after"],
        json!({"id": "7", "email": "***", "given_name": "***", "password": "***", "api_keys": "***",
               "status": "active", "email_verified": true})
    );
    let stored = "SELECT 1 FROM audit.audit_log WHERE concat(before, after) ~ 'ada|Ada|hunter2|aero_'";
    assert_eq!(diesel::sql_query(stored).execute(&mut scene.as_gateway().await).await, Ok(0));
}

#[actix_web::test]
async fn the_gateways_own_records_go_the_same_way() {
    let scene = Scene::start().await;
    let broken = Event::new("flight", EventType::AuditRecorded, "x", 1, &json!({"actor": "nobody"}));
    scene.publish(&broken).await;
    let letters = scene.admin.get("/api/v1/admin/dead-letters/gateway").await.expect(200);
    let letter = &letters["data"][0];
    assert_eq!((&letter["queue"], &letter["event_id"]), (&json!("gateway.audit"), &json!(broken.id)));
    let replay = format!("/api/v1/admin/dead-letters/gateway/{}/replay", letter["id"].as_str().unwrap());
    scene.admin.post(&replay, &json!({})).await.expect_problem(409, "conflict");

    let mended = AuditRecord::of_reading(UserId::new(), "manifest.read", "flight/x", "r");
    let mended = Event { data: Json::of(&mended), ..broken };
    let payload: String = mended.encode().iter().map(|byte| format!("{byte:02x}")).collect();
    let update = format!("UPDATE dead_letters SET payload = '\\x{payload}'");
    diesel::sql_query(update).execute(&mut scene.as_gateway().await).await.unwrap();
    let body = json!({});
    let twice = [scene.admin.post(&replay, &body), scene.admin.post(&replay, &body)];
    for answer in futures_util::future::join_all(twice).await {
        assert!(answer.expect(200)["replayed_at"].is_string());
    }
    assert_eq!(ids(&scene.list("action=manifest.read").await), [mended.id.to_string()]);
    let Scene { database, running, .. } = scene;
    // A stop publishes what the outbox has, and its consumers take it.
    running.stop().await;
    let mut connection = database.config("gateway").connect().await.unwrap();
    let recorded = "SELECT 1 FROM audit.audit_log WHERE action = 'dead_letter.replay'";
    assert_eq!(diesel::sql_query(recorded).execute(&mut connection).await, Ok(1), "once");
}
