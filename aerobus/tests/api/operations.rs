//! Audit log, instances and dead letters of the whole system.

use crate::system::RunningSystem;
use diesel_async::RunQueryDsl;
use serde_json::Value;

#[actix_web::test]
async fn operators_see_all_services_and_what_staff_did_in_them() {
    let system = RunningSystem::with(None, true).await;
    let admin = system.administrator().await;
    system.make_network(&admin, "ABC", 3).await;
    let report = admin.get("/api/v1/admin/system").await.expect(200);
    let services = report["services"].as_array().expect("a list");
    assert_eq!(services.len(), 4);
    for service in services {
        let instances = service["instances"].as_array().expect("a list");
        assert_eq!(instances.len(), 1, "{service}");
        assert_eq!(instances[0]["version"], env!("CARGO_PKG_VERSION"), "{service}");
        assert!(instances[0]["started_at"].is_string() && service["outbox_pending"].is_i64(), "{service}");
        assert_eq!(service["dead_letters"], 0, "{service}");
    }
    for service in ["gateway", "flight", "booking"] {
        let letters = admin.get(&format!("/api/v1/admin/dead-letters/{service}")).await.expect(200);
        assert_eq!(letters["data"], Value::Array(Vec::new()), "{service}");
    }
    let RunningSystem { services, database, .. } = system;
    // A stop publishes what the outboxes have, while all consumers still run.
    services.stop().await;
    let mut connection = database.config("gateway").connect().await.expect("a connection");
    let made =
        "SELECT 1 FROM audit.audit_log WHERE action = 'city.create' AND subject IN ('city/AAA', 'city/BBB')";
    assert_eq!(diesel::sql_query(made).execute(&mut connection).await, Ok(2));
}
