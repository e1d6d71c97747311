//! Knows the instances of a service: which ones answer, how busy they are.
//!
//! The actor probes each instance every second and publishes the usable ones as an immutable
//! snapshot, which requests read without a mailbox hop. A request takes the least busy one.
//!
//! Invariant: while any instance may still answer, the snapshot is not empty. Ready instances go before
//! those that say they are not, and these before those that refuse connections (trying costs nothing);
//! only one that accepts and keeps silent is left out, until a probe is answered: that is the circuit
//! breaker.

use super::Stop;
use crate::domain::routes::Service;
use actix::prelude::*;
use awc::error::{ConnectError, SendRequestError};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use url::Url;

/// How often an instance is probed, and how long it may take to answer.
const PROBE: Duration = Duration::from_secs(1);
/// Requests or probes one after the other without an answer that open the circuit.
const SILENT_AFTER: u32 = 5;

/// Why there is nowhere to send a request.
#[derive(Debug, Clone, Copy, thiserror::Error)]
pub enum UpstreamError {
    /// No instance of the service would answer.
    #[error("no instance of {0} answers")]
    NoInstance(&'static str),
}

/// What is known of an instance, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Ready,
    NotReady,
    Refusing,
    Silent,
}

/// An instance, as requests see it.
struct Instance {
    base: Url,
    requests: AtomicUsize,
    /// Streams stay for hours: counted with the requests, they would send these elsewhere.
    streams: AtomicUsize,
    /// Requests and probes in a row that were not answered in time.
    unanswered: AtomicU32,
}

impl Instance {
    fn count(&self, load: Load) -> &AtomicUsize {
        match load {
            Load::Requests => &self.requests,
            Load::Streams => &self.streams,
        }
    }
}

/// What an instance is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Load {
    /// Ordinary requests.
    Requests,
    /// Streams of events.
    Streams,
}

type Snapshot = Arc<[Arc<Instance>]>;

/// What a request found out about an instance.
#[derive(Message)]
#[rtype(result = "()")]
struct Observed {
    base: Url,
    state: State,
}

struct Known {
    instance: Arc<Instance>,
    state: State,
    /// A probe is under way.
    probing: bool,
}

/// The actor; one a service.
struct Watcher {
    service: Service,
    known: Vec<Known>,
    snapshot: watch::Sender<Snapshot>,
    client: awc::Client,
}

impl Watcher {
    fn probe_all(&mut self, ctx: &mut Context<Self>) {
        for index in 0..self.known.len() {
            if std::mem::replace(&mut self.known[index].probing, true) {
                continue;
            }
            let request = self.client.get(address(&self.known[index].instance.base, "/health/ready"));
            let probed = async move { state_of(&request.send().await.map(|response| response.status())) };
            // Interleaves with the other instances' probes and with observations.
            ctx.spawn(probed.into_actor(self).map(move |state, watcher, _| {
                watcher.known[index].probing = false;
                let unanswered = &watcher.known[index].instance.unanswered;
                match state {
                    Some(state) => {
                        unanswered.store(0, Ordering::Relaxed);
                        watcher.note(index, state);
                    }
                    // A busy instance may miss a probe.
                    None if unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_AFTER => {
                        watcher.note(index, State::Silent);
                    }
                    None => {}
                }
            }));
        }
    }

    fn note(&mut self, index: usize, state: State) {
        let known = &mut self.known[index];
        if known.state == state {
            return;
        }
        tracing::info!(upstream.service = self.service.as_str(), upstream.state = ?state, upstream.address = %known.instance.base, "An instance changed");
        known.state = state;
        self.snapshot.send_replace(best(&self.known));
    }
}

/// The instances in the best state that any is in; none where all are silent.
fn best(known: &[Known]) -> Snapshot {
    let best = known.iter().map(|known| known.state).min().filter(|state| *state != State::Silent);
    known.iter().filter(|known| Some(known.state) == best).map(|known| Arc::clone(&known.instance)).collect()
}

fn state_of(answer: &Result<awc::http::StatusCode, SendRequestError>) -> Option<State> {
    match answer {
        Ok(status) if status.is_success() => Some(State::Ready),
        Ok(_) => Some(State::NotReady),
        Err(SendRequestError::Timeout | SendRequestError::Connect(ConnectError::Timeout)) => None,
        Err(_) => Some(State::Refusing),
    }
}

impl Actor for Watcher {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(PROBE, Self::probe_all);
    }
}

impl Handler<Observed> for Watcher {
    type Result = ();

    fn handle(&mut self, message: Observed, _: &mut Self::Context) {
        if let Some(index) = self.known.iter().position(|known| known.instance.base == message.base) {
            self.note(index, message.state);
        }
    }
}

impl Handler<Stop> for Watcher {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// A cloneable handle of a service's instances.
#[derive(Clone)]
pub struct Upstream {
    service: Service,
    snapshot: watch::Receiver<Snapshot>,
    watcher: Addr<Watcher>,
    next: Arc<AtomicUsize>,
}

impl Upstream {
    /// Watches these instances, on the present arbiter. They count as ready until a probe says
    /// otherwise, so the first request need not wait for one.
    #[must_use]
    pub fn start(service: Service, bases: Vec<Url>) -> Self {
        let instance = |base| Instance {
            base,
            requests: AtomicUsize::new(0),
            streams: AtomicUsize::new(0),
            unanswered: AtomicU32::new(0),
        };
        let known = bases.into_iter().map(|base| Known {
            instance: Arc::new(instance(base)),
            state: State::Ready,
            probing: false,
        });
        let known: Vec<Known> = known.collect();
        let (sender, snapshot) = watch::channel(best(&known));
        let client = awc::Client::builder().timeout(PROBE).disable_redirects().finish();
        let watcher = Actor::start(Watcher { service, known, snapshot: sender, client });
        Self { service, snapshot, watcher, next: Arc::default() }
    }

