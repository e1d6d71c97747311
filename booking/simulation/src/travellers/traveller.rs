//! One traveller: asks until there is an answer, and holds the service to it.

use crate::{
    ground::{
        TaskOwner,
        time::{MILLISECOND, SECOND},
    },
    ports::InstancePorts,
    requests::TravellerRequest,
    world::SimulatedWorld,
};
use booking_engine::{booking::refusal::Refusal, payment::quote::QuoteId, sell::outcome::SalesOutcome};
use chrono::{DateTime, Utc};
use serde_json::Value;
use shared::{
    events::{BookingState, BookingStatus},
    ids::{BookingId, UserId},
    money::Currency,
};
use std::{collections::BTreeMap, rc::Rc};
use tokio::sync::oneshot;

/// How long a traveller waits for an answer.
const WAITS: u64 = 40 * SECOND;

/// A booking that the traveller knows of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct KnownBooking {
    pub(crate) id: BookingId,
    /// What its cancellation was quoted with last.
    pub(crate) quote: Option<QuoteId>,
}

/// An answer that was given under a key.
pub(crate) struct KeptAnswer {
    pub(crate) request: TravellerRequest,
    pub(crate) status: i16,
    /// What the answer names: its booking, or its quote.
    pub(crate) about: String,
    /// The database's clock before the key can have been bound.
    pub(crate) since: DateTime<Utc>,
}

/// A traveller with an account: asks, and remembers what it was told.
///
/// What travellers do stands in this folder: their [lives](super::lives), what they [buy and give
/// back](super::purchases), and what they [change](super::changes).
pub(crate) struct SimulatedTraveller {
    pub(crate) world: Rc<SimulatedWorld>,
    pub(crate) number: usize,
    pub(crate) account: UserId,
    pub(crate) own: Vec<KnownBooking>,
    pub(crate) told: BTreeMap<Vec<u8>, KeptAnswer>,
    pub(crate) keys: u64,
}

impl SimulatedTraveller {
    /// A traveller with a new account.
    pub(crate) fn new(world: &Rc<SimulatedWorld>, number: usize) -> Self {
        Self {
            world: world.clone(),
            number,
            account: world.id().into(),
            own: Vec::new(),
            told: BTreeMap::new(),
            keys: 0,
        }
    }

    pub(crate) fn clock(&self) -> DateTime<Utc> {
        self.world.database.borrow().last_clock(self.world.now())
    }

    /// A name for a new key, or none.
    pub(crate) fn key(&mut self) -> Option<u64> {
        self.keys += 1;
        self.world.random().chance(700).then_some(self.keys)
    }

    pub(crate) fn draw_own(&self) -> Option<KnownBooking> {
        // Mostly what was booked last.
        let last = self.own.len().min(6);
        let index = self.own.len() - last + self.world.random().index(last.max(1));
        self.own.get(index).copied()
    }

    /// Asks until there is an answer that settles the matter, if there is a key to ask under.
    pub(crate) async fn ask(&mut self, request: TravellerRequest) {
        let since = self.clock();
        let mut tries = 0;
        loop {
            let answer = self.send(&request.with_fresh_ids(|| self.world.id())).await;
            let settled = match answer {
                None
                | Some(SalesOutcome::Unsettled(_))
                | Some(SalesOutcome::Refused(Refusal::KeyInProgress)) => false,
                Some(answer) => {
                    self.learn(&request, since, answer);
                    true
                }
            };
            tries += 1;
            if settled || request.key().is_none() {
                return;
            }
            // A traveller that gives up does so for good, and never knows.
            let stubborn = self.world.closing.get() || self.world.random().chance(900);
            if tries > 400 {
                let key = format!("{:?}", request.key().map(|key| &key.scope[..4]));
                return self
                    .world
                    .report_violation(format!("traveller {} never hears about {key}", self.number));
            }
            if !stubborn {
                return;
            }
            let pause = self.world.random().time(100 * MILLISECOND, 7);
            self.world.sleep(pause).await;
        }
    }

