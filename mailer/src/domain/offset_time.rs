//! Times of flights for machines.

use shared::flight_time::FlightTime;

/// A time of a flight for machines (RFC 3339): `2026-12-01T10:30:00+01:00`.
pub(crate) fn offset_time(time: &FlightTime) -> String {
    let minutes = time.offset_minutes();
    let sign = if minutes < 0 { '-' } else { '+' };
    let (hours, rest) = (minutes.abs() / 60, minutes.abs() % 60);
    format!("{}:00{sign}{hours:02}:{rest:02}", time.local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_tell_their_offset() {
        let at = |local: &str, zone: &str| {
            offset_time(&FlightTime::from_local(local.parse().unwrap(), zone).unwrap())
        };
        assert_eq!(at("2026-12-01T10:30", "Europe/Paris"), "2026-12-01T10:30:00+01:00");
        assert_eq!(at("2026-07-12T00:05", "America/St_Johns"), "2026-07-12T00:05:00-02:30");
    }
}