    /// The instance that is least busy with such a load, for one more of it.
    ///
    /// # Errors
    /// [`UpstreamError::NoInstance`].
    pub fn pick(&self, load: Load) -> Result<InFlight, UpstreamError> {
        let instances = Arc::clone(&self.snapshot.borrow());
        let none = UpstreamError::NoInstance(self.service.as_str());
        // Starting at another one each time shares the load among those that are equally busy.
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let in_turn =
            (0..instances.len()).map(|step| &instances[(start.wrapping_add(step)) % instances.len()]);
        let instance =
            in_turn.min_by_key(|instance| instance.count(load).load(Ordering::Relaxed)).ok_or(none)?;
        instance.count(load).fetch_add(1, Ordering::Relaxed);
        Ok(InFlight { instance: Arc::clone(instance), load, watcher: self.watcher.clone() })
    }

    /// Stops watching.
    pub async fn stop(&self) {
        // An error means that it has stopped before.
        let _ = self.watcher.send(Stop).await;
    }
}

/// A request's place at an instance, until its answer has been passed on.
pub struct InFlight {
    instance: Arc<Instance>,
    load: Load,
    watcher: Addr<Watcher>,
}

impl InFlight {
    /// The address of a path and query at the instance.
    #[must_use]
    pub fn address(&self, path_and_query: &str) -> String {
        address(&self.instance.base, path_and_query)
    }

    /// The instance answered.
    pub fn answered(&self) {
        self.instance.unanswered.store(0, Ordering::Relaxed);
    }

    /// The instance took no connection.
    pub fn refused(&self) {
        self.tell(State::Refusing);
    }

    /// The instance did not answer in time.
    pub fn unanswered(&self) {
        if self.instance.unanswered.fetch_add(1, Ordering::Relaxed) + 1 >= SILENT_AFTER {
            self.tell(State::Silent);
        }
    }

    fn tell(&self, state: State) {
        // A full mailbox holds other observations that say the same.
        let _ = self.watcher.try_send(Observed { base: self.instance.base.clone(), state });
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.instance.count(self.load).fetch_sub(1, Ordering::Relaxed);
    }
}

fn address(base: &Url, path_and_query: &str) -> String {
    format!("{}{path_and_query}", base.as_str().trim_end_matches('/'))
}

/// The upstreams of all services.
#[derive(Clone)]
pub struct Upstreams {
    flight: Upstream,
    booking: Upstream,
    mailer: Upstream,
}

impl Upstreams {
    /// Watches the instances of all services.
    #[must_use]
    pub fn start(flight: Vec<Url>, booking: Vec<Url>, mailer: Vec<Url>) -> Self {
        Self {
            flight: Upstream::start(Service::Flight, flight),
            booking: Upstream::start(Service::Booking, booking),
            mailer: Upstream::start(Service::Mailer, mailer),
        }
    }

    /// The upstream of a service; none for the gateway itself.
    #[must_use]
    pub fn of(&self, service: Service) -> Option<&Upstream> {
        match service {
            Service::Gateway => None,
            Service::Flight => Some(&self.flight),
            Service::Booking => Some(&self.booking),
            Service::Mailer => Some(&self.mailer),
        }
    }

    /// Stops watching all of them.
    pub async fn stop(&self) {
        for upstream in [&self.flight, &self.booking, &self.mailer] {
            upstream.stop().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(states: &[State]) -> Vec<Known> {
        let one = |(index, state): (usize, &State)| Known {
            instance: Arc::new(Instance {
                base: format!("http://10.0.0.{index}:80").parse().unwrap(),
                requests: AtomicUsize::new(0),
                streams: AtomicUsize::new(0),
                unanswered: AtomicU32::new(0),
            }),
            state: *state,
            probing: false,
        };
        states.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_best_instances_are_used_and_silent_ones_never() {
        use State::{NotReady, Ready, Refusing, Silent};
        for (states, usable) in [
            (vec![Ready, NotReady, Ready], 2),
            (vec![NotReady, Refusing, Silent], 1),
            (vec![Refusing, Silent], 1),
            (vec![Silent, Silent], 0),
        ] {
            assert_eq!(best(&known(&states)).len(), usable, "{states:?}");
        }
    }

    #[actix_web::test]
    async fn requests_go_to_the_least_busy_instance() {
        let urls = vec!["http://10.0.0.1:80".parse().unwrap(), "http://10.0.0.2:80".parse().unwrap()];
        let upstream = Upstream::start(Service::Flight, urls);
        let pick = || upstream.pick(Load::Requests).unwrap();
        let (one, other) = (pick(), pick());
        assert_ne!(one.address("/x"), other.address("/x"));
        let freed = one.address("/x");
        drop(one);
        // Streams are shared out among themselves, and count for nothing here.
        let streams = [Load::Streams; 4].map(|load| upstream.pick(load).unwrap());
        assert_eq!(streams.iter().filter(|stream| stream.address("/x") == freed).count(), 2);
        assert_eq!(pick().address("/x"), freed);
        assert_eq!(freed.matches("//").count(), 1, "{freed}");
        upstream.stop().await;
    }
}
