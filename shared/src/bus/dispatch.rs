//! What both carriers do alike with a batch: ask its handler, and read what is to be done from the
//! answer.

use super::{Delivery, Disposition, Handler, Subscription};
use crate::trace;
use futures_util::FutureExt;
use std::{collections::BTreeMap, panic::AssertUnwindSafe, time::Duration};

/// What a carrier does with a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DeliveryStep {
    /// It is done: forget it.
    Settle,
    /// Hand it out again after this delay, with one more attempt.
    RetryAfter(Duration),
    /// Store it among the dead letters with this reason, then forget it.
    DeadLetter(String),
    /// Keep it and ask for it again after the pause.
    Hold,
}

/// Asks the handler what becomes of each delivery. Whatever the handler does, there is one step per
/// delivery: a panic, or an answer of the wrong length, counts as a failure of each of them.
///
/// The handler runs in the trace of the batch's first event: with batches of one that is the trace
/// of the event; a handler of larger batches opens a scope per event where it matters.
pub(super) async fn ask(
    handler: &dyn Handler,
    subscription: &Subscription,
    batch: &[Delivery],
) -> Vec<DeliveryStep> {
    assert!(!batch.is_empty(), "a handler is asked about something");
    // The call itself may panic as well as the future.
    let asking = AssertUnwindSafe(async { handler.handle(batch).await }).catch_unwind();
    let context =
        batch[0].event.traceparent.as_deref().and_then(|text| text.parse::<trace::TraceContext>().ok());
    let answer = match context {
        Some(context) => trace::scope(context.child(), asking).await,
        None => trace::scope(trace::TraceContext::new(), asking).await,
    };
    let failed =
        |reason: &str| batch.iter().map(|_| Disposition::Retry(reason.to_owned())).collect::<Vec<_>>();
    let dispositions = match answer {
        Ok(dispositions) if dispositions.len() == batch.len() => dispositions,
        Ok(dispositions) => {
            let (got, expected) = (dispositions.len(), batch.len());
            tracing::error!(
                bus.queue = subscription.queue,
                got,
                expected,
                "A handler answered the wrong number of dispositions"
            );
            failed("the handler did not answer for every delivery")
        }
        Err(_) => {
            // The panic hook has told where.
            tracing::error!(bus.queue = subscription.queue, "A handler panicked; its batch is tried again");
            failed("the handler panicked")
        }
    };
    // Counters are looked up by name and labels: once a batch.
    let mut counts = BTreeMap::new();
    let read = |(delivery, disposition)| {
        let (name, step) = step(subscription, delivery, disposition);
        *counts.entry(name).or_insert(0) += 1;
        step
    };
    let steps = batch.iter().zip(dispositions).map(read).collect();
    counts.into_iter().for_each(|(name, count)| consumed(&subscription.queue, name, count));
    steps
}

/// Reads a disposition, and logs what is not the rule; gives its name and the step.
fn step(
    subscription: &Subscription,
    delivery: &Delivery,
    disposition: Disposition,
) -> (&'static str, DeliveryStep) {
    let queue = subscription.queue.as_str();
    let (event, attempt) = (delivery.event.id, delivery.attempt);
    match disposition {
        Disposition::Ack => ("ack", DeliveryStep::Settle),
        Disposition::DeadLetter(reason) => ("dead_letter", DeliveryStep::DeadLetter(reason)),
        Disposition::Pause(reason) => {
            tracing::warn!(bus.queue = queue, bus.reason = reason, "Consumption pauses");
            ("pause", DeliveryStep::Hold)
        }
        Disposition::Retry(reason) => match retry_delay(subscription, attempt) {
            Some(delay) => {
                tracing::warn!(
                    bus.queue = queue, bus.event = %event, bus.attempt = attempt, bus.reason = reason,
                    delay_ms = delay.as_millis(), "A message failed and is tried again later"
                );
                ("retry", DeliveryStep::RetryAfter(delay))
            }
            None => ("dead_letter", DeliveryStep::DeadLetter(reason)),
        },
    }
}

/// Counts deliveries that were handled.
pub(super) fn consumed(queue: &str, disposition: &'static str, count: u64) {
    metrics::counter!("bus_consumed_total", "queue" => queue.to_owned(), "disposition" => disposition)
        .increment(count);
}

/// The delay after this attempt failed, or `None` when there is no further attempt.
fn retry_delay(subscription: &Subscription, attempt: u32) -> Option<Duration> {
    let index = usize::try_from(attempt.max(1)).ok()? - 1;
    subscription.retry_delays.get(index).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, EventType};
    use futures_util::future::BoxFuture;

    struct Answers(fn(&[Delivery]) -> Vec<Disposition>);

    impl Handler for Answers {
        fn handle<'a>(&'a self, batch: &'a [Delivery]) -> BoxFuture<'a, Vec<Disposition>> {
            let answer = (self.0)(batch);
            Box::pin(std::future::ready(answer))
        }
    }

    fn delivery(attempt: u32) -> Delivery {
        let event = Event::new("test", EventType::SeatsChanged, "x", 1, &serde_json::Value::Null);
        Delivery { event: event.into(), attempt }
    }

    fn subscription() -> Subscription {
        Subscription::service("test.dispatch", &[])
            .retry_delays(&[Duration::from_millis(1), Duration::from_millis(2)])
    }

    #[tokio::test]
    async fn retries_use_up_their_delays_and_then_are_dead_letters() {
        let fails = Answers(|batch| batch.iter().map(|_| Disposition::Retry("no".into())).collect());
        let batch = [delivery(1), delivery(2), delivery(3)];
        let steps = ask(&fails, &subscription(), &batch).await;
        let (first, second) = (Duration::from_millis(1), Duration::from_millis(2));
        assert_eq!(
            steps,
            [
                DeliveryStep::RetryAfter(first),
                DeliveryStep::RetryAfter(second),
                DeliveryStep::DeadLetter("no".into())
            ]
        );
    }

    #[tokio::test]
    async fn a_panic_and_a_short_answer_count_as_failures() {
        let batch = [delivery(1), delivery(1)];
        for answers in [Answers(|_| panic!("of the test")), Answers(|_| vec![Disposition::Ack])] {
            let steps = ask(&answers, &subscription(), &batch).await;
            assert_eq!(steps, vec![DeliveryStep::RetryAfter(Duration::from_millis(1)); 2]);
        }
    }
}
