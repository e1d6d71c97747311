//! The flight that a request is about, for the routing to its warm instance and for its waiting room.

use shared::{http::lowest_flight, ids::FlightId};

/// The flight of a request: the one that its path names, else the lowest of its body.
///
/// Booking commits an itinerary on the ledger of its lowest flight, so the lowest one stands for all. A path or body that
/// names no flight, or is invalid, yields `None`: the service tells the client what is wrong with it.
pub(crate) fn requested_flight(path: &str, body: Option<&[u8]>) -> Option<FlightId> {
    flight_of_path(path).or_else(|| lowest_flight(body?))
}

/// The flight of a path like `/api/v1/flights/{id}/seat-map`.
fn flight_of_path(path: &str) -> Option<FlightId> {
    let mut segments = path.split('/');
    segments.find(|segment| *segment == "flights")?;
    segments.next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

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

    proptest! {
        #[test]
        fn no_request_panics(path in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = requested_flight(&path, Some(&body));
        }
    }
}
