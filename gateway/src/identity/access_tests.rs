//! Changes of access that race with tokens being issued.

use super::*;
use crate::{
    actors::{KeyRing, PasswordHasher},
    domain::{client_device::ClientDevice, refresh_token::RefreshToken, totp::TotpVault, user::CUSTOMER},
    error::IdentityError,
    identity::{AccessTokenIssuer, IdentityService, TokenSet, registration},
    store::{MIGRATIONS, revocations, roles, users::NewUser},
};
use diesel_async::AsyncConnection;
use futures_util::future::join;
use secrecy::{ExposeSecret, SecretString};
use shared::{
    auth::{KeySource, RevocationFeed, RevocationList, TokenError, Verifier},
    bus::{Bus, in_process::InProcess},
    db::{DbError, Pool},
    locale::Locale,
    outbox::Relay,
    person_name::PersonName,
};
use testkit::TestDatabase;

/// Races of each kind.
const RACES: usize = 150;
/// A role that a user of the test has or has not.
const ROLE: &str = "agent";

/// The use cases over a database of their own, and a verifier that hears what they revoke.
struct Scene {
    identity: IdentityService,
    verifier: Verifier,
    feed: RevocationFeed,
    keys: KeyRing,
    bus: Bus,
    database: TestDatabase,
}

impl Scene {
    async fn start() -> Self {
        let database = TestDatabase::of("gateway", MIGRATIONS).await;
        let config = database.config("gateway");
        let (pool, bus, source) = (Pool::new(&config), Bus::new(InProcess::new()), KeySource::in_process());
        let secret = SecretString::from("the secret of the signing keys, in tests only");
        let keys = KeyRing::start(pool.clone(), secret.clone(), source.clone()).await.unwrap();
        let identity = IdentityService {
            hasher: PasswordHasher::start(4, 1, 8).unwrap(),
            totp: TotpVault::new(&secret),
            issuer: AccessTokenIssuer::new(keys.clone(), "issuer", "audience"),
            relay: Relay::start("gateway", &config, bus.clone()),
            pool: pool.clone(),
        };
        let list = RevocationList::in_process();
        let verifier = Verifier::new(source, "issuer", "audience").with_revocations(list.clone());
        let read = async move || Ok::<_, DbError>(revocations::recent(&mut *pool.get().await?).await?);
        let feed = RevocationFeed::start("gateway", list, bus.clone(), read);
        Self { identity, verifier, feed, keys, bus, database }
    }

    /// A customer with a session; the session's first refresh token.
    async fn customer(&self) -> (UserId, SessionId, RefreshToken) {
        let (id, session, token) = (UserId::new(), SessionId::new(), RefreshToken::generate());
        let email = format!("{id}@example.org").parse().unwrap();
        let new = NewUser {
            id,
            email: &email,
            email_verified: true,
            password_hash: None,
            given_name: &PersonName::stored("Ada".to_owned()),
            family_name: &PersonName::stored("Lovelace".to_owned()),
            locale: &Locale::default(),
        };
        let connection = &mut *self.identity.pool.get().await.unwrap();
        registration::insert(connection, &new, CUSTOMER).await.unwrap();
        crate::identity::sessions::begin(connection, session, id, &token, &ClientDevice::default())
            .await
            .unwrap();
        (id, session, token)
    }

    async fn refresh(&self, token: &SecretString) -> Result<TokenSet, IdentityError> {
        self.identity.refresh(token.expose_secret(), &ClientDevice::default()).await
    }

    /// Gives a user the role, as the administration of users would.
    async fn grant(&self, user: UserId) {
        let mut connection = self.identity.pool.get().await.unwrap();
        let grant = async |connection: &mut AsyncPgConnection| {
            roles::grant(connection, user, [ROLE]).await?;
            access_changed(connection, user, 2).await
        };
        (*connection).transaction(grant).await.unwrap();
        self.identity.relay.nudge();
    }

    async fn stop(self) {
        self.feed.stop().await;
        self.keys.stop().await;
        self.identity.relay.stop().await;
        self.bus.close().await;
        self.identity.pool.close();
        drop(self.database);
    }
}

#[actix_web::test]
async fn no_token_of_before_a_change_outlives_it() {
    let scene = Scene::start().await;
    let (mut old, mut new) = (0, 0);
    for _ in 0..RACES {
        let (user, _, mut token) = scene.customer().await;
        // Several in a row, so that one of them meets the change.
        let refreshing = async {
            let mut issued = Vec::new();
            for _ in 0..4 {
                let tokens = scene.refresh(&token.to_text()).await.unwrap();
                // Verified at once: the verifier's cache knows it.
                let _ = scene.verifier.verify(tokens.access_token.expose_secret()).await;
                token = RefreshToken::parse(tokens.refresh_token.expose_secret()).unwrap();
                issued.push(tokens);
            }
            issued
        };
        let (issued, ()) = join(refreshing, scene.grant(user)).await;
        scene.identity.relay.drain().await;
        for tokens in issued {
            let verified = scene.verifier.verify(tokens.access_token.expose_secret()).await;
            if tokens.user.roles.iter().any(|role| role == ROLE) {
                assert!(verified.is_ok(), "a token that knows of the change is good: {verified:?}");
                new += 1;
            } else {
                assert_eq!(verified, Err(TokenError::Expired), "it knows nothing of the change");
                old += 1;
            }
        }
    }
    assert!(old > RACES / 4 && new > RACES / 4, "they have raced: {old} before, {new} after");
    scene.stop().await;
}

#[actix_web::test]
async fn no_token_of_an_ended_session_is_left() {
    let scene = Scene::start().await;
    for _ in 0..RACES {
        let (_, session, token) = scene.customer().await;
        let end = async {
            let mut connection = scene.identity.pool.get().await.unwrap();
            let end = async |connection: &mut AsyncPgConnection| end_session(connection, session).await;
            (*connection).transaction(end).await.unwrap();
            scene.identity.relay.nudge();
        };
        let text = token.to_text();
        let (tokens, ()) = join(scene.refresh(&text), end).await;
        scene.identity.relay.drain().await;
        if let Ok(tokens) = tokens {
            let verified = scene.verifier.verify(tokens.access_token.expose_secret()).await;
            assert_eq!(verified, Err(TokenError::SessionEnded));
        }
    }
    scene.stop().await;
}

#[actix_web::test]
async fn changes_and_refreshes_of_one_user_lock_in_one_order() {
    let scene = Scene::start().await;
    for _ in 0..RACES / 3 {
        let (user, session, token) = scene.customer().await;
        let text = token.to_text();
        // As a change of password does it: the user first, then its sessions.
        let change = async {
            let mut connection = scene.identity.pool.get().await.unwrap();
            let change = async |connection: &mut AsyncPgConnection| {
                access_changed(connection, user, 2).await?;
                end_session(connection, session).await
            };
            (*connection).transaction(change).await.expect("no deadlock");
        };
        let refreshes = join(scene.refresh(&text), scene.refresh(&text));
        let ((one, other), ()) = join(refreshes, change).await;
        for refreshed in [one, other] {
            assert!(matches!(refreshed, Ok(_) | Err(IdentityError::SessionEnded)));
        }
    }
    scene.stop().await;
}
