//! The limit of event streams: of all clients together, and of each client. A stop ends them.

use super::overload::{RETRY_AFTER, overloaded};
use shared::http::{Problem, Quota, network_of};
use std::{
    collections::HashMap,
    future,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Counts the event streams of this gateway, on all threads. Clones share the counts.
#[derive(Clone)]
pub(crate) struct EventStreamLimit {
    slots: Arc<Semaphore>,
    clients: Arc<StreamsPerClient>,
    ended: watch::Sender<bool>,
}

impl EventStreamLimit {
    /// Admits `limit` streams at once, and `of_client` of one client; an `of_client` of 0 lifts that limit.
    pub(crate) fn new(limit: usize, of_client: usize) -> Self {
        let slots = Arc::new(Semaphore::new(limit.min(Semaphore::MAX_PERMITS)));
        let clients = Arc::new(StreamsPerClient { limit: of_client, streams: Mutex::default() });
        Self { slots, clients, ended: watch::Sender::new(false) }
    }

    /// A slot for one more stream, until it is dropped. `client` is the client to count it for, if any.
    ///
    /// # Errors
    /// `rate_limited` beyond the client's limit; `overloaded` beyond that of all, and after the end.
    pub(super) fn admit(&self, client: Option<IpAddr>) -> Result<StreamSlot, Problem> {
        let client = client.map(|client| StreamsPerClient::enter(&self.clients, client)).transpose()?;
        let slot = Arc::clone(&self.slots).try_acquire_owned().map_err(|_| overloaded())?;
        metrics::gauge!("gateway_streams").increment(1.0);
        Ok(StreamSlot { _slot: slot, _client: client.flatten(), ended: self.ended.subscribe() })
    }

    /// Ends all streams and admits no more, so that a stop need not wait for clients that only listen.
    pub(crate) fn end(&self) {
        self.slots.close();
        self.ended.send_replace(true);
    }
}

/// The number of streams of each client that has any.
struct StreamsPerClient {
    limit: usize,
    streams: Mutex<HashMap<IpAddr, usize>>,
}

impl StreamsPerClient {
    // A poisoned lock is safe to use: its holder changes one number.
    fn streams(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn enter(clients: &Arc<Self>, address: IpAddr) -> Result<Option<ClientStreamSlot>, Problem> {
        if clients.limit == 0 {
            return Ok(None);
        }
        let network = network_of(address);
        let mut streams = clients.streams();
        let own = streams.entry(network).or_default();
        if *own >= clients.limit {
            let quota = Quota { name: "streams", requests: clients.limit, window: None };
            return Err(Problem::rate_limited(&quota, RETRY_AFTER));
        }
        *own += 1;
        Ok(Some(ClientStreamSlot { clients: Arc::clone(clients), network }))
    }
}

/// Counts one stream of a client, until it is dropped.
struct ClientStreamSlot {
    clients: Arc<StreamsPerClient>,
    network: IpAddr,
}

impl Drop for ClientStreamSlot {
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

/// Counts one stream, until it is dropped.
pub(super) struct StreamSlot {
    _slot: OwnedSemaphorePermit,
    _client: Option<ClientStreamSlot>,
    ended: watch::Receiver<bool>,
}

impl StreamSlot {
    /// Ready when the stream has to end.
    pub(super) async fn ended(&mut self) {
        if self.ended.wait_for(|ended| *ended).await.is_err() {
            // The sender is gone, so nothing ends the stream.
            future::pending::<()>().await;
        }
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        metrics::gauge!("gateway_streams").decrement(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::http::Code;

    #[test]
    fn each_client_has_so_many() {
        let streams = EventStreamLimit::new(4, 2);
        let admit = |address: &str| streams.admit(Some(address.parse().unwrap()));
        let code = |answer: Result<StreamSlot, Problem>| answer.err().map(|problem| problem.code());
        let first = admit("2001:db8::1").ok().unwrap();
        let _second = admit("2001:db8::2").ok().unwrap();
        assert_eq!(code(admit("2001:db8::3")), Some(Code::RateLimited));
        drop(first);
        let _third = admit("2001:db8::3").ok().unwrap();
        let (_other, _exempt) = (admit("10.0.0.1").ok().unwrap(), streams.admit(None).ok().unwrap());
        assert_eq!(code(admit("10.0.0.1")), Some(Code::Overloaded));
        // A refused stream is not counted.
        assert_eq!(streams.clients.streams().values().sum::<usize>(), 3);
        assert_eq!(code(streams.admit(None)), Some(Code::Overloaded));
    }

    #[test]
    fn clients_without_streams_are_forgotten() {
        let streams = EventStreamLimit::new(4, 1);
        drop(streams.admit(Some("10.0.0.1".parse().unwrap())).ok().unwrap());
        assert!(streams.clients.streams().is_empty());
        let any = EventStreamLimit::new(4, 0);
        let _open: Vec<_> =
            (0..4).map(|_| any.admit(Some("10.0.0.1".parse().unwrap())).ok().unwrap()).collect();
    }
}
