//! Streams of events: as many as may pass at once, of them as many as one client may have, until the gateway
//! stops.

use super::AGAIN;
use shared::http::{Code, Problem, Quota, network_of};
use std::{
    collections::HashMap,
    future,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// The streams of this gateway, on all threads. Clones share them.
#[derive(Clone)]
pub struct Streams {
    places: Arc<Semaphore>,
    clients: Arc<Clients>,
    ended: watch::Sender<bool>,
}

impl Streams {
    /// So many at once at most, and of one client; of a client 0 is any number.
    #[must_use]
    pub fn new(limit: usize, of_client: usize) -> Self {
        let places = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        let clients = Arc::new(Clients { limit: of_client, streams: Mutex::default() });
        Self { places, clients, ended: watch::Sender::new(false) }
    }

    /// A place for one more, until it is dropped. `client`: whose it is, where that is counted.
    ///
    /// # Errors
    /// `rate_limited` beyond the client's limit; `overloaded` beyond that of all, and after the end.
    pub(super) fn admit(&self, client: Option<IpAddr>) -> Result<Stream, Problem> {
        let client = client.map(|client| Clients::enter(&self.clients, client)).transpose()?;
        let full = |_| Problem::new(Code::Overloaded).retry_after(AGAIN);
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(full)?;
        metrics::gauge!("gateway_streams").increment(1.0);
        Ok(Stream { _place: place, _client: client.flatten(), ended: self.ended.subscribe() })
    }

    /// Ends all of them, and lets no more begin: a stop need not wait for those who only listen.
    pub fn end(&self) {
        self.places.close();
        self.ended.send_replace(true);
    }
}

/// The streams of each client that has any.
struct Clients {
    limit: usize,
    streams: Mutex<HashMap<IpAddr, usize>>,
}

impl Clients {
    // Whoever holds the lock changes one number.
    fn streams(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(clients: &Arc<Self>, address: IpAddr) -> Result<Option<OfClient>, Problem> {
        if clients.limit == 0 {
            return Ok(None);
        }
        let network = network_of(address);
        let mut streams = clients.streams();
        let own = streams.entry(network).or_default();
        if *own >= clients.limit {
            let quota = Quota { name: "streams", requests: clients.limit, window: None };
            return Err(Problem::rate_limited(&quota, AGAIN));
        }
        *own += 1;
        Ok(Some(OfClient { clients: Arc::clone(clients), network }))
    }
}

/// A place among the streams of a client.
struct OfClient {
    clients: Arc<Clients>,
    network: IpAddr,
}

impl Drop for OfClient {
    fn drop(&mut self) {
        let mut streams = self.clients.streams();
        if let Some(own) = streams.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                streams.remove(&self.network);
            }
        }
    }
}

/// One of them.
pub(super) struct Stream {
    _place: OwnedSemaphorePermit,
    _client: Option<OfClient>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_so_many() {
        let streams = Streams::new(4, 2);
        let admit = |address: &str| streams.admit(Some(address.parse().unwrap()));
        let code = |answer: Result<Stream, Problem>| answer.err().map(|problem| problem.code());
        let first = admit("2001:db8::1").ok().unwrap();
        let _second = admit("2001:db8::2").ok().unwrap();
        assert_eq!(code(admit("2001:db8::3")), Some(Code::RateLimited));
        drop(first);
        let _third = admit("2001:db8::3").ok().unwrap();
        let (_other, _exempt) = (admit("10.0.0.1").ok().unwrap(), streams.admit(None).ok().unwrap());
        assert_eq!(code(admit("10.0.0.1")), Some(Code::Overloaded));
        // Refused for want of room: not counted.
        assert_eq!(streams.clients.streams().values().sum::<usize>(), 3);
        assert_eq!(code(streams.admit(None)), Some(Code::Overloaded));
    }

    #[test]
    fn clients_without_streams_are_forgotten() {
        let streams = Streams::new(4, 1);
        drop(streams.admit(Some("10.0.0.1".parse().unwrap())).ok().unwrap());
        assert!(streams.clients.streams().is_empty());
        let any = Streams::new(4, 0);
        let _open: Vec<_> =
            (0..4).map(|_| any.admit(Some("10.0.0.1".parse().unwrap())).ok().unwrap()).collect();
    }
}
