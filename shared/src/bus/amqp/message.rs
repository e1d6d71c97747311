//! Events as AMQP messages.

use super::{publisher::OutgoingMessage, topology::Topology};
use crate::{bus::Delivery, events::Event};
use amqprs::{BasicProperties, DELIVERY_MODE_PERSISTENT, FieldTable, FieldValue, channel::ConsumerMessage};
use std::sync::Arc;

/// CloudEvents' JSON event format (structured mode).
const CONTENT_TYPE: &str = "application/cloudevents+json";
/// The header with the number of the try that a message is for; absent on the first.
const ATTEMPT: &str = "x-aerobus-attempt";

/// A message that came from a queue.
pub(super) struct Message {
    /// Its delivery tag on the channel.
    pub(super) tag: u64,
    /// The event, or why it is none.
    pub(super) delivery: Result<Delivery, String>,
    /// The bytes as they came.
    pub(super) payload: Vec<u8>,
    /// 1 for the first try.
    pub(super) attempt: u32,
}

impl Message {
    /// Reads what amqprs delivers; whatever it is, this does not fail.
    pub(super) fn read(message: ConsumerMessage) -> Self {
        let payload = message.content.unwrap_or_default();
        let attempt = message.basic_properties.as_ref().and_then(attempt).unwrap_or(1);
        let delivery = Event::decode(&payload)
            .map(|event| Delivery { event: Arc::new(event), attempt })
            .map_err(|error| error.to_string());
        // amqprs always sends it; tag 0 is acknowledged with an error, which ends the channel.
        let tag = message.deliver.map_or(0, |deliver| deliver.delivery_tag());
        Self { tag, delivery, payload, attempt }
    }
}

/// The attempt that the headers tell of.
fn attempt(properties: &BasicProperties) -> Option<u32> {
    let name = ATTEMPT.try_into().ok()?;
    match properties.headers()?.get(&name)? {
        FieldValue::l(number) => u32::try_from(*number).ok(),
        FieldValue::I(number) => u32::try_from(*number).ok(),
        FieldValue::i(number) => Some(*number),
        FieldValue::B(number) => Some(u32::from(*number)),
        FieldValue::b(number) => u32::try_from(*number).ok(),
        FieldValue::s(number) => u32::try_from(*number).ok(),
        FieldValue::u(number) => Some(u32::from(*number)),
        _ => None,
    }
}

/// An event on its way to the exchange.
pub(super) fn event(topology: &Topology, event: &Event) -> OutgoingMessage {
    let mut properties = properties();
    properties.with_message_id(&event.id.to_string()).with_message_type(event.kind.as_str());
    OutgoingMessage {
        exchange: topology.exchange(),
        routing_key: event.kind.as_str().to_owned(),
        mandatory: false,
        properties: properties.finish(),
        body: event.encode(),
    }
}

/// A message on its way to the queue in which it waits for its next attempt.
pub(super) fn retry(message: &Message, queue: &str) -> OutgoingMessage {
    let mut headers = FieldTable::new();
    if let Ok(name) = ATTEMPT.try_into() {
        headers.insert(name, FieldValue::l(i64::from(message.attempt) + 1));
    }
    let mut properties = properties();
    properties.with_headers(headers);
    if let Ok(delivery) = &message.delivery {
        properties
            .with_message_id(&delivery.event.id.to_string())
            .with_message_type(delivery.event.kind.as_str());
    }
    OutgoingMessage {
        // The default exchange: the routing key is the queue.
        exchange: String::new(),
        routing_key: queue.to_owned(),
        mandatory: true,
        properties: properties.finish(),
        body: message.payload.clone(),
    }
}

/// What all messages have.
fn properties() -> BasicProperties {
    let mut properties = BasicProperties::default();
    // On disk before it is confirmed.
    properties.with_delivery_mode(DELIVERY_MODE_PERSISTENT).with_content_type(CONTENT_TYPE);
    properties.finish()
}
