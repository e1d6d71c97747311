//! What is revoked is refused by verifiers, their caches included, whatever the bus does.

use crate::fixture::{show_logs, within};
use chrono::{TimeDelta, Utc};
use shared::{
    auth::{
        KeySet, KeySource, RecentRevocations, Revocation, RevocationFeed, RevocationList, RevokedSubject,
        TokenError, Verifier, token_id,
    },
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        in_process::InProcess,
    },
    events::{AccessChange, Event, EventType, SessionEnd},
    ids::{SessionId, UserId},
};
use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
};
use testkit::{BrokerProxy, TokenIssuer};

/// What the gateway's table has.
type Table = Arc<Mutex<Vec<Revocation>>>;

/// A verifier with its list.
struct Scene {
    issuer: TokenIssuer,
    keys: KeySource,
    list: RevocationList,
    verifier: Verifier,
}

impl Scene {
    fn new() -> Self {
        show_logs();
        let (issuer, list) = (TokenIssuer::new(), RevocationList::unfilled());
        let keys = issuer.keys();
        let verifier = Verifier::new(keys.clone(), "https://aerobus.dev", "aerobus");
        let verifier = verifier.with_revocations(list.clone());
        Self { issuer, keys, list, verifier }
    }

    /// A token that is in the verifier's cache.
    async fn known_token(&self, user: UserId) -> String {
        let token = self.issuer.token(user, &[]);
        self.verifier.verify(&token).await.expect("a good token");
        token
    }

    fn feed(&self, bus: &Bus, table: &Table) -> RevocationFeed {
        let table = Arc::clone(table);
        let read = async move || {
            let revocations = table.lock().expect("no panic").clone();
            Ok::<_, Infallible>(RecentRevocations { revocations, all_before: None })
        };
        RevocationFeed::start("test", self.list.clone(), bus.clone(), read)
    }

    /// Waits until the list refuses a token, for which it hears or reads something.
    async fn refused(&self, token: &str) -> TokenError {
        let mut changes = self.list.changes();
        within(async {
            loop {
                changes.mark_unchanged();
                if let Err(error) = self.verifier.verify(token).await {
                    return error;
                }
                changes.changed().await.expect("the list lives");
            }
        })
        .await
    }
}

fn of_user(user: UserId) -> Revocation {
    Revocation { subject: RevokedSubject::User(user), at: Utc::now() + TimeDelta::seconds(1) }
}

/// The event of what the table has.
fn event(revocation: Revocation) -> Arc<Event> {
    Arc::new(match revocation.subject {
        RevokedSubject::User(user_id) => {
            let change = AccessChange { user_id, not_before: revocation.at };
            Event::new("gateway", EventType::UserAccessChanged, user_id, 1, &change)
        }
        RevokedSubject::Session(session_id) => {
            let end = SessionEnd { session_id, user_id: UserId::new(), ended_at: revocation.at };
            Event::new("gateway", EventType::SessionEnded, session_id, 1, &end)
        }
    })
}

#[actix::test]
async fn a_token_is_refused_from_the_instant_of_the_change_on() {
    let scene = Scene::new();
    let (user, session, change) = (UserId::new(), SessionId::new(), Utc::now());
    let token = |offset_micros| {
        let mut claims = scene.issuer.claims(user, &[]);
        claims.jti = token_id(change + TimeDelta::microseconds(offset_micros));
        claims.sid = session;
        scene.issuer.sign(&claims)
    };
    // All of one second: `iat` does not tell them apart.
    let (before, at, after) = (token(-1), token(0), token(1));
    for token in [&before, &at] {
        assert!(scene.verifier.verify(token).await.is_ok());
    }
    scene.list.add([Revocation { subject: RevokedSubject::User(user), at: change }]);
    assert_eq!(scene.verifier.verify(&before).await.err(), Some(TokenError::Expired), "of the cache");
    assert!(scene.verifier.verify(&at).await.is_ok());
    assert!(scene.verifier.verify(&after).await.is_ok());
    assert_eq!(scene.verifier.verify(&token(-2)).await.err(), Some(TokenError::Expired), "a new one");
    scene.list.add([Revocation { subject: RevokedSubject::Session(session), at: change }]);
    for token in [&before, &at, &after, &token(3)] {
        assert_eq!(scene.verifier.verify(token).await.err(), Some(TokenError::SessionEnded));
    }
    let other = scene.issuer.token(user, &[]);
    assert!(scene.verifier.verify(&other).await.is_ok(), "another session of the same user");
}

