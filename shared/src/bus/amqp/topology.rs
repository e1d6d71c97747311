//! What exists on the broker: the one place where exchanges and queues are declared.
//!
//! ```text
//! relay -> exchange aerobus.events --type--> work queue ---------------> consumer
//!                                     ^                                     |
//!                                     '--(time to live)-- retry queue <-----'
//! ```
//!
//! Declaring is idempotent, and whoever needs a thing declares it, on every link anew: a broker that
//! was emptied is right again after the reconnect. A publisher needs the work queues as much as their
//! consumers do: without a queue the broker confirms an event and drops it. An option that is changed here meets the old
//! queue with an error; delete the queue when it is empty, or give it another name.

use super::link::{Link, LinkError};
use crate::{
    bus::{Scope, Subscription, WorkQueue},
    events::EventType,
};
use amqprs::{
    FieldTable, FieldValue,
    channel::{Channel, ExchangeDeclareArguments, ExchangeType, QueueBindArguments, QueueDeclareArguments},
    error::Error,
};
use std::{collections::BTreeMap, time::Duration};
use uuid::Uuid;

/// In effect no limit of redeliveries. Handlers decide what becomes of a message, not the count of
/// lost connections; RabbitMQ 4 would drop it after 20. (-1 is refused by RabbitMQ 3.)
const NO_DELIVERY_LIMIT: i64 = 2_000_000_000;

/// The names of what exists, with the prefix that keeps tests apart.
#[derive(Debug, Clone)]
pub(super) struct Topology {
    prefix: String,
}

/// The queues of a subscription.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Queues {
    /// Where its messages are.
    pub(super) work: String,
    /// Where they wait, by delay.
    retries: BTreeMap<Duration, String>,
}

impl Queues {
    /// The queue in which a message waits this long.
    pub(super) fn retry(&self, delay: Duration) -> Option<&str> {
        self.retries.get(&delay).map(String::as_str)
    }
}

impl Topology {
    pub(super) fn new(prefix: &str) -> Self {
        Self { prefix: prefix.to_owned() }
    }

    /// The exchange that all events go to.
    pub(super) fn exchange(&self) -> String {
        format!("{}aerobus.events", self.prefix)
    }

    /// The queues of a subscription. An instance queue has a new name each time: the broker may not
    /// have noticed yet that the former connection, which owns the former queue, is dead.
    pub(super) fn queues(&self, subscription: &Subscription) -> Queues {
        let work = match subscription.scope {
            Scope::Service => self.work(&subscription.queue),
            Scope::Instance => format!("{}{}.{}", self.prefix, subscription.queue, Uuid::now_v7().simple()),
        };
        let retry = |delay: &Duration| (*delay, format!("{work}.retry.{}", delay.as_millis()));
        Queues { retries: subscription.retry_delays.iter().map(retry).collect(), work }
    }

    /// The name of a work queue.
    fn work(&self, queue: &str) -> String {
        format!("{}{queue}", self.prefix)
    }

    /// Declares the exchange that all events go to.
    async fn declare_exchange(&self, channel: &Channel) -> Result<(), Error> {
        let mut exchange = ExchangeDeclareArguments::of_type(&self.exchange(), ExchangeType::Topic);
        // Survives a restart of the broker, as do the bindings of durable queues to it.
        exchange.durable(true);
        channel.exchange_declare(exchange).await
    }

    /// Declares the exchange and the queues of a subscription, and binds them.
    pub(super) async fn declare(
        &self,
        link: &Link,
        subscription: &Subscription,
    ) -> Result<Queues, LinkError> {
        let queues = self.queues(subscription);
        // One after the other: amqprs mixes up the answers to two declarations under way.
        link.on_throwaway_channel(async |channel: &Channel| {
            self.declare_exchange(channel).await?;
            self.declare_work(channel, &queues.work, subscription.scope, &subscription.types).await?;
            for (delay, name) in &queues.retries {
                channel.queue_declare(retry_queue(name, *delay, &queues.work, subscription.scope)).await?;
            }
            Ok(())
        })
        .await?;
        Ok(queues)
    }

    /// Declares a work queue and binds it.
    async fn declare_work(
        &self,
        channel: &Channel,
        work: &str,
        scope: Scope,
        types: &[EventType],
    ) -> Result<(), Error> {
        channel.queue_declare(work_queue(work, scope)).await?;
        for kind in types {
            channel.queue_bind(QueueBindArguments::new(work, &self.exchange(), kind.as_str())).await?;
        }
        Ok(())
    }
}

