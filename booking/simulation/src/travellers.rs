//! Travellers: they book, pay, change their minds, cancel, lose patience, ask again under their keys, and
//! remember what they were told.

mod changes;

use super::{
    orders,
    requests::Request,
    scheduler::Owner,
    world::{MILLISECOND, SECOND, World},
};
use crate::actors::sales::Sold;
use booking_engine::{booking::refusal::Refusal, payment::quote::QuoteId};
use chrono::{DateTime, TimeDelta, Utc};
use shared::{
    events::{BookingState, BookingStatus},
    ids::{BookingId, FlightId, UserId},
};
use std::{collections::BTreeMap, rc::Rc};
use tokio::sync::oneshot;

/// How long a traveller waits for an answer.
const WAITS: u64 = 40 * SECOND;
/// How long keys are certainly kept.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// A booking that the traveller knows of.
#[derive(Debug, Clone, Copy)]
struct Own {
    id: BookingId,
    flight: FlightId,
    /// What its cancellation was quoted with last.
    quote: Option<QuoteId>,
}

/// An answer that was given under a key.
struct Told {
    request: Request,
    status: i16,
    /// What the answer names: its booking, or its quote.
    about: String,
    /// The database's clock before the key can have been bound.
    since: DateTime<Utc>,
}

/// One traveller, with an account.
struct Traveller {
    world: Rc<World>,
    number: usize,
    account: UserId,
    own: Vec<Own>,
    told: BTreeMap<Vec<u8>, Told>,
    keys: u64,
}

/// Starts a traveller.
pub(super) fn start(world: &Rc<World>, number: usize) {
    world.travellers.set(world.travellers.get() + 1);
    let mut traveller = Traveller {
        world: world.clone(),
        number,
        account: world.id().into(),
        own: Vec::new(),
        told: BTreeMap::new(),
        keys: 0,
    };
    world.spawn(Owner::Outside, async move {
        traveller.live().await;
        let world = &traveller.world;
        world.travellers.set(world.travellers.get() - 1);
    });
}

impl Traveller {
    async fn live(&mut self) {
        loop {
            let pause = self.world.random().time(20 * MILLISECOND, self.world.sizes.leisure);
            self.world.sleep(pause).await;
            if self.world.closing.get() {
                return;
            }
            let what = self.world.random().below(100);
            match what {
                0..50 => {
                    let key = self.key();
                    if let Some(order) = orders::draw(&self.world, self.account, key) {
                        self.ask(Request::Book(order)).await;
                    }
                }
                50..64 => self.pay().await,
                64..70 => self.cancel().await,
                70..75 => self.quote().await,
                75..87 => self.change_seats().await,
                87..90 => self.change_contact().await,
                90..94 => self.correct_name().await,
                _ => self.ask_again().await,
            }
        }
    }

    fn clock(&self) -> DateTime<Utc> {
        self.world.database.borrow().last_clock(self.world.now())
    }

    /// A name for a new key, or none.
    fn key(&mut self) -> Option<u64> {
        self.keys += 1;
        self.world.random().chance(700).then_some(self.keys)
    }

    fn draw_own(&self) -> Option<Own> {
        // Mostly what was booked last.
        let last = self.own.len().min(6);
        let index = self.own.len() - last + self.world.random().index(last.max(1));
        self.own.get(index).copied()
    }

    async fn pay(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let payment = orders::payment(&self.world);
        let key = self
            .key()
            .map(|key| orders::key(self.account, &format!("/{}/payments", own.id), key, &payment.token));
        self.ask(Request::Pay { booking: own.id, flight: own.flight, payment, key }).await;
    }

    async fn cancel(&mut self) {
        // Who has asked for a quote often goes on with it.
        let quoted = self.own.iter_mut().rev().take(6).find(|own| own.quote.is_some());
        let quoted = quoted.filter(|_| self.world.random().chance(400)).map(|own| {
            let asked = *own;
            own.quote = None;
            asked
        });
        let Some(own) = quoted.or_else(|| self.draw_own()) else { return };
        // Now and then on the quote of another booking.
        let other = if self.world.random().chance(50) { self.draw_own() } else { None };
        let quote = other.unwrap_or(own).quote.filter(|_| self.world.random().chance(800));
        let text = quote.map_or_else(String::new, |quote| quote.0.to_string());
        let key = self.key().map(|key| orders::key(self.account, &format!("/{}/cancel", own.id), key, &text));
        self.ask(Request::Cancel { booking: own.id, flight: own.flight, quote, key }).await;
    }

    async fn quote(&mut self) {
        let Some(own) = self.draw_own() else { return };
        let path = format!("/{}/cancellation-quote", own.id);
        let key = self.key().map(|key| orders::key(self.account, &path, key, ""));
        self.ask(Request::Quote { booking: own.id, flight: own.flight, key }).await;
    }

    /// Asks for what was answered already, now and then with another body.
    async fn ask_again(&mut self) {
        let index = self.world.random().index(self.told.len());
        let Some((scope, told)) = self.told.iter().nth(index) else { return };
        let (scope, mut request) = (scope.clone(), told.request.clone());
        let (status, about, since) = (told.status, told.about.clone(), told.since);
        let other = self.world.random().chance(300);
        if other {
            orders::change_body(&mut request);
        }
        let Some(answer) = self.send(&fresh(&self.world, &request)).await else { return };
        if self.clock() > since + KEPT {
            // The key may be another's by now.
            self.told.remove(&scope);
            return;
        }
        let same = match &answer {
            Sold::Replay(answer) => {
                self.world.count("replays");
                !other && answer.status == status && answer.booking.contains(&about)
            }
            Sold::Refused(Refusal::KeyReused) => other,
            _ => false,
        };
        if !same {
            let what = if other { "another body" } else { "the same body" };
            self.world.object(format!(
                "a key that was answered with {status} for {about} was answered otherwise, with {what}: {answer:?}"
            ));
        }
    }