#[actix::test]
async fn a_token_of_a_key_that_is_trusted_no_longer_is_refused() {
    let scene = Scene::new();
    let (token, known) = (scene.issuer.token(UserId::new(), &[]), scene.known_token(UserId::new()).await);
    let other = TokenIssuer::new();
    scene.keys.replace(&KeySet {
        keys: [scene.issuer.key_set(), other.key_set()].map(|set| set.keys[0].clone()).to_vec(),
    });
    assert!(scene.verifier.verify(&known).await.is_ok(), "a further key changes nothing");
    scene.keys.replace(other.key_set());
    for token in [&token, &known] {
        assert_eq!(scene.verifier.verify(token).await.err(), Some(TokenError::Expired), "clients refresh it");
    }
    let forged = TokenIssuer::new().token(UserId::new(), &[]);
    assert_eq!(scene.verifier.verify(&forged).await.err(), Some(TokenError::Invalid));
    scene.keys.replace(scene.issuer.key_set());
    assert!(scene.verifier.verify(&known).await.is_ok());
}

#[actix::test]
async fn what_is_published_counts_when_it_is_confirmed() {
    let (scene, bus, table) = (Scene::new(), Bus::new(InProcess::new()), Table::default());
    assert!(!scene.list.is_ready(), "nothing was read yet");
    let ended = Revocation { subject: RevokedSubject::Session(SessionId::new()), at: Utc::now() };
    table.lock().expect("no panic").push(ended);
    let feed = scene.feed(&bus, &table);
    let user = UserId::new();
    let token = scene.known_token(user).await;
    within(bus.publish(event(of_user(user)))).await.expect("it is worked in");
    assert_eq!(scene.verifier.verify(&token).await.err(), Some(TokenError::Expired));
    assert!(scene.list.is_ready(), "the table was read before anything was heard");
    let garbage = Event::new("gateway", EventType::SessionEnded, "x", 1, &"no session");
    within(bus.publish(Arc::new(garbage))).await.expect("it stops nobody");
    within(feed.stop()).await;
    within(bus.close()).await;
}

#[actix::test]
async fn what_was_missed_while_the_broker_was_away_is_read() {
    let proxy = BrokerProxy::start(true).await;
    let prefix = testkit::unique_prefix();
    let connect = |url: &str| {
        let config = AmqpConfig { prefix: prefix.clone(), ..AmqpConfig::new(url.to_owned().into(), "test") };
        Bus::new(Amqp::connect(&config).expect("a URL"))
    };
    let (bus, publisher) = (connect(proxy.url()), connect(&testkit::amqp_url()));
    let (scene, table) = (Scene::new(), Table::default());
    let feed = scene.feed(&bus, &table);
    let [heard, missed, other] = [UserId::new(), UserId::new(), UserId::new()];
    let tokens =
        [scene.known_token(heard).await, scene.known_token(missed).await, scene.known_token(other).await];
    within(feed.subscribed()).await;
    // The table does not have it, so it comes over the bus.
    within(publisher.publish(event(of_user(heard)))).await.expect("it is confirmed");
    assert_eq!(scene.refused(&tokens[0]).await, TokenError::Expired);

    proxy.cut();
    // Without its answer it knows that the connection is gone.
    within(bus.publish(event(of_user(UserId::new())))).await.expect_err("it is not confirmed");
    table.lock().expect("no panic").push(of_user(missed));
    proxy.open();
    assert_eq!(scene.refused(&tokens[1]).await, TokenError::Expired);
    assert!(scene.verifier.verify(&tokens[2]).await.is_ok(), "it was not revoked");
    within(feed.stop()).await;
    for bus in [bus, publisher] {
        within(bus.close()).await;
    }
}
