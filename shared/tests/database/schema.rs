//! The outbox's `schema.rs` against the shared migrations.

use crate::scene::{database, run, superuser};
use testkit::schema_differences;

const TEXT: &str = include_str!("../../src/outbox/schema.rs");

#[tokio::test]
async fn schema_rs_says_what_the_migrations_make() {
    let database = database().await;
    let differences = schema_differences(&database.config("booking"), &[TEXT]).await;
    assert!(differences.is_empty(), "run ./dev schema: {differences:#?}");
}

#[tokio::test]
async fn every_kind_of_difference_is_seen() {
    let database = database().await;
    let mut admin = superuser(&database.superuser_url()).await;
    for change in [
        "ALTER TABLE booking.events ADD COLUMN later text",
        "ALTER TABLE booking.inbox DROP CONSTRAINT inbox_pkey, ADD PRIMARY KEY (event_id, consumer)",
        "ALTER TABLE booking.dead_letters ALTER COLUMN attempts TYPE bigint, ALTER COLUMN reason DROP NOT NULL",
        "DROP TABLE booking.outbox",
        "CREATE TABLE booking.notes (id bigint PRIMARY KEY)",
    ] {
        run(&mut admin, change).await.unwrap();
    }
    let by_hand = TEXT.split_once('\n').unwrap().1;
    let differences = schema_differences(&database.config("booking"), &[by_hand]).await;
    let expected = [
        "a file was not written",
        "outbox in the database",
        "dead_letters is",
        "events is",
        "inbox is",
        "notes is",
    ];
    assert_eq!(differences.len(), expected.len(), "{differences:#?}");
    for (difference, part) in differences.iter().zip(expected) {
        assert!(difference.contains(part), "{part}: {differences:#?}");
    }
}
