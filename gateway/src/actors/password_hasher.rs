//! Hashes passwords on threads of its own, so that a login storm starves nothing else.
//!
//! Invariant: the passwords that wait or are being hashed never exceed the configured number; a request beyond
//! it is refused at once. A `SyncArbiter` queues without a bound, so permits that travel with the messages are
//! the bound.

use actix::prelude::*;
use secrecy::{ExposeSecret, SecretString};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longest time that a caller waits: a full queue on one thread at cost 12 takes about 20 s.
const TIMEOUT: Duration = Duration::from_secs(25);

/// Why there is no hash.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// Too many passwords wait already, or for too long.
    #[error("too many passwords wait to be hashed")]
    Overloaded,
    /// The actor is gone.
    #[error("the password hasher has stopped")]
    Stopped,
    /// bcrypt refused: an error of ours, since passwords are checked before.
    #[error("bcrypt refused the password")]
    Bcrypt(#[from] bcrypt::BcryptError),
    /// bcrypt panicked: an error of ours.
    #[error("hashing a password panicked")]
    Panicked,
}

#[derive(Message)]
#[rtype(result = "Result<String, HashError>")]
struct HashPassword {
    password: SecretString,
    _permit: OwnedSemaphorePermit,
}

#[derive(Message)]
#[rtype(result = "Result<bool, HashError>")]
struct VerifyPassword {
    password: SecretString,
    /// Absent for an address without an account; the check must take as long.
    hash: Option<String>,
    _permit: OwnedSemaphorePermit,
}

/// The actor; one a thread.
struct HashingThread {
    cost: u32,
    /// The hash of a password that nobody has.
    dummy: Arc<str>,
}

impl Actor for HashingThread {
    type Context = SyncContext<Self>;
}

impl Handler<HashPassword> for HashingThread {
    type Result = Result<String, HashError>;

    fn handle(&mut self, message: HashPassword, _: &mut Self::Context) -> Self::Result {
        catch_panic(|| bcrypt::non_truncating_hash(message.password.expose_secret(), self.cost))
    }
}

impl Handler<VerifyPassword> for HashingThread {
    type Result = Result<bool, HashError>;

    fn handle(&mut self, message: VerifyPassword, _: &mut Self::Context) -> Self::Result {
        let hash = message.hash.as_deref();
        let compared = hash.unwrap_or(&self.dummy);
        let fits = catch_panic(|| bcrypt::non_truncating_verify(message.password.expose_secret(), compared))?;
        Ok(fits && hash.is_some())
    }
}

/// Turns a panic into the answer to this one message: it would end the thread's actor for good. The actor has no
/// state that a panic could leave half done.
fn catch_panic<T>(work: impl FnOnce() -> Result<T, bcrypt::BcryptError>) -> Result<T, HashError> {
    Ok(catch_unwind(AssertUnwindSafe(work)).map_err(|_| HashError::Panicked)??)
}

/// A cloneable handle of the hashing threads.
#[derive(Clone)]
pub(crate) struct PasswordHasher {
    threads: Addr<HashingThread>,
    queue_slots: Arc<Semaphore>,
}

impl PasswordHasher {
    /// Starts threads that hash with this cost. `queue` is the number of passwords that may wait or be hashed
    /// at once.
    ///
    /// # Errors
    /// [`HashError::Bcrypt`] for a cost that bcrypt does not know.
    pub(crate) fn start(cost: u32, threads: usize, queue: usize) -> Result<Self, HashError> {
        // One hash at the start, so that unknown addresses cost exactly what known ones do.
        let password = shared::ids::SessionId::new().to_string();
        let dummy: Arc<str> = bcrypt::non_truncating_hash(password, cost)?.into();
        let threads =
            SyncArbiter::start(threads.max(1), move || HashingThread { cost, dummy: dummy.clone() });
        Ok(Self { threads, queue_slots: Arc::new(Semaphore::new(queue.max(1))) })
    }

    /// The hash of a password.
    ///
    /// # Errors
    /// [`HashError`].
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, HashError> {
        let message = HashPassword { password, _permit: self.permit()? };
        self.threads.send(message).timeout(TIMEOUT).await.map_err(undelivered)?
    }

    /// Whether a password fits a hash. Without a hash the answer is no, after the same time.
    ///
    /// # Errors
    /// [`HashError`].
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<String>,
    ) -> Result<bool, HashError> {
        let message = VerifyPassword { password, hash, _permit: self.permit()? };
        self.threads.send(message).timeout(TIMEOUT).await.map_err(undelivered)?
    }

    fn permit(&self) -> Result<OwnedSemaphorePermit, HashError> {
        Arc::clone(&self.queue_slots).try_acquire_owned().map_err(|_| HashError::Overloaded)
    }
}

fn undelivered(error: MailboxError) -> HashError {
    match error {
        MailboxError::Timeout => HashError::Overloaded,
        MailboxError::Closed => HashError::Stopped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[actix_web::test]
    async fn passwords_fit_their_own_hash_only() {
        let hasher = PasswordHasher::start(4, 1, 8).unwrap();
        let hash = hasher.hash("correct horse".into()).await.unwrap();
        assert!(hasher.verify("correct horse".into(), Some(hash.clone())).await.unwrap());
        assert!(!hasher.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!hasher.verify("correct horse".into(), None).await.unwrap());
    }

    #[test]
    fn a_panic_is_an_answer() {
        assert!(matches!(catch_panic::<()>(|| panic!("on purpose")), Err(HashError::Panicked)));
        assert!(matches!(catch_panic(|| Ok(1)), Ok(1)));
    }

    #[actix_web::test]
    async fn a_full_queue_is_told_at_once() {
        let hasher = PasswordHasher::start(4, 1, 2).unwrap();
        let _busy = (hasher.permit().unwrap(), hasher.permit().unwrap());
        assert!(matches!(hasher.hash("correct horse".into()).await, Err(HashError::Overloaded)));
    }
}
