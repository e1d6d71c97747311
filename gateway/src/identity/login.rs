//! Logging in.
//!
//! An address without an account gets the same answers, after the same time and with the same delays, as one that
//! has an account.

use super::{IdentityService, TokenSet, second_factor, session_alert, sessions};
use crate::{
    domain::{
        client_device::ClientDevice,
        known_device::{self, KnownDevice},
        login_bounds::{FailureCounts, LoginOrigin},
        login_email::LoginEmail,
        password::LoginPassword,
        refresh_token::RefreshToken,
        totp::SecondFactor,
    },
    error::IdentityError,
    security_event::SecurityEvent,
    store::{
        known_devices, login_failures, user_passwords,
        users::{self, CurrentUser},
    },
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    events::AlertReason,
    ids::{SessionId, UserId},
};
use std::time::Duration;

/// The wait of a login that others came before: what they have counted may be over already.
const SHORTEST_WAIT: Duration = Duration::from_secs(1);

/// The credentials of a login.
#[derive(Debug, Clone)]
pub(crate) struct Login {
    /// The address.
    pub(crate) email: LoginEmail,
    /// The password.
    pub(crate) password: LoginPassword,
    /// A code of the second factor, or a recovery code.
    pub(crate) second_factor: Option<SecondFactor>,
}

/// An attempt that no bound holds up.
pub(super) struct Attempt<'a> {
    pub(super) client: &'a ClientDevice,
    pub(super) origin: LoginOrigin,
    pub(super) device: KnownDevice,
    /// Whether the account has logged in from this network before.
    pub(super) known_network: bool,
    /// The failures when the attempt began.
    pub(super) counts: FailureCounts,
}

impl Attempt<'_> {
    /// Holds the attempt up if others have failed since it began.
    pub(super) fn check(&self, now: FailureCounts) -> Result<(), IdentityError> {
        if now.overtaken_since(self.counts, self.known_network) {
            return Err(IdentityError::Locked(now.wait(self.known_network).unwrap_or(SHORTEST_WAIT)));
        }
        Ok(())
    }
}

impl IdentityService {
    /// Starts a session if the password is right.
    ///
    /// The failures are read twice: before the check of the password, to refuse cheaply, and after it, so that guesses
    /// at the same time count like guesses one after the other.
    ///
    /// # Errors
    /// [`IdentityError::InvalidCredentials`], [`IdentityError::SecondFactorMissing`],
    /// [`IdentityError::WrongSecondFactor`], [`IdentityError::SecondFactorUnreadable`], [`IdentityError::Locked`], or a fault of ours.
    pub(crate) async fn log_in(
        &self,
        login: Login,
        device: &ClientDevice,
    ) -> Result<TokenSet, IdentityError> {
        let result = self.try_log_in(login, device).await;
        match result {
            Ok(_) => SecurityEvent::LoginSucceeded.record(),
            Err(IdentityError::InvalidCredentials | IdentityError::WrongSecondFactor) => {
                SecurityEvent::LoginFailed.record();
            }
            Err(IdentityError::Locked(_)) => SecurityEvent::LoginHeldUp.record(),
            Err(_) => {}
        }
        result
    }

