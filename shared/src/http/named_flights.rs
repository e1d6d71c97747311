//! The flights that a request's body names.

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use shared_types::ids::FlightId;
use std::{borrow::Cow, fmt};

/// The flights of a booking (`segments`) or of a change of seats (`changes`), each once, the lowest first.
///
/// Booking commits an itinerary on the ledger of its lowest flight, so that one stands for all where one is needed. The
/// body is scanned once, without a tree of its values: other members are skipped. A member that stands twice counts
/// twice, because a service may read either. None where the body names no flight, or is invalid.
#[must_use]
pub fn named_flights(body: &[u8]) -> Vec<FlightId> {
    let NamedFlights(mut flights) = serde_json::from_slice(body).unwrap_or_default();
    flights.sort_unstable();
    flights.dedup();
    flights
}

/// The flights of an object with lists.
#[derive(Default)]
struct NamedFlights(Vec<FlightId>);

impl<'de> Deserialize<'de> for NamedFlights {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Lists;

        impl<'de> Visitor<'de> for Lists {
            type Value = NamedFlights;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<NamedFlights, A::Error> {
                let mut flights = Vec::new();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        "segments" | "changes" => flights.extend(members.next_value::<FlightList>()?.0),
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(NamedFlights(flights))
            }
        }

        deserializer.deserialize_map(Lists)
    }
}

/// The flights of a list of objects; none of `null`.
struct FlightList(Vec<FlightId>);

impl<'de> Deserialize<'de> for FlightList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = FlightList;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a list of objects, or null")
            }

            fn visit_unit<E>(self) -> Result<FlightList, E> {
                Ok(FlightList(Vec::new()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<FlightList, A::Error> {
                let mut flights = Vec::new();
                while let Some(FlightsOfSegment(named)) = list.next_element()? {
                    flights.extend(named);
                }
                Ok(FlightList(flights))
            }
        }

        deserializer.deserialize_any(List)
    }
}

/// The flight of a segment or change: as a rule one.
struct FlightsOfSegment(Vec<FlightId>);

impl<'de> Deserialize<'de> for FlightsOfSegment {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Segment;

        impl<'de> Visitor<'de> for Segment {
            type Value = FlightsOfSegment;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<FlightsOfSegment, A::Error> {
                let mut flights = Vec::new();
                while let Some(name) = members.next_key::<Cow<'de, str>>()? {
                    match &*name {
                        "flight_id" => flights.extend(members.next_value::<Option<FlightId>>()?),
                        _ => drop(members.next_value::<IgnoredAny>()?),
                    }
                }
                Ok(FlightsOfSegment(flights))
            }
        }

        deserializer.deserialize_map(Segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn named(body: &Value) -> Vec<FlightId> {
        named_flights(body.to_string().as_bytes())
    }

    #[test]
    fn flights_are_named_once_the_lowest_first() {
        let mut flights = [FlightId::new(), FlightId::new(), FlightId::new()];
        let segments = flights.map(|id| json!({"cabin": "economy", "flight_id": id, "brand": "light"}));
        let others = json!([{"passengers": {"flight_id": "ignored"}}, 7, null, "text"]);
        let booking = json!({"passengers": others, "segments": segments, "payment": null, "changes": null});
        flights.sort();
        assert_eq!(named(&booking), flights);
        assert_eq!(named(&json!({"changes": [{"flight_id": flights[1]}, {}]})), [flights[1]]);
    }

    #[test]
    fn members_that_stand_twice_hide_nothing() {
        let (first, second) = (FlightId::new(), FlightId::new());
        for body in [
            format!(
                r#"{{"segments": [{{"flight_id": "{first}"}}], "segments": [{{"flight_id": "{second}"}}]}}"#
            ),
            format!(r#"{{"segments": [{{"flight_id": "{first}", "flight_id": "{second}"}}]}}"#),
            format!(
                r#"{{"\u0073egments": [{{"flight_id": "{second}"}}], "changes": [{{"flight_\u0069d": "{first}"}}]}}"#
            ),
        ] {
            assert_eq!(named_flights(body.as_bytes()), [first, second], "{body}");
        }
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
            assert_eq!(named(&body), [], "{body}");
        }
        let deep = format!("{{\"segments\": {}", "[".repeat(200_000));
        assert_eq!(named_flights(deep.as_bytes()), []);
        assert_eq!(named_flights(b"{\"segments\": [{\"flight_id\": \""), []);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = named_flights(&body);
        }

        #[test]
        fn the_order_of_the_segments_does_not_matter(numbers in proptest::collection::vec(any::<u128>(), 1..7)) {
            let ids: Vec<FlightId> = numbers.iter().map(|number| uuid::Uuid::from_u128(*number).into()).collect();
            let body = json!({"segments": ids.iter().map(|id| json!({"flight_id": id})).collect::<Vec<_>>()});
            let ids: std::collections::BTreeSet<_> = ids.into_iter().collect();
            prop_assert_eq!(named(&body), ids.into_iter().collect::<Vec<_>>());
        }
    }
}
