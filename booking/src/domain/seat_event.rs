//! The events of a live seat map, as Server-Sent Events (the WHATWG HTML standard, 9.2.6). An event is written once,
//! and all readers share its bytes.

use booking_engine::inventory::seat_map::{SeatMap, SeatStatus};
use bytes::Bytes;
use serde::Serialize;
use shared::seat::SeatDesignator;
use std::{collections::BTreeMap, time::Duration};
use utoipa::ToSchema;

/// A line that shows that the stream is alive.
pub(crate) const HEARTBEAT: Bytes = Bytes::from_static(b": heartbeat\n\n");

/// A seat whose status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ChangedSeat {
    /// Row and letter.
    #[schema(value_type = String, example = "12A")]
    pub(crate) designator: SeatDesignator,
    /// Whether it can be had now.
    pub(crate) status: SeatStatus,
}

/// The data of a `seats` event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ChangedSeats {
    /// The version that the changes lead to.
    pub(crate) version: i64,
    /// The seats that changed since the last event.
    pub(crate) seats: Vec<ChangedSeat>,
}

/// The event of the whole map.
pub(crate) fn snapshot(map: &SeatMap) -> Bytes {
    event("snapshot", map.version, map)
}

/// The event of the seats that changed up to a version.
pub(crate) fn seats(version: i64, changed: &BTreeMap<SeatDesignator, SeatStatus>) -> Bytes {
    let seat = |(designator, status): (&SeatDesignator, &SeatStatus)| ChangedSeat {
        designator: *designator,
        status: *status,
    };
    event("seats", version, &ChangedSeats { version, seats: changed.iter().map(seat).collect() })
}

/// The start of a stream: how long a reader waits before it reopens an ended one.
pub(crate) fn retry(after: Duration) -> Bytes {
    format!("retry: {}\n\n", after.as_millis()).into()
}

fn event(name: &str, version: i64, data: &impl Serialize) -> Bytes {
    // Plain data always serialises, and on one line: line breaks within texts are escaped.
    let data = serde_json::to_string(data).unwrap_or_default();
    format!("event: {name}\nid: {version}\ndata: {data}\n\n").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use booking_engine::samples;
    use std::collections::HashMap;

    #[test]
    fn events_are_lines_that_end_with_an_empty_one() {
        let changed = [("12A", SeatStatus::Held), ("4F", SeatStatus::Available)];
        let changed = changed.map(|(seat, status)| (seat.parse().unwrap(), status)).into();
        let expected = "event: seats\nid: 9\ndata: {\"version\":9,\"seats\":[{\"designator\":\"4F\",\"status\":\"available\"},{\"designator\":\"12A\",\"status\":\"held\"}]}\n\n";
        assert_eq!(seats(9, &changed), expected);
        assert_eq!(retry(Duration::from_millis(1500)), "retry: 1500\n\n");
        let map = SeatMap::new(&samples::flight(), 3, &HashMap::new());
        let event = snapshot(&map);
        let text = std::str::from_utf8(&event).unwrap();
        let data = text.strip_prefix("event: snapshot\nid: 3\ndata: ").unwrap().strip_suffix("\n\n").unwrap();
        assert_eq!(data.lines().count(), 1);
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data, serde_json::to_value(&map).unwrap());
    }
}
