//! The flights that a request is about, for the routing to its warm instance and for its waiting room.

use shared::{http::named_flights, ids::FlightId};

/// The flights of a request: the one that its path names, else those of its body, the lowest first.
///
/// A path or body that names no flight, or is invalid, yields none: the service tells the client what is wrong with it.
pub(crate) fn requested_flights(path: &str, body: Option<&[u8]>) -> Vec<FlightId> {
    match flight_of_path(path) {
        Some(flight) => vec![flight],
        None => body.map(named_flights).unwrap_or_default(),
    }
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
            assert_eq!(requested_flights(&path, Some(body.as_bytes())), [of_path], "{path}");
            assert_eq!(requested_flights(&path, None), [of_path], "{path}");
        }
        let of_body = |path| requested_flights(path, Some(body.as_bytes()));
        assert_eq!(of_body("/api/v1/bookings"), [other]);
        assert_eq!(of_body("/api/v1/flights/LHR/seat-map"), [other]);
        assert_eq!(requested_flights("/api/v1/flights", None), []);
    }

    proptest! {
        #[test]
        fn no_request_panics(path in ".{0,40}", body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = requested_flights(&path, Some(&body));
        }
    }
}