    /// Asks until there is an answer that settles the matter, if there is a key to ask under.
    async fn ask(&mut self, request: Request) {
        let since = self.clock();
        let mut tries = 0;
        loop {
            let answer = self.send(&fresh(&self.world, &request)).await;
            let settled = match answer {
                None | Some(Sold::Unsettled(_)) | Some(Sold::Refused(Refusal::KeyInProgress)) => false,
                Some(answer) => {
                    self.learn(&request, since, answer);
                    true
                }
            };
            tries += 1;
            if settled || request.key().is_none() {
                return;
            }
            // Who gives up does so for good, and never knows.
            let stubborn = self.world.closing.get() || self.world.random().chance(900);
            if tries > 400 {
                let key = format!("{:?}", request.key().map(|key| &key.scope[..4]));
                return self.world.object(format!("traveller {} never hears about {key}", self.number));
            }
            if !stubborn {
                return;
            }
            let pause = self.world.random().time(100 * MILLISECOND, 7);
            self.world.sleep(pause).await;
        }
    }

    /// Remembers an answer, and holds the service to it.
    fn learn(&mut self, request: &Request, since: DateTime<Utc>, answer: Sold) {
        if let Request::Quote { booking, .. } = request {
            return self.learn_quote((request, *booking), since, &answer);
        }
        let (status, state) = match answer {
            Sold::Done(state) => (if matches!(request, Request::Book(_)) { 201 } else { 200 }, state),
            Sold::Declined(state) => (402, state),
            Sold::Replay(answer) => match serde_json::from_str::<BookingState>(&answer.booking) {
                Ok(state) => (answer.status, state.into()),
                Err(error) => return self.world.object(format!("a stored answer cannot be read: {error}")),
            },
            Sold::Refused(refusal) => {
                return self.world.note(|| format!("traveller {} was refused: {refusal:?}", self.number));
            }
            Sold::Quoted(_) | Sold::Unsettled(_) => return,
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
            self.world.checks.borrow_mut().acknowledge(&database.rows, &state)
        };
        self.world.object_to(checked);
        if let Request::Amend { amendment, .. } = request
            && !amendment.is_shown(&state)
        {
            self.world.object(format!("{amendment:?} was told as done, and {state:?} does not show it"));
        }
        let paid = matches!(request, Request::Pay { .. })
            || matches!(request, Request::Book(order) if order.payment.is_some());
        // An earlier request of the same traveller may have cancelled it meanwhile.
        let stands = matches!(state.status, BookingStatus::Confirmed | BookingStatus::Cancelled);
        if status != 402 && paid && !stands {
            self.world.object(format!("booking {} was paid and told as {:?}", state.id, state.status));
        }
        let flight = state.segments.iter().map(|segment| segment.flight_id).min();
        let made = matches!(request, Request::Book(_));
        if let Some(flight) = flight.filter(|_| made && self.own.iter().all(|own| own.id != state.id)) {
            self.own.push(Own { id: state.id, flight, quote: None });
        }
        self.keep(request, status, (state.id.to_string(), since));
    }

    /// Keeps an answer that was given under a key.
    fn keep(&mut self, request: &Request, status: i16, (about, since): (String, DateTime<Utc>)) {
        if let Some(key) = request.key() {
            let told = Told { request: request.clone(), status, about, since };
            self.told.insert(key.scope.clone(), told);
        }
    }

    /// Sends a request to any instance; `None`: no answer, or none that says anything.
    async fn send(&self, request: &Request) -> Option<Sold> {
        let at = self.world.random().index(self.world.sizes.instances);
        self.send_to(at, request).await
    }

    async fn send_to(&self, at: usize, request: &Request) -> Option<Sold> {
        self.world.hop().await;
        if !self.world.instances[at].borrow().up {
            return None;
        }
        let (reply, answer) = oneshot::channel();
        let (world, request) = (self.world.clone(), request.clone());
        self.world.spawn(Owner::Instance(at), async move {
            let answer = world.serve(at, &request).await;
            world.hop().await;
            if world.strikes(20) {
                world.count("answers lost");
                return;
            }
            // An error means that nobody waits any longer.
            let _ = reply.send(answer);
        });
        match self.world.in_time(WAITS, answer).await {
            Some(Ok(Ok(sold))) => Some(sold),
            Some(Ok(Err(error))) => {
                self.world.note(|| format!("traveller {} got an error: {error:?}", self.number));
                None
            }
            Some(Err(_)) | None => None,
        }
    }
}

/// The request as its handler reads it anew: with fresh ids.
fn fresh(world: &World, request: &Request) -> Request {
    let mut request = request.clone();
    match &mut request {
        Request::Book(order) => {
            order.passengers.iter_mut().for_each(|passenger| passenger.id = world.id().into());
            if let Some(payment) = &mut order.payment {
                payment.id = world.id().into();
            }
        }
        Request::Pay { payment, .. } => payment.id = world.id().into(),
        Request::Cancel { .. } | Request::Quote { .. } | Request::Amend { .. } => {}
    }
    request
}
