//! The listener against a server that ends its connection or refuses it.

use crate::scene::within;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::db::{
    SHARED_MIGRATIONS,
    notifications::{Listener, ListenerEvent, notify},
};
use testkit::TestDatabase;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// A listener, and what it tells.
fn listener(database: &TestDatabase, channel: &str) -> (Listener, UnboundedReceiver<ListenerEvent>) {
    let (told, events) = unbounded_channel();
    // A test that has ended no longer listens.
    let tell = move |event| {
        let _ = told.send(event);
    };
    (Listener::start(&database.config("booking"), channel.to_owned(), tell), events)
}

#[actix::test]
async fn a_listener_connects_again_and_ends_when_it_is_dropped() {
    let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
    let (listener, mut events) = listener(&database, "a \"channel\"");
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Listening));
    let mut other = AsyncPgConnection::establish(&database.superuser_url()).await.unwrap();
    notify(&other, "another".to_owned()).await.unwrap();
    notify(&other, "a \"channel\"".to_owned()).await.unwrap();
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Notified));
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE 'LISTEN%'";
    diesel::sql_query(end).execute(&mut other).await.unwrap();
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Deaf));
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Listening));
    notify(&other, "a \"channel\"".to_owned()).await.unwrap();
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Notified));
    drop(listener);
    assert_eq!(within(events.recv()).await, None);
}

#[actix::test]
async fn a_listener_that_is_refused_is_deaf() {
    let database = TestDatabase::of("booking", SHARED_MIGRATIONS).await;
    // There is no channel without a name.
    let (_listener, mut events) = listener(&database, "");
    assert_eq!(within(events.recv()).await, Some(ListenerEvent::Deaf));
}