    async fn try_log_in(&self, login: Login, client: &ClientDevice) -> Result<TokenSet, IdentityError> {
        let origin = LoginOrigin { account: login.email.digest(), network: known_device::network(client) };
        let device = KnownDevice::from(client);
        // The connection goes back before the password is checked, which takes long.
        let (mut credentials, known_network, counts) = {
            let mut connection = self.pool.get().await?;
            let credentials = users::credentials(&mut connection, &login.email).await?;
            let user = credentials.as_ref().map(|credentials| UserId(credentials.id));
            let known = known_devices::knows_network(&mut connection, user, &device).await?;
            (credentials, known, login_failures::read(&mut connection, &origin).await?)
        };
        if let Some(wait) = counts.wait(known_network) {
            return Err(IdentityError::Locked(wait));
        }
        let attempt = Attempt { client, origin, device, known_network, counts };
        let (password, second_factor) = (login.password.into_secret(), login.second_factor.as_ref());
        // Once more where the password was changed while it was checked, or hashed anew.
        for _ in 0..2 {
            let hash = credentials.as_ref().and_then(|credentials| credentials.password_hash.clone());
            let right = self.hasher.for_client(client).verify(password.clone(), hash.clone()).await?;
            let Some((id, hash)) = credentials.map(|known| UserId(known.id)).zip(hash).filter(|_| right)
            else {
                break;
            };
            match self.start_session((id, &hash), &attempt, second_factor).await {
                Ok(Some(tokens)) => {
                    self.upgrade_hash(id, password, hash);
                    return Ok(tokens);
                }
                Ok(None) => {}
                Err(wrong @ IdentityError::WrongSecondFactor) => {
                    return Err(self.count_failure(&attempt, wrong).await?);
                }
                Err(error) => return Err(error),
            }
            credentials = users::credentials(&mut *self.pool.get().await?, &login.email).await?;
        }
        Err(self.count_failure(&attempt, IdentityError::InvalidCredentials).await?)
    }

    /// Starts a session of a user whose password has this hash; `None` if the password has another one by now.
    async fn start_session(
        &self,
        (id, hash): (UserId, &str),
        attempt: &Attempt<'_>,
        second_factor: Option<&SecondFactor>,
    ) -> Result<Option<TokenSet>, IdentityError> {
        let (session, token) = (SessionId::new(), RefreshToken::generate());
        let current = (*self.pool.get().await?)
            .transaction(async |connection: &mut AsyncPgConnection| {
                // A session that a change of the password does not see would outlive it.
                if !user_passwords::hold(connection, id, hash).await? {
                    return Ok(None);
                }
                let current = admit(connection, id, attempt).await?;
                second_factor::check(connection, &self.totp, id, second_factor).await?;
                sessions::begin(connection, session, id, &token, attempt.client).await?;
                if !known_devices::is_known(connection, id, &attempt.device).await? {
                    session_alert::alert(connection, &current.user, AlertReason::NewDevice, attempt.client)
                        .await?;
                }
                known_devices::remember(connection, id, &attempt.device).await?;
                Ok::<_, IdentityError>(Some(current))
            })
            .await?;
        self.relay.nudge();
        let tokens = |current: CurrentUser| {
            let session = (session, sessions::session_end(current.at));
            self.issuer.tokens(current, session, token.to_text())
        };
        current.map(tokens).transpose()
    }

    /// Counts a failure; returns the error to answer with, which is `failure` where nothing holds the attempt up.
    pub(super) async fn count_failure(
        &self,
        attempt: &Attempt<'_>,
        failure: IdentityError,
    ) -> Result<IdentityError, IdentityError> {
        let counts = login_failures::add(&mut *self.pool.get().await?, &attempt.origin).await?;
        let before = counts.without_last();
        Ok(match attempt.check(before) {
            Err(_) => IdentityError::Locked(counts.wait(attempt.known_network).unwrap_or(SHORTEST_WAIT)),
            Ok(()) => failure,
        })
    }
}

/// The user of an attempt with the right password, whose failures are then forgotten.
async fn admit(
    connection: &mut AsyncPgConnection,
    id: UserId,
    attempt: &Attempt<'_>,
) -> Result<CurrentUser, IdentityError> {
    // Who changes the user locks the user first, and then the failures.
    let current = users::lock_current(connection, id).await?;
    let mut counts = login_failures::read(connection, &attempt.origin).await?;
    counts.together = login_failures::forget(connection, &attempt.origin).await?;
    attempt.check(counts)?;
    // An account that was deactivated meanwhile is refused like one deactivated before.
    current.ok_or(IdentityError::InvalidCredentials)
}
