//! Definitions of time zones in calendars (RFC 5545, 3.6.5): calendar programs that do not know a zone by its name read
//! its rules here.
//!
//! A definition holds the observances that the times of one calendar need, and no rules for other years.

use jiff::{Timestamp, tz::TimeZone};
use shared_types::{
    flight_time::FlightTime,
    time_zones::{self, Zone},
};
use std::{collections::BTreeMap, fmt::Write as _};

/// A change of a zone's clocks.
struct Observance {
    /// When the clocks change, by the clocks before the change.
    onset: String,
    /// Seconds from UTC, before and after.
    offsets: (i32, i32),
    is_daylight: bool,
    /// `CET`.
    name: String,
}

/// Whether the local time of a flight and its zone name its instant. A local time that clocks show twice means the first
/// one in a calendar (RFC 5545, 3.3.5), so the second one has no such name.
pub(crate) fn is_named_locally(time: &FlightTime) -> bool {
    FlightTime::from_local(time.local, &time.time_zone).is_ok_and(|named| named.at == time.at)
}

/// The definitions of the zones of these times, by the names of the zones. Each line ends as those of a calendar.
pub(crate) fn zone_definitions<'a>(times: impl Iterator<Item = &'a FlightTime>) -> String {
    let mut spans: BTreeMap<&str, (Timestamp, Timestamp)> = BTreeMap::new();
    for time in times.filter(|time| is_named_locally(time)) {
        let Ok(at) = Timestamp::from_second(time.at.timestamp()) else { continue };
        let span = spans.entry(&time.time_zone).or_insert((at, at));
        *span = (span.0.min(at), span.1.max(at));
    }
    let mut text = String::new();
    for (name, span) in spans {
        let Some(Zone { rules, .. }) = time_zones::find(name) else { continue };
        let _ = write!(text, "BEGIN:VTIMEZONE\r\nTZID:{name}\r\n");
        observances(&rules, span).iter().for_each(|observance| observance.write(&mut text));
        text.push_str("END:VTIMEZONE\r\n");
    }
    text
}

/// The observance that holds at the first instant, and those that begin until the last one.
fn observances(rules: &TimeZone, (first, last): (Timestamp, Timestamp)) -> Vec<Observance> {
    let second = jiff::SignedDuration::from_secs(1);
    let before =
        rules.preceding(first + second).next().filter(|change| change.timestamp() >= Timestamp::UNIX_EPOCH);
    let first_observance = match before {
        Some(change) => Observance::new(rules, change.timestamp()),
        // The clocks have not changed since 1970. Some calendar programs read no earlier year.
        None => {
            let now = rules.to_offset_info(first);
            let offset = now.offset().seconds();
            Observance {
                onset: "19700101T000000".to_owned(),
                offsets: (offset, offset),
                is_daylight: now.dst().is_dst(),
                name: now.abbreviation().to_owned(),
            }
        }
    };
    let later = rules.following(first).take_while(|change| change.timestamp() <= last);
    let later = later.map(|change| Observance::new(rules, change.timestamp()));
    std::iter::once(first_observance).chain(later).collect()
}

impl Observance {
    /// The observance that begins with a change of the clocks.
    fn new(rules: &TimeZone, at: Timestamp) -> Self {
        let before = rules.to_offset(at - jiff::SignedDuration::from_secs(1));
        let after = rules.to_offset_info(at);
        Self {
            onset: before.to_datetime(at).strftime("%Y%m%dT%H%M%S").to_string(),
            offsets: (before.seconds(), after.offset().seconds()),
            is_daylight: after.dst().is_dst(),
            name: after.abbreviation().to_owned(),
        }
    }

    fn write(&self, text: &mut String) {
        let kind = if self.is_daylight { "DAYLIGHT" } else { "STANDARD" };
        let (from, to) = (utc_offset(self.offsets.0), utc_offset(self.offsets.1));
        let _ = write!(
            text,
            "BEGIN:{kind}\r\nDTSTART:{}\r\nTZOFFSETFROM:{from}\r\nTZOFFSETTO:{to}\r\nTZNAME:{}\r\nEND:{kind}\r\n",
            self.onset, self.name
        );
    }
}

/// `+0530`, `-0330`; with seconds only where there are some.
fn utc_offset(seconds: i32) -> String {
    let (sign, size) = (if seconds < 0 { '-' } else { '+' }, seconds.abs());
    let text = format!("{sign}{:02}{:02}", size / 3600, size / 60 % 60);
    match size % 60 {
        0 => text,
        rest => format!("{text}{rest:02}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::time;

    fn definitions(times: &[FlightTime]) -> String {
        zone_definitions(times.iter()).replace("\r\n", "\n")
    }

    #[test]
    fn a_zone_has_the_observances_of_its_times() {
        let paris = [time("2027-03-27T10:30", "Europe/Paris"), time("2027-03-29T08:15", "Europe/Paris")];
        assert_eq!(
            definitions(&paris),
            "BEGIN:VTIMEZONE\nTZID:Europe/Paris\n\
             BEGIN:STANDARD\nDTSTART:20261025T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nTZNAME:CET\nEND:STANDARD\n\
             BEGIN:DAYLIGHT\nDTSTART:20270328T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nTZNAME:CEST\nEND:DAYLIGHT\n\
             END:VTIMEZONE\n"
        );
    }

    #[test]
    fn a_zone_whose_clocks_do_not_change_has_one_observance() {
        let text =
            definitions(&[time("2026-12-14T21:35", "Asia/Tokyo"), time("2026-12-14T10:00", "Asia/Kolkata")]);
        assert_eq!(text.matches("BEGIN:STANDARD\nDTSTART:19700101T000000\n").count(), 2, "{text}");
        assert!(text.contains("TZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nTZNAME:IST\n"), "{text}");
        assert!(text.find("Asia/Kolkata") < text.find("Asia/Tokyo"), "{text}");
    }

    #[test]
    fn the_second_of_two_equal_local_times_has_no_local_name() {
        let first = time("2026-10-25T02:30", "Europe/Paris");
        let second =
            FlightTime::from_instant(first.at + chrono::TimeDelta::hours(1), "Europe/Paris").unwrap();
        assert_eq!(first.local, second.local);
        assert!(is_named_locally(&first) && !is_named_locally(&second));
        assert_eq!(definitions(&[second]), "");
    }

    #[test]
    fn offsets_are_written_as_calendars_want_them() {
        assert_eq!([0, -12_600, 20_700, -17_762].map(utc_offset), ["+0000", "-0330", "+0545", "-045602"]);
    }
}
