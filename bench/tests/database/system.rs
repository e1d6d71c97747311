//! What `./dev bench system` asks the databases of the whole.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use bench::{
    booking::sale::CUSTOMERS,
    cluster::ServiceDatabase,
    system::{
        customers,
        letters::{LetterQueue, LettersBehind},
    },
};
use secrecy::SecretString;
use serde_json::Value;
use shared::db::DatabaseConfig;
use std::{ops::RangeInclusive, time::Duration};
use testkit::TestDatabase;

fn as_superuser(database: &TestDatabase, schema: &str) -> ServiceDatabase {
    let config = database.config(schema);
    ServiceDatabase { config: DatabaseConfig { url: database.superuser_url().into(), ..config } }
}

#[actix_web::test]
async fn letters_are_behind_until_they_are_sent_and_events_until_they_are_published() {
    let schemas = vec![("booking", booking::MIGRATIONS), ("mailer", mailer::MIGRATIONS)];
    let database = TestDatabase::create(schemas).await;
    let whole = as_superuser(&database, "booking");
    let letters = |ids: RangeInclusive<u32>, given_up: &str| {
        format!(
            "INSERT INTO mailer.letters (id, template, event_id, aggregate, aggregate_version, recipient, locale, subject, \
             data, message_id, given_up) \
             SELECT lpad(n::text, 32, '0')::uuid, 't', gen_random_uuid(), 'a', 1, 'r', 'en', 's', '{{}}', 'm', {given_up} \
             FROM generate_series({}, {}) AS n",
            ids.start(),
            ids.end()
        )
    };
    whole.run(&letters(1..=3, "NULL")).await.unwrap();
    let mut queue = LetterQueue::open(&SecretString::from(database.superuser_url())).await.unwrap();
    queue.expect(5);
    whole.run(&letters(4..=5, "NULL")).await.unwrap();
    whole.run(&letters(6..=6, "'failed'")).await.unwrap();
    whole.run(&letters(7..=8, "NULL")).await.unwrap();
    let queued =
        "INSERT INTO mailer.letter_queue (letter_id) SELECT id FROM mailer.letters ORDER BY id DESC LIMIT 2";
    whole.run(queued).await.unwrap();
    assert_eq!(queue.behind().await.unwrap(), LettersBehind { behind: 2, given_up: 1 });
    assert_eq!(queue.drain(Duration::ZERO).await.unwrap(), None);

    whole.run("DELETE FROM mailer.letter_queue").await.unwrap();
    whole.run("INSERT INTO outbox (event_id) VALUES (gen_random_uuid())").await.unwrap();
    assert_eq!(queue.drain(Duration::ZERO).await.unwrap(), None, "an event is not published");
    whole.run("DELETE FROM outbox").await.unwrap();
    assert!(queue.drain(Duration::ZERO).await.unwrap().is_some());
    assert_eq!(queue.behind().await.unwrap(), LettersBehind::default(), "all anew");
}

#[actix_web::test]
async fn customers_have_tokens_under_the_key_that_the_gateway_signs_with() {
    let database = TestDatabase::of("gateway", gateway::MIGRATIONS).await;
    let whole = as_superuser(&database, "gateway");
    let folder = tempfile::tempdir().unwrap();
    assert!(customers::tokens(folder.path(), &whole).await.is_err(), "no key yet");
    let keys = "INSERT INTO signing_keys (kid, public_key, created_at, retired_at) VALUES \
                ('retired', 'x', now(), now()), ('used', 'y', now() - interval '1 hour', NULL)";
    whole.run(keys).await.unwrap();
    let tokens = customers::tokens(folder.path(), &whole).await.unwrap();
    assert_eq!(tokens.len(), CUSTOMERS);
    let part = |part: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap();
    let parts: Vec<Value> = tokens[7].split('.').take(2).map(part).collect();
    assert_eq!(parts[0]["kid"], "used");
    assert_eq!(parts[1]["email"], "customer7@example.org");
    assert_eq!((&parts[1]["email_verified"], &parts[1]["scope"]), (&true.into(), &"limits:exempt".into()));
}
