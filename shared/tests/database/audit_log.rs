//! How the audit log comes into a database, whoever administers it.

use crate::scene::{number, run, superuser};
use shared::db::{SHARED_MIGRATIONS, provision};
use testkit::TestDatabase;

const LINE: &str = "INSERT INTO audit.audit_log (id, at, actor, action, subject, request_id) \
                    VALUES (gen_random_uuid(), now(), gen_random_uuid(), 'city.change', 'city/LON', 'r')";

#[tokio::test]
async fn an_administrator_who_is_no_superuser_makes_it_and_lines_outlive_the_next_update() {
    // Without the gateway's schema there is no log yet.
    let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
    let mut superuser = superuser(&database.superuser_url()).await;
    let mut url: url::Url = database.superuser_url().parse().unwrap();
    let name = url.path().trim_start_matches('/').to_owned();
    // Roles belong to the whole cluster: a name that no other test has.
    let administrator = format!("keeper_{}", uuid::Uuid::now_v7().simple());
    // The services' roles may be there already, made by another test.
    for role in ["aerobus_gateway LOGIN", "aerobus_audit NOLOGIN"] {
        let make = format!(
            "DO $$ BEGIN CREATE ROLE {role}; EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
        );
        run(&mut superuser, &make).await.unwrap();
    }
    for statement in [
        format!("CREATE ROLE {administrator} LOGIN CREATEROLE PASSWORD 'test'"),
        format!("GRANT CREATE ON DATABASE {name} TO {administrator}"),
        format!("GRANT aerobus_gateway TO {administrator}"),
    ] {
        run(&mut superuser, &statement).await.unwrap();
    }
    url.set_username(&administrator).unwrap();
    url.set_password(Some("test")).unwrap();
    let (admin_url, password) = (String::from(url).into(), "test".to_owned().into());
    let mut changes = Vec::new();
    for _ in 0..2 {
        let access = provision(&admin_url, "gateway", &password, 1).await.unwrap();
        let mut service = access.connect().await.unwrap();
        assert_eq!(run(&mut service, LINE).await, Ok(1));
        for change in ["DELETE FROM audit.audit_log", "DROP TABLE audit.audit_log"] {
            changes.push(run(&mut service, change).await.is_err());
        }
    }
    let lines = number(&mut superuser, "SELECT count(*) AS number FROM audit.audit_log").await;
    for statement in [
        format!("REVOKE CREATE ON DATABASE {name} FROM {administrator}"),
        format!("REVOKE aerobus_audit, aerobus_gateway FROM {administrator}"),
        format!("DROP ROLE {administrator}"),
    ] {
        run(&mut superuser, &statement).await.unwrap();
    }
    assert_eq!((lines, changes), (2, vec![true; 4]));
}
