//! What is said of a journey beside its flights: how long they take, and where the traveller changes.

use crate::{Catalogue, TicketSegment};

/// A longer stay than this between two flights is no connection.
const CONNECTION_MINUTES_MAX: i64 = 24 * 60;

/// `8 h 25 min`, `8 Std. 25 Min.`
#[must_use]
pub fn duration(texts: &Catalogue, minutes: i64) -> String {
    match (minutes / 60, minutes % 60) {
        (0, minutes) => texts.with("duration-minutes", [("minutes", minutes)]),
        (hours, minutes) => texts.with("duration", [("hours", hours), ("minutes", minutes)]),
    }
}

/// `+1 day`: by how many days the local date of the arrival is another one; `None` where it is the same.
#[must_use]
pub fn day_change(texts: &Catalogue, segment: &TicketSegment) -> Option<String> {
    let days = segment.arrival_day_offset();
    let key = if days > 0 { "days-later" } else { "days-earlier" };
    (days != 0).then(|| texts.with(key, [("days", days.abs())]))
}

/// `Connection in Dubai: 1 h 45 min`; `None` where the traveller goes on from another city, or another day.
#[must_use]
pub fn connection(texts: &Catalogue, segment: &TicketSegment, next: &TicketSegment) -> Option<String> {
    let minutes = (next.departure.at - segment.arrival.at).num_minutes();
    let same_city = segment.destination.city.code == next.origin.city.code;
    let values = || [("city", next.origin.city.name.clone()), ("duration", duration(texts, minutes))];
    (same_city && (0..=CONNECTION_MINUTES_MAX).contains(&minutes)).then(|| texts.with("connection", values()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DocumentLanguage, samples};

    #[test]
    fn a_journey_is_told_in_both_languages() {
        let (english, german) =
            (Catalogue::of(DocumentLanguage::English), Catalogue::of(DocumentLanguage::German));
        assert_eq!(
            (duration(english, 505).as_str(), duration(german, 45).as_str()),
            ("8 h 25 min", "45 Min.")
        );
        let segments = samples::large_party().segments;
        assert_eq!(day_change(german, &segments[0]).as_deref(), Some("+1 Tag"));
        assert_eq!(day_change(english, &segments[3]).as_deref(), Some("-1 day"));
        assert_eq!(day_change(english, &samples::round_trip().segments[0]), None);
        let told = connection(english, &segments[0], &segments[1]);
        assert_eq!(told.as_deref(), Some("Connection in Dubai: 1 h 45 min"));
        assert_eq!(connection(english, &segments[1], &segments[2]), None, "a stay of days");
        assert_eq!(connection(english, &segments[0], &segments[2]), None, "another city");
    }
}
