//! Reads only the newest events of a batch: it skips events that later ones of the same batch outdate.

use shared::{
    bus::Delivery,
    events::{Event, EventType},
};
use std::collections::HashMap;

/// Reads the events of a batch, and gives a result for each, in their order. The result is `None` for an event that is
/// outdated: later in the batch is a newer event of the same kind about the same flight, and it can be read. Each event
/// tells the whole state, so an outdated one would change nothing.
pub(super) fn read_newest<T, E>(
    batch: &[Delivery],
    read: impl Fn(&Event) -> Result<T, E>,
) -> Vec<Result<Option<T>, E>> {
    let mut newest: HashMap<(EventType, &str), i64> = HashMap::with_capacity(batch.len());
    // The newest come last, as a rule.
    let reversed = batch.iter().rev().map(|delivery| {
        let event: &Event = &delivery.event;
        let about = (event.kind, event.subject.as_str());
        if newest.get(&about).is_some_and(|version| *version > event.version) {
            return Ok(None);
        }
        let value = read(event)?;
        newest.insert(about, event.version);
        Ok(Some(value))
    });
    let mut results: Vec<_> = reversed.collect();
    results.reverse();
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delivery(subject: &str, version: i64) -> Delivery {
        let event = Event::new("booking", EventType::SeatsChanged, subject, version, &version);
        Delivery { event: event.into(), attempt: 1 }
    }

    #[test]
    fn only_the_newest_that_can_be_read_is_read() {
        let batch = [("a", 1), ("b", 1), ("a", 3), ("a", 2), ("b", 2)];
        let batch = batch.map(|(subject, version)| delivery(subject, version));
        let read = |event: &Event| match (event.subject.as_str(), event.version) {
            ("b", 2) => Err("unreadable"),
            (_, version) => Ok(version),
        };
        // Version 2 of `a` comes after 3 and is read in vain, which harms nobody.
        let expected = [Ok(None), Ok(Some(1)), Ok(Some(3)), Ok(Some(2)), Err("unreadable")];
        assert_eq!(read_newest(&batch, read), expected);
    }
}
