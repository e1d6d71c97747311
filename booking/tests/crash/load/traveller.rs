//! A client of the load: books, pays, cancels, and goes to the other instance when one is gone.

use super::record::{Known, Record};
use crate::{
    flights::{ROWS, booking, payment},
    requests::{Lost, ServiceAnswer, UserClient},
};
use rand::{RngExt, rngs::StdRng};
use serde_json::{Value, json};
use shared::ids::FlightId;
use std::{
    cell::Cell,
    net::SocketAddr,
    rc::Rc,
    time::{Duration, Instant},
};

/// How long a request with a key is repeated before the test fails.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// See the module.
pub(super) struct LoadTraveller {
    pub(super) number: usize,
    pub(super) random: StdRng,
    pub(super) client: UserClient,
    pub(super) instances: [SocketAddr; 2],
    /// The instance that is asked next.
    pub(super) at: usize,
    pub(super) flights: Rc<Vec<FlightId>>,
    pub(super) record: Rc<Record>,
    pub(super) stopping: Rc<Cell<bool>>,
    /// Requests so far: names of travellers and keys are made of it.
    pub(super) made: usize,
}

/// What came of asking for something.
enum Asked {
    ServiceAnswer(ServiceAnswer),
    /// Not known: no answer, or one that says that it may have been done.
    Unknown,
}

impl LoadTraveller {
    /// Goes on until it is told to stop, and then to the end of what it has begun.
    pub(super) async fn run(mut self) {
        // They do not all come at the same instant.
        self.pause(0..3000).await;
        while !self.stopping.get() {
            self.once().await;
            // People think. It also keeps the load below what one instance alone can bear, unoptimised and
            // on a busy machine: how long a death blocks anybody shows only where nobody waits anyway.
            self.pause(3000..6000).await;
        }
    }

    async fn once(&mut self) {
        let flight = self.flights[self.random.random_range(0..self.flights.len())];
        let seat = self.random.random_bool(0.5).then(|| self.any_seat());
        let (keyed, way) = (self.random.random_bool(0.5), self.random.random_range(0..100));
        self.made += 1;
        self.at = self.random.random_range(0..2);
        let token = (!(70..90).contains(&way)).then_some("tok_visa");
        let body = booking(flight, self.number * 100_000 + self.made, seat.as_deref(), token);
        let Some(booked) = self.book(&body, keyed, token.is_some()).await else { return };
        match way {
            70..90 => self.pay(booked, keyed).await,
            90.. => self.cancel(booked, keyed).await,
            _ => {}
        }
    }

    fn any_seat(&mut self) -> String {
        let letter = char::from(b'A' + self.random.random_range(0..6));
        format!("{}{letter}", self.random.random_range(1..=ROWS))
    }

    /// Books; gives the place of the booking in the record, and its id, where it may go on with it.
    async fn book(&mut self, body: &Value, keyed: bool, paid: bool) -> Option<(usize, String)> {
        let Asked::ServiceAnswer(answer) = self.ask("/api/v1/bookings", body, keyed).await else {
            self.record.count("bookings of which nothing is known");
            return None;
        };
        match answer.status {
            201 => {
                self.record.count("bookings made");
                let known = Known::of(&answer.json, if paid { &["confirmed"] } else { &["held"] });
                let id = known.id.clone();
                Some((self.record.know(known), id))
            }
            504 => {
                // Acknowledged as a booking whose payment is not settled yet.
                let known = Known::of(&answer.json["booking"], &["confirmed", "held"]);
                let _ = self.record.know(known);
                None
            }
            409 => None,
            _ => panic!("{answer:?}"),
        }
    }

    async fn pay(&mut self, (place, id): (usize, String), keyed: bool) {
        self.record.now_may_be(place, &["held", "confirmed"]);
        let path = format!("/api/v1/bookings/{id}/payments");
        let Asked::ServiceAnswer(answer) = self.ask(&path, &payment("tok_visa"), keyed).await else { return };
        match answer.status {
            200 => self.record.now_may_be(place, &["confirmed"]),
            504 => {}
            _ => panic!("{answer:?}"),
        }
    }

    async fn cancel(&mut self, (place, id): (usize, String), keyed: bool) {
        self.record.now_may_be(place, &["confirmed", "cancelled"]);
        let path = format!("/api/v1/bookings/{id}/cancel");
        let Asked::ServiceAnswer(answer) = self.ask(&path, &json!({}), keyed).await else { return };
        assert_eq!(answer.status, 200, "{answer:?}");
        self.record.now_may_be(place, &["cancelled"]);
    }

    /// Asks until there is an answer to rely on. Without a key what may have been done is not repeated.
    async fn ask(&mut self, path: &str, body: &Value, keyed: bool) -> Asked {
        let key = keyed.then(|| format!("{}-{}-{}", self.number, self.made, path.len()));
        let begun = Instant::now();
        loop {
            assert!(begun.elapsed() < ANSWER_TIMEOUT, "client {} has no answer to {path}", self.number);
            let (sent, at) = (Instant::now(), self.at);
            let client = self.client.at(self.instances[at]);
            let outcome = client.post(path, key.as_deref(), body).await;
            self.record.add(at, path, sent, &outcome);
            let may_be_done = match &outcome {
                Err(Lost::Refused) => {
                    self.at = 1 - at;
                    false
                }
                Err(Lost::Cut | Lost::Silence) => {
                    self.at = 1 - at;
                    true
                }
                Ok(answer) if answer.code() == "idempotency_in_progress" => false,
                Ok(answer) if answer.status == 503 => true,
                Ok(_) => false,
            };
            match outcome {
                // With a key the settled answer can be had; without one a 504 is the last word.
                Ok(answer)
                    if answer.status != 503
                        && answer.code() != "idempotency_in_progress"
                        && (answer.status != 504 || !keyed) =>
                {
                    if keyed {
                        self.record.waited(begun.elapsed());
                    }
                    return Asked::ServiceAnswer(answer);
                }
                _ if may_be_done && !keyed => return Asked::Unknown,
                _ => {}
            }
            self.pause(50..150).await;
        }
    }

    async fn pause(&mut self, milliseconds: std::ops::Range<u64>) {
        let pause = Duration::from_millis(self.random.random_range(milliseconds));
        tokio::time::sleep(pause).await;
    }
}
