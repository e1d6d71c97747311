//! The flight that a request is about, for the routing to its warm instance and for its waiting room.

use serde::{
    Deserialize, Deserializer,
    de::{SeqAccess, Visitor},
};
use shared::ids::FlightId;
use std::fmt;

/// The flight of a request: the one that its path names, else the lowest of its body.
///
/// Booking commits an itinerary on the allocator of its lowest flight, so the lowest one stands for all. A body is
/// scanned once, without a tree of its values: members other than `segments` and `changes` are skipped. A path
/// or body that names no flight, or is invalid, yields `None`: the service tells the client what is wrong with it.
pub(crate) fn requested_flight(path: &str, body: Option<&[u8]>) -> Option<FlightId> {
    flight_of_path(path).or_else(|| flight_of_body(body?))
}

/// The flight of a path like `/api/v1/flights/{id}/seat-map`.
fn flight_of_path(path: &str) -> Option<FlightId> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == "flights")?;
    segments.next()?.parse().ok()
}

/// The lowest flight of a booking (`segments`) or of a change of seats (`changes`).
fn flight_of_body(body: &[u8]) -> Option<FlightId> {
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

    fn of_body(body: &Value) -> Option<FlightId> {
        requested_flight("/api/v1/bookings", Some(body.to_string().as_bytes()))
    }

    #[test]
    fn the_path_names_the_flight_before_the_body() {
        let (of_path, other) = (FlightId::new(), FlightId::new());
        let body = json!({"segments": [{"flight_id": other}]}).to_string();
        for path in ["/api/v1/flights/{}/seat-map", "/api/v1/admin/flights/{}/manifest", "/api/v1/flights/{}"]
        {
            let path = path.replace("{}", &of_path.to_string());
            assert_eq!(requested_flight(&path, Some(body.as_bytes())), Some(of_path), "{path}");
            assert_eq!(requested_flight(&path, None), Some(of_path), "{path}");
        }
        let of_body = |path| requested_flight(path, Some(body.as_bytes()));
        assert_eq!(of_body("/api/v1/bookings"), Some(other));
        assert_eq!(of_body("/api/v1/flights/LHR/seat-map"), Some(other));
        assert_eq!(requested_flight("/api/v1/flights", None), None);
    }

    #[test]
    fn the_lowest_flight_of_the_body_stands_for_all() {
        let mut flights = [FlightId::new(), FlightId::new(), FlightId::new()];
        let segments = flights.map(|id| json!({"cabin": "economy", "flight_id": id, "brand": "light"}));
        let others = json!([{"passengers": {"flight_id": "ignored"}}, 7, null, "text"]);
        let booking = json!({"passengers": others, "segments": segments, "payment": null, "changes": null});
        flights.sort();
        assert_eq!(of_body(&booking), Some(flights[0]));
        assert_eq!(of_body(&json!({"changes": [{"flight_id": flights[1]}, {}]})), Some(flights[1]));
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
            assert_eq!(of_body(&body), None, "{body}");
        }
        let deep = format!("{{\"segments\": {}", "[".repeat(200_000));
        assert_eq!(requested_flight("/api/v1/bookings", Some(deep.as_bytes())), None);
        assert_eq!(requested_flight("/api/v1/bookings", Some(b"{\"segments\": [{\"flight_id\": \"")), None);
    }

    proptest! {
        #[test]
        fn no_bytes_panic(path in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = requested_flight(&path, Some(&body));
        }

        #[test]
        fn the_order_of_the_segments_does_not_matter(numbers in proptest::collection::vec(any::<u128>(), 1..7)) {
            let ids: Vec<FlightId> = numbers.iter().map(|number| uuid::Uuid::from_u128(*number).into()).collect();
            let body = json!({"segments": ids.iter().map(|id| json!({"flight_id": id})).collect::<Vec<_>>()});
            prop_assert_eq!(of_body(&body), ids.iter().min().copied());
        }
    }
}
