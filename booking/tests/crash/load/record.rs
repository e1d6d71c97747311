//! What the clients have seen, written down by themselves.

use crate::requests::{Lost, ServiceAnswer};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// A request as its client saw it.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) instance: usize,
    /// What was asked for: the last part of its path.
    pub(super) what: String,
    /// The problem that it was answered with, code and detail.
    pub(super) problem: String,
    pub(super) sent: Instant,
    pub(super) ended: Instant,
    /// The status; or why there was no answer.
    pub(super) outcome: Result<u16, Lost>,
}

impl Sample {
    pub(super) fn took(&self) -> Duration {
        self.ended - self.sent
    }

    /// Whether the service has done its work: it has also where it refuses a seat that is taken.
    pub(super) fn is_served(&self) -> bool {
        matches!(self.outcome, Ok(status) if status < 500)
    }
}

/// A booking that a client was told of, and what may have become of it.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) id: String,
    /// Flight and seat, as the first answer showed them; empty where there was none but its id.
    pub(super) seats: Vec<(String, String)>,
    /// The statuses that agree with all answers so far.
    pub(super) may_be: &'static [&'static str],
}

impl Known {
    /// A booking as an answer shows it.
    pub(super) fn of(booking: &Value, may_be: &'static [&'static str]) -> Self {
        let passengers = booking["passengers"].as_array().cloned().unwrap_or_default();
        let seats = passengers.iter().flat_map(|one| one["seats"].as_array().cloned().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Self {
            id: text(&booking["id"]),
            seats: seats.map(|seat| (text(&seat["flight_id"]), text(&seat["designator"]))).collect(),
            may_be,
        }
    }
}

/// The record of all clients.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) samples: RefCell<Vec<Sample>>,
    pub(super) bookings: RefCell<Vec<Known>>,
    counts: RefCell<BTreeMap<String, usize>>,
    /// The longest time from the first sending of a request with a key to its answer.
    pub(super) longest_keyed: RefCell<Duration>,
}

impl Record {
    pub(super) fn add(
        &self,
        instance: usize,
        path: &str,
        sent: Instant,
        outcome: &Result<ServiceAnswer, Lost>,
    ) {
        let what = match outcome {
            Ok(answer) if answer.replayed => format!("{} replayed", answer.status),
            Ok(answer) => format!("{} {}", answer.status, answer.code()),
            Err(lost) => format!("lost: {lost:?}"),
        };
        self.count(what.trim());
        let problem = outcome.as_ref().map_or_else(
            |lost| format!("{lost:?}"),
            |answer| format!("{} {}", answer.code(), answer.json["detail"].as_str().unwrap_or_default()),
        );
        let outcome = outcome.as_ref().map(|answer| answer.status).map_err(|lost| *lost);
        let ended = Instant::now();
        let what = path.rsplit('/').next().unwrap_or_default().to_owned();
        self.samples.borrow_mut().push(Sample { instance, what, problem, sent, ended, outcome });
    }

    /// Notes how long a request with a key took until its answer.
    pub(super) fn waited(&self, time: Duration) {
        let mut longest = self.longest_keyed.borrow_mut();
        *longest = (*longest).max(time);
    }

    pub(super) fn count(&self, what: &str) {
        *self.counts.borrow_mut().entry(what.to_owned()).or_default() += 1;
    }

    pub(super) fn counts(&self) -> BTreeMap<String, usize> {
        self.counts.borrow().clone()
    }

    /// Notes a booking; gives its place.
    pub(super) fn know(&self, known: Known) -> usize {
        let mut bookings = self.bookings.borrow_mut();
        bookings.push(known);
        bookings.len() - 1
    }

    /// Notes what may have become of a booking.
    pub(super) fn now_may_be(&self, place: usize, statuses: &'static [&'static str]) {
        self.bookings.borrow_mut()[place].may_be = statuses;
    }
}
