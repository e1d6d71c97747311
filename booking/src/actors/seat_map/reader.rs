//! `SeatMapReader`: what one reader of a flight's seats gets.

use super::messages::Joined;
use crate::domain::seat_event;
use bytes::Bytes;
use futures_util::Stream;
use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// After how many milliseconds a reader whose stream has ended comes back: not all at once.
const RETRY: std::ops::Range<u64> = 1000..3000;

/// A stream of a flight's events, the body of an answer. It ends when the reader is too slow, or the service stops.
pub(crate) struct SeatMapReader {
    /// The events before those of the queue, last one first.
    first: Vec<Bytes>,
    events: mpsc::Receiver<Bytes>,
    /// Given back with the reader.
    _places: [OwnedSemaphorePermit; 2],
}

impl SeatMapReader {
    pub(super) fn new(joined: Joined, places: [OwnedSemaphorePermit; 2]) -> Self {
        let retry = seat_event::retry(Duration::from_millis(rand::random_range(RETRY)));
        metrics::gauge!("booking_seat_map_readers").increment(1.0);
        let first = joined.first.into_iter().chain([retry]).collect();
        Self { first, events: joined.events, _places: places }
    }
}

impl Drop for SeatMapReader {
    fn drop(&mut self) {
        metrics::gauge!("booking_seat_map_readers").decrement(1.0);
    }
}

impl Stream for SeatMapReader {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, ctx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        match self.first.pop() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => self.events.poll_recv(ctx).map(|event| event.map(Ok)),
        }
    }
}
