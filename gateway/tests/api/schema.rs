//! `schema.rs` against the migrations.

use testkit::TestDatabase;

#[actix_web::test]
async fn schema_rs_says_what_the_migrations_make() {
    let database = TestDatabase::of("gateway", gateway::MIGRATIONS).await;
    let texts =
        [include_str!("../../src/store/schema.rs"), include_str!("../../../shared/src/outbox/schema.rs")];
    let differences = testkit::schema_differences(&database.config("gateway"), &texts).await;
    assert!(differences.is_empty(), "run ./dev schema: {differences:#?}");
}
