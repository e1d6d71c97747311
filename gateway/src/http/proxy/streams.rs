//! Streams of events: as many as may pass at once, until the gateway stops.

use super::AGAIN;
use shared::http::{Code, Problem};
use std::{future, sync::Arc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The streams of this gateway, on all threads. Clones share them.
#[derive(Clone)]
pub struct Streams {
    places: Arc<Semaphore>,
    ended: watch::Sender<bool>,
}

impl Streams {
    /// So many at once at most.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        Self { places, ended: watch::Sender::new(false) }
    }

    /// A place for one more, until it is dropped.
    ///
    /// # Errors
    /// `overloaded` beyond the limit, and after the end.
    pub(super) fn admit(&self) -> Result<Stream, Problem> {
        let full = |_| Problem::new(Code::Overloaded).retry_after(AGAIN);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        metrics::gauge!("gateway_streams").increment(1.0);
        Ok(Stream { _place: place, ended: self.ended.subscribe() })
    }

    /// Ends all of them, and lets no more begin: a stop need not wait for those who only listen.
    pub fn end(&self) {
        self.places.close();
        self.ended.send_replace(true);
    }
}

/// One of them.
pub(super) struct Stream {
    _place: OwnedSemaphorePermit,
    ended: watch::Receiver<bool>,
}

impl Stream {
    /// Ready when it has to end.
    pub(super) async fn ended(&mut self) {
        if self.ended.wait_for(|ended| *ended).await.is_err() {
            // Nobody is left who could end it.
            future::pending::<()>().await;
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        metrics::gauge!("gateway_streams").decrement(1.0);
    }
}
