//! The lowest flight that a request's body names.

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use shared_types::ids::FlightId;
use std::fmt;

/// The lowest flight of a booking (`segments`) or of a change of seats (`changes`).
///
/// Booking commits an itinerary on the ledger of its lowest flight, so the lowest one stands for all. The body is scanned
/// once, without a tree of its values: other members are skipped. `None`: the body names no flight, or is invalid.
#[must_use]
pub fn lowest_flight(body: &[u8]) -> Option<FlightId> {
    let named: NamedFlights = serde_json::from_slice(body).ok()?;
    [named.segments.0, named.changes.0].into_iter().flatten().min()
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NamedFlights {
    segments: LowestFlight,
    changes: LowestFlight,
}

#[derive(Deserialize)]
struct NamedFlight {
    flight_id: Option<FlightId>,
}

/// The lowest flight of a list of objects; the list itself is not kept.
#[derive(Default)]
struct LowestFlight(Option<FlightId>);

impl<'de> Deserialize<'de> for LowestFlight {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lowest;

        impl<'de> Visitor<'de> for Lowest {
            type Value = LowestFlight;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of objects, or null")
            }

            fn visit_unit<E>(self) -> Result<LowestFlight, E> {
                Ok(LowestFlight(None))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<LowestFlight, A::Error> {
                let mut lowest = None;
                while let Some(NamedFlight { flight_id }) = list.next_element()? {
                    lowest = [lowest, flight_id].into_iter().flatten().min();
                }
                Ok(LowestFlight(lowest))
            }
        }

        deserializer.deserialize_any(Lowest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn lowest(body: &Value) -> Option<FlightId> {
        lowest_flight(body.to_string().as_bytes())
    }

    #[test]
    fn the_lowest_flight_stands_for_all() {
        let mut flights = [FlightId::new(), FlightId::new(), FlightId::new()];
        let segments = flights.map(|id| json!({"cabin": "economy", "flight_id": id, "brand": "light"}));
        let others = json!([{"passengers": {"flight_id": "ignored"}}, 7, null, "text"]);
        let booking = json!({"passengers": others, "segments": segments, "payment": null, "changes": null});
        flights.sort();
        assert_eq!(lowest(&booking), Some(flights[0]));
        assert_eq!(lowest(&json!({"changes": [{"flight_id": flights[1]}, {}]})), Some(flights[1]));
    }

    #[test]
    fn a_body_without_a_valid_flight_names_none() {
        let id = FlightId::new();
        for body in [
            json!({}),
            json!([]),
            json!({"flight_id": id}),
            json!({"segments": []}),
            json!({"segments": {"flight_id": id}}),
            json!({"segments": [{"flight_id": 7}]}),
            json!({"segments": [{"flight_id": "LHR"}]}),
        ] {
            assert_eq!(lowest(&body), None, "{body}");
        }
        let deep = format!("{{\"segments\": {}", "[".repeat(200_000));
        assert_eq!(lowest_flight(deep.as_bytes()), None);
        assert_eq!(lowest_flight(b"{\"segments\": [{\"flight_id\": \""), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = lowest_flight(&body);
        }

        #[test]
        fn the_order_of_the_segments_does_not_matter(numbers in proptest::collection::vec(any::<u128>(), 1..7)) {
            let ids: Vec<FlightId> = numbers.iter().map(|number| uuid::Uuid::from_u128(*number).into()).collect();
            let body = json!({"segments": ids.iter().map(|id| json!({"flight_id": id})).collect::<Vec<_>>()});
            prop_assert_eq!(lowest(&body), ids.iter().min().copied());
        }
    }
}
