//! Keeps a [`RevocationList`] in step: it hears revocations on the bus, and reads those that it may have missed.
//!
//! It reads at the start, whenever its queue is connected (what was published before is lost to a queue of an instance
//! alone), every few seconds while the bus is down, and once a minute in case nobody has noticed a gap.

use super::{RecentRevocations, Revocation, RevocationList, ServiceTokens, refresh_signal::RefreshSignal};
use crate::{
    bus::{Bus, BusError, DeadLetter, DeadLetterStore, Delivery, Disposition, Handler, Subscription},
    events::{AccessChange, Event, EventType, SessionEnd, UndecodableEvent},
};
use awc::http::header;
use futures_util::{FutureExt, future::BoxFuture};
use std::{fmt::Display, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;
use url::Url;

/// The path of the gateway that tells recent revocations.
pub const REVOCATIONS_PATH: &str = "/internal/revocations";

/// Pauses between readings: before the first success, while the bus is down, and else.
const FIRST: Duration = Duration::from_millis(200);
const WITHOUT_BUS: Duration = Duration::from_secs(5);
const IN_ANY_CASE: Duration = Duration::from_secs(60);

/// How long a connected queue waits for the reading before it hands out events.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest that the gateway may take to answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Bytes of the gateway's answer at most: a full list has half of it.
const ANSWER_LIMIT: usize = 32 * 1024 * 1024;

/// Why the gateway did not tell what was revoked.
#[derive(Debug, thiserror::Error)]
enum RevocationsError {
    /// No token could be made for the call.
    #[error("the call could not be signed")]
    Sign(#[from] super::ServiceTokenError),
    /// It cannot be reached, or answers something else.
    #[error("{0}")]
    Answer(String),
}

/// A running feed. It goes on without its handle, until it is stopped.
#[derive(Debug)]
pub struct RevocationFeed {
    subscribed: CancellationToken,
    stopping: CancellationToken,
    reading: CancellationToken,
    hearing: CancellationToken,
}

impl RevocationFeed {
    /// Keeps `list` in step, over the queue `<service>.revocations` of this instance alone and `read`, which gives all
    /// revocations that count. Must be called on an actix arbiter.
    pub fn start<E: Display>(
        service: &str,
        list: RevocationList,
        bus: Bus,
        read: impl AsyncFn() -> Result<RecentRevocations, E> + 'static,
    ) -> Self {
        let feed = Self {
            subscribed: CancellationToken::new(),
            stopping: CancellationToken::new(),
            reading: CancellationToken::new(),
            hearing: CancellationToken::new(),
        };
        let signal = RefreshSignal::default();
        let types = [EventType::UserAccessChanged, EventType::SessionEnded];
        let subscription = Subscription::instance(&format!("{service}.revocations"), &types).batch(256);
        let handler = Arc::new(RevocationHandler { list: list.clone(), signal: signal.clone() });
        let subscribing = bus.subscribe(subscription, handler, Arc::new(Unreadable(signal.clone())));
        let (stopping, subscribed) = (feed.stopping.clone(), feed.subscribed.clone());
        let heard = feed.hearing.clone().drop_guard();
        actix_rt::spawn(async move {
            let _heard = heard;
            let consumer = tokio::select! {
                biased;
                consumer = subscribing => consumer,
                () = stopping.cancelled() => return,
            };
            match consumer {
                Ok(consumer) => {
                    subscribed.cancel();
                    stopping.cancelled().await;
                    consumer.stop().await;
                }
                Err(error) => tracing::error!(error.message = %error, "Revocations are not heard on the bus"),
            }
        });
        let (stopping, read_to_end) = (feed.stopping.clone(), feed.reading.clone().drop_guard());
        actix_rt::spawn(async move {
            let _read_to_end = read_to_end;
            keep_reading(&list, &bus, &signal, stopping, read).await;
        });
        feed
    }

    /// The feed of a service's own process, which asks the gateway, at this address.
    pub(crate) fn of_gateway(
        service: &str,
        list: RevocationList,
        bus: Bus,
        gateway: &Url,
        tokens: ServiceTokens,
    ) -> Result<Self, url::ParseError> {
        let (address, name) = (gateway.join(REVOCATIONS_PATH)?, service.to_owned());
        let client = awc::Client::builder().timeout(TIMEOUT).disable_redirects().finish();
        let read = async move || ask(&client, &address, &tokens.authorization(&name)?).await;
        Ok(Self::start(service, list, bus, read))
    }

    /// Ready when its queue exists: what is published from now on is heard.
    pub async fn subscribed(&self) {
        self.subscribed.cancelled().await;
    }

    /// Stops hearing and reading.
    pub async fn stop(&self) {
        self.stopping.cancel();
        self.reading.cancelled().await;
        self.hearing.cancelled().await;
    }
}

async fn ask(
    client: &awc::Client,
    address: &Url,
    authorization: &str,
) -> Result<RecentRevocations, RevocationsError> {
    let answer = |error: &dyn Display| RevocationsError::Answer(error.to_string());
    let request = client.get(address.as_str()).insert_header((header::AUTHORIZATION, authorization));
    let mut response = request.send().await.map_err(|error| answer(&error))?;
    if !response.status().is_success() {
        return Err(answer(&response.status()));
    }
    response.json().limit(ANSWER_LIMIT).await.map_err(|error| answer(&error))
}

async fn keep_reading<E: Display>(
    list: &RevocationList,
    bus: &Bus,
    signal: &RefreshSignal,
    stopping: CancellationToken,
    read: impl AsyncFn() -> Result<RecentRevocations, E>,
) {
    let mut failing = false;
    loop {
        let reading = AssertUnwindSafe(signal.run(read())).catch_unwind();
        let outcome = tokio::select! {
            outcome = reading => outcome,
            () = stopping.cancelled() => return,
        };
        let told = match outcome {
            Ok(Ok(recent)) => {
                list.fill(recent);
                None
            }
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the reading has panicked".to_owned()),
        };
        match &told {
            // Told once, however long it takes; at a start the gateway may well come later.
            Some(error) if !failing && list.is_ready() => {
                tracing::warn!(error.message = error, "What was revoked could not be read");
            }
            Some(_) => {}
            None if failing => tracing::info!("What was revoked could be read again"),
            None => {}
        }
        failing = told.is_some();
        list.forget_outdated();
        let pause = match list.is_ready() {
            false => FIRST,
            true if failing || !bus.is_connected() => WITHOUT_BUS,
            true => IN_ANY_CASE,
        };
        tokio::select! {
            () = stopping.cancelled() => return,
            () = signal.asked() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Adds what it hears.
struct RevocationHandler {
    list: RevocationList,
    signal: RefreshSignal,
}

fn revocation(event: &Event) -> Result<Revocation, UndecodableEvent> {
    Ok(match event.kind {
        EventType::SessionEnded => event.data::<SessionEnd>()?.into(),
        _ => event.data::<AccessChange>()?.into(),
    })
}

impl Handler for RevocationHandler {
    fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
        let heard = batch.iter().filter_map(|delivery| match revocation(&delivery.event) {
            Ok(revocation) => Some(revocation),
            Err(error) => {
                tracing::error!(error.message = %error, "A revocation could not be read");
                self.signal.ask();
                None
            }
        });
        self.list.add(heard);
        Box::pin(std::future::ready(batch.iter().map(|_| Disposition::Ack).collect()))
    }

    /// What was published while the queue was away is read before anything else is heard.
    fn connected(&self) -> BoxFuture<'_, ()> {
        Box::pin(self.signal.fresh(PATIENCE))
    }
}

/// Keeps no dead letters: what cannot be read on the bus stands in the gateway's table, which is read instead.
struct Unreadable(RefreshSignal);

impl DeadLetterStore for Unreadable {
    fn store<'a>(&'a self, queue: &'a str, letter: DeadLetter) -> BoxFuture<'a, Result<(), BusError>> {
        tracing::error!(bus.queue = queue, bus.reason = letter.reason, "A revocation could not be read");
        self.0.ask();
        Box::pin(std::future::ready(Ok(())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        bus::{BusCarrier, ConsumerHandle},
        ids::UserId,
    };
    use chrono::Utc;
    use std::{
        convert::Infallible,
        sync::{
            Mutex, PoisonError,
            atomic::{AtomicBool, Ordering},
        },
    };

    /// A carrier that hands its handler out.
    #[derive(Clone, Default)]
    struct HandedOut(Arc<Mutex<Option<Arc<dyn Handler>>>>);

    impl BusCarrier for HandedOut {
        fn publish(&self, _: Arc<Event>) -> BoxFuture<'static, Result<(), BusError>> {
            Box::pin(std::future::ready(Ok(())))
        }

        fn subscribe(
            &self,
            _: Subscription,
            handler: Arc<dyn Handler>,
            _: Arc<dyn DeadLetterStore>,
        ) -> BoxFuture<'static, Result<ConsumerHandle, BusError>> {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(handler);
            let (consumer, _, stopped) = ConsumerHandle::new();
            stopped.cancel();
            Box::pin(std::future::ready(Ok(consumer)))
        }

        fn is_connected(&self) -> bool {
            true
        }

        fn close(&self) -> BoxFuture<'static, ()> {
            Box::pin(std::future::ready(()))
        }
    }

    #[actix_web::test]
    async fn a_queue_that_is_connected_anew_waits_for_what_it_has_missed() {
        let (bus, list) = (HandedOut::default(), RevocationList::unfilled());
        let (user, happened) = (UserId::new(), Arc::new(AtomicBool::new(false)));
        let known = Arc::clone(&happened);
        let read = async move || {
            let change = AccessChange { user_id: user, not_before: Utc::now() };
            let revocations = known.load(Ordering::Relaxed).then(|| change.into()).into_iter().collect();
            Ok::<_, Infallible>(RecentRevocations { revocations, all_before: None })
        };
        let feed = RevocationFeed::start("test", list.clone(), Bus::new(bus.clone()), read);
        feed.subscribed().await;
        let handler = bus.0.lock().unwrap().clone().expect("it has subscribed");
        handler.connected().await;
        let refusal = || list.refusal(user, crate::ids::SessionId::new(), chrono::DateTime::UNIX_EPOCH);
        assert_eq!((list.is_ready(), refusal()), (true, None));
        happened.store(true, Ordering::Relaxed);
        handler.connected().await;
        assert!(refusal().is_some(), "no other reading would have come within a minute");
        feed.stop().await;
    }
}
