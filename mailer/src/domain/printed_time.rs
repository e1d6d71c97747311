//! Times as letters print them.

use chrono::{DateTime, Utc};
use shared::flight_time::FlightTime;

/// A time of a flight for people: `Tue 1 Dec 2026, 10:30 (Europe/Paris, UTC+1)`.
pub(crate) fn local_time(time: &FlightTime) -> String {
    let local = time.local.civil().strftime("%a %-d %b %Y, %H:%M");
    format!("{local} ({}, {})", time.time_zone, zone_offset(time.offset_minutes()))
}

/// A time of a flight for machines (RFC 3339): `2026-12-01T10:30:00+01:00`.
pub(crate) fn offset_time(time: &FlightTime) -> String {
    let minutes = time.offset_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    format!("{}:00{sign}{hours:02}:{rest:02}", time.local)
}

/// An instant for people: `Tue 1 Dec 2026, 09:30 UTC`.
pub(crate) fn utc_time(at: DateTime<Utc>) -> String {
    at.format("%a %-d %b %Y, %H:%M UTC").to_string()
}

/// `UTC+1`, `UTC-3:30`, `UTC`.
fn zone_offset(minutes: i64) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    match (minutes.abs() / 60, minutes.abs() % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, rest) => format!("UTC{sign}{hours}:{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(local: &str, zone: &str) -> FlightTime {
        FlightTime::from_local(local.parse().expect("a local time"), zone).expect("a time of a flight")
    }

    #[test]
    fn times_tell_their_zone_and_offset() {
        let paris = at("2026-12-01T10:30", "Europe/Paris");
        assert_eq!(local_time(&paris), "Tue 1 Dec 2026, 10:30 (Europe/Paris, UTC+1)");
        assert_eq!(offset_time(&paris), "2026-12-01T10:30:00+01:00");
        assert_eq!(utc_time(paris.at), "Tue 1 Dec 2026, 09:30 UTC");
        let newfoundland = at("2026-07-12T00:05", "America/St_Johns");
        assert_eq!(local_time(&newfoundland), "Sun 12 Jul 2026, 00:05 (America/St_Johns, UTC-2:30)");
        assert_eq!(offset_time(&newfoundland), "2026-07-12T00:05:00-02:30");
        assert!(local_time(&at("2026-12-01T10:30", "Europe/London")).ends_with("(Europe/London, UTC)"));
    }
}