    /// Remembers an answer, and holds the service to it.
    pub(crate) fn learn(&mut self, request: &TravellerRequest, since: DateTime<Utc>, answer: SalesOutcome) {
        if let TravellerRequest::Quote { booking, .. } = request {
            return self.learn_quote((request, *booking), since, &answer);
        }
        let (status, state) = match answer {
            SalesOutcome::Done(state) => {
                (if matches!(request, TravellerRequest::Book(_)) { 201 } else { 200 }, state)
            }
            SalesOutcome::Declined(state) => (402, state),
            SalesOutcome::Replay(answer) => match serde_json::from_str::<BookingState>(&answer.booking) {
                Ok(state) => (answer.status, state.into()),
                Err(error) => {
                    return self.world.report_violation(format!("a stored answer cannot be read: {error}"));
                }
            },
            SalesOutcome::Refused(refusal) => {
                return self.world.note(|| format!("traveller {} was refused: {refusal:?}", self.number));
            }
            SalesOutcome::Quoted(_) | SalesOutcome::Unsettled(_) => return,
        };
        self.world.note(|| {
            format!(
                "traveller {} was told {status}: {} is {:?}, version {}",
                self.number, state.id, state.status, state.version
            )
        });
        self.world.count(if status == 402 { "answers 402" } else { "answers 20x" });
        let checked = {
            let database = self.world.database.borrow();
            self.world.invariants.borrow_mut().acknowledge(&database.rows, &state)
        };
        self.world.check(checked);
        if let TravellerRequest::Amend { amendment, .. } = request
            && !amendment.is_shown(&state)
        {
            self.world
                .report_violation(format!("{amendment:?} was told as done, and {state:?} does not show it"));
        }
        let paid = matches!(request, TravellerRequest::Pay { .. })
            || matches!(request, TravellerRequest::Book(order) if order.payment.is_some());
        // An earlier request of the same traveller may have cancelled it meanwhile.
        let stands = matches!(state.status, BookingStatus::Confirmed | BookingStatus::Cancelled);
        if status != 402 && paid && !stands {
            self.world
                .report_violation(format!("booking {} was paid and told as {:?}", state.id, state.status));
        }
        let made = matches!(request, TravellerRequest::Book(_));
        if made && self.own.iter().all(|own| own.id != state.id) {
            self.own.push(KnownBooking { id: state.id, quote: None });
        }
        self.keep(request, status, (state.id.to_string(), since));
    }

    /// Remembers a quote, under its key and for a cancellation.
    fn learn_quote(
        &mut self,
        (request, booking): (&TravellerRequest, BookingId),
        since: DateTime<Utc>,
        answer: &SalesOutcome,
    ) {
        let shown = match answer {
            SalesOutcome::Quoted(quote) => serde_json::to_value(quote),
            SalesOutcome::Replay(answer) => serde_json::from_str(&answer.booking),
            other => return self.world.note(|| format!("traveller {} got no quote: {other:?}", self.number)),
        };
        let shown: Value = shown.unwrap_or_default();
        let Some(id) = shown["quote_id"].as_str().and_then(|id| id.parse().ok()) else {
            return self.world.report_violation(format!("{shown} is told as a quote of booking {booking}"));
        };
        let quote = QuoteId(id);
        let stored = self.world.database.borrow().rows.quotes.get(&quote).copied();
        let stored = stored.and_then(|stored| serde_json::to_value(stored.shown(Currency::EUR)).ok());
        if stored.as_ref() != Some(&shown) {
            self.world
                .report_violation(format!("quote {id} of booking {booking} is {stored:?}, told was {shown}"));
        }
        if let Some(own) = self.own.iter_mut().find(|own| own.id == booking) {
            own.quote = Some(quote);
        }
        self.keep(request, 200, (id.to_string(), since));
    }

    /// Keeps an answer that was given under a key.
    fn keep(&mut self, request: &TravellerRequest, status: i16, (about, since): (String, DateTime<Utc>)) {
        if let Some(key) = request.key() {
            let told = KeptAnswer { request: request.clone(), status, about, since };
            self.told.insert(key.scope.clone(), told);
        }
    }

    /// Sends a request to any instance; `None`: no answer, or none that says anything.
    pub(crate) async fn send(&self, request: &TravellerRequest) -> Option<SalesOutcome> {
        let at = self.world.random().index(self.world.sizes.instances);
        self.send_to(at, request).await
    }

    pub(crate) async fn send_to(&self, at: usize, request: &TravellerRequest) -> Option<SalesOutcome> {
        self.world.hop().await;
        if !self.world.instances[at].borrow().up {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        let (world, request) = (self.world.clone(), request.clone());
        self.world.spawn(TaskOwner::Instance(at), async move {
            let answer = InstancePorts::new(&world, at).serve(&request).await;
            world.hop().await;
            if world.strikes(20) {
                world.count("answers lost");
                return;
            }
            // An error means that the caller waits no longer.
            let _ = reply.send(answer);
        });
        match self.world.in_time(WAITS, answer).await {
            Some(Ok(Ok(outcome))) => Some(outcome),
            Some(Ok(Err(error))) => {
                self.world.note(|| format!("traveller {} got an error: {error:?}", self.number));
                None
            }
            Some(Err(_)) | None => None,
        }
    }
}