/// What must be there before anything is published.
#[derive(Debug, Clone)]
pub(super) struct PublishingTopology {
    pub(super) topology: Topology,
    /// The queues that events may be for, whoever consumes them.
    pub(super) queues: &'static [WorkQueue],
}

impl PublishingTopology {
    /// Declares the exchange, and the work queues as their consumers do, and binds them.
    pub(super) async fn declare(&self, link: &Link) -> Result<(), LinkError> {
        let topology = &self.topology;
        link.on_throwaway_channel(async |channel: &Channel| topology.declare_exchange(channel).await).await?;
        for WorkQueue { name, types } in self.queues {
            // A channel each: the time that the broker may take is for one queue, however many there are.
            link.on_throwaway_channel(async |channel: &Channel| {
                topology.declare_work(channel, &topology.work(name), Scope::Service, types).await
            })
            .await?;
        }
        Ok(())
    }
}

/// The queue that a consumer reads.
fn work_queue(name: &str, scope: Scope) -> QueueDeclareArguments {
    let mut queue = QueueDeclareArguments::new(name);
    match scope {
        Scope::Service => {
            // Survives a restart of the broker, with the persistent messages in it.
            queue.durable(true).arguments(table(&[
                // Replicated over the brokers of a cluster: a confirm means that a majority has it.
                ("x-queue-type", text("quorum")),
                ("x-delivery-limit", FieldValue::l(NO_DELIVERY_LIMIT)),
            ]));
        }
        Scope::Instance => {
            // Belongs to this connection and goes with it: after a reconnect the instance asks for
            // what it has missed, so nothing in the queue is worth keeping.
            queue.exclusive(true);
            // Goes with its consumer, even when the connection lives on.
            queue.auto_delete(true);
        }
    }
    queue
}

/// The queue in which messages wait for their next attempt; nobody reads it.
fn retry_queue(name: &str, delay: Duration, work: &str, scope: Scope) -> QueueDeclareArguments {
    let mut queue = QueueDeclareArguments::new(name);
    let millis = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    let mut arguments = vec![
        // One delay a queue: messages expire at the head only, so they must expire in order.
        ("x-message-ttl", FieldValue::l(millis)),
        // An expired message goes to the queue of this name, through the default exchange, so to the
        // one consumer that has failed and to no other.
        ("x-dead-letter-exchange", text("")),
        ("x-dead-letter-routing-key", text(work)),
    ];
    match scope {
        Scope::Service => {
            queue.durable(true);
            arguments.extend([
                ("x-queue-type", text("quorum")),
                // The broker moves an expired message under a confirm of its own, so it is not lost
                // when the work queue is away at that moment. Needs a quorum queue and the overflow
                // behaviour below, though no limit is set that could overflow.
                ("x-dead-letter-strategy", text("at-least-once")),
                ("x-overflow", text("reject-publish")),
            ]);
        }
        Scope::Instance => {
            queue.exclusive(true);
        }
    }
    queue.arguments(table(&arguments));
    queue
}

fn text(value: &str) -> FieldValue {
    FieldValue::from(value)
}

fn table(entries: &[(&str, FieldValue)]) -> FieldTable {
    let mut table = FieldTable::new();
    for (name, value) in entries {
        // The names above are far below 256 bytes.
        if let Ok(name) = (*name).try_into() {
            table.insert(name, value.clone());
        }
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_prefix_queue_and_delay() {
        let topology = Topology::new("t1.");
        assert_eq!(topology.exchange(), "t1.aerobus.events");
        let (short, long) = (Duration::from_millis(20), Duration::from_secs(5));
        let subscription =
            Subscription::service("mailer.notifications", &[]).retry_delays(&[short, long, long]);
        let queues = topology.queues(&subscription);
        assert_eq!(queues.work, "t1.mailer.notifications");
        assert_eq!(queues.retry(short), Some("t1.mailer.notifications.retry.20"));
        assert_eq!(queues.retry(long), Some("t1.mailer.notifications.retry.5000"));
        assert_eq!(queues.retry(Duration::ZERO), None);
    }

    #[test]
    fn an_instance_queue_never_has_the_same_name_twice() {
        let (topology, subscription) = (Topology::new(""), Subscription::instance("flight.seats", &[]));
        let (first, second) = (topology.queues(&subscription), topology.queues(&subscription));
        assert!(first.work.starts_with("flight.seats."));
        assert_ne!(first.work, second.work);
    }
}
