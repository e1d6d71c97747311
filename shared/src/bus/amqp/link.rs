//! One life of a connection to the broker.

use amqprs::connection::Connection;
use std::{ops::Deref, sync::Arc, time::Duration};
use tokio::{runtime::Handle, time::timeout};
use tokio_util::sync::CancellationToken;

/// Longer than a broker under load takes for a channel or a declaration. What takes longer ends the
/// link: a channel whose call was given up must not be used again (its dispatcher would panic).
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(15);

/// Why a link, or something on it, failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(super) struct LinkError(pub(super) String);

impl From<amqprs::error::Error> for LinkError {
    fn from(error: amqprs::error::Error) -> Self {
        Self(error.to_string())
    }
}

/// A value of `amqprs` that is dropped inside its runtime, wherever its last owner is: outside of one
/// its destructor panics.
pub(super) struct InRuntime<T> {
    /// Present until it is dropped.
    value: Option<T>,
    runtime: Handle,
}

impl<T> InRuntime<T> {
    /// A value that belongs to the present runtime.
    pub(super) fn new(value: T) -> Self {
        Self { value: Some(value), runtime: Handle::current() }
    }
}

impl<T> Deref for InRuntime<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_ref().unwrap_or_else(|| unreachable!("the value is there until the drop"))
    }
}

impl<T> Drop for InRuntime<T> {
    fn drop(&mut self) {
        let _entered = self.runtime.enter();
        drop(self.value.take());
    }
}

/// A connection from its opening to its death, with a number that no other life of it has.
///
/// Whoever finds it dead says so with [`lose`](Self::lose); everybody who uses it obeys
/// [`lost`](Self::lost). A lost link never comes back, the next one has the next generation. `channels.rs` opens its
/// channels.
#[derive(Clone)]
pub(super) struct Link(Arc<Life>);

struct Life {
    generation: u64,
    connection: InRuntime<Connection>,
    lost: CancellationToken,
    reason: std::sync::OnceLock<String>,
}

impl Link {
    pub(super) fn new(generation: u64, connection: Connection) -> Self {
        Self(Arc::new(Life {
            generation,
            connection: InRuntime::new(connection),
            lost: CancellationToken::new(),
            reason: std::sync::OnceLock::new(),
        }))
    }

    /// The number of this life.
    pub(super) fn generation(&self) -> u64 {
        self.0.generation
    }

    /// The connection itself.
    pub(super) fn connection(&self) -> &Connection {
        &self.0.connection
    }

    /// Declares the link dead; the first reason counts.
    pub(super) fn lose(&self, reason: impl Into<String>) {
        let _ = self.0.reason.set(reason.into());
        self.0.lost.cancel();
    }

    /// Cancelled when the link is dead.
    pub(super) fn lost(&self) -> &CancellationToken {
        &self.0.lost
    }

    /// Whether it was found dead.
    pub(super) fn is_lost(&self) -> bool {
        self.0.lost.is_cancelled()
    }

    /// Why it died.
    pub(super) fn reason(&self) -> String {
        self.0.reason.get().cloned().unwrap_or_else(|| "it was closed".to_owned())
    }

    /// Waits for a call of `amqprs`, not longer than the link lives.
    pub(super) async fn call<T>(
        &self,
        call: impl Future<Output = Result<T, amqprs::error::Error>>,
    ) -> Result<T, LinkError> {
        tokio::select! {
            answer = timeout(CALL_TIMEOUT, call) => match answer {
                Ok(answer) => Ok(answer?),
                Err(elapsed) => {
                    self.lose("the broker did not answer in time");
                    Err(LinkError(elapsed.to_string()))
                }
            },
            () = self.0.lost.cancelled() => Err(LinkError(self.reason())),
        }
    }
}
