//! What makes a season schedule a good one.

use super::{
    planning::HORIZON,
    schedule::{OccurrenceFlaw, Schedule},
};
use chrono::NaiveDate;
use shared::http::FieldError;

/// Checks what the parts of a schedule say together, between these zones where both are known; gives errors by JSON
/// pointer.
///
/// A date on which clocks skip a time is no error of the schedule, but a conflict of that date. A schedule that cannot fly
/// on any date is wrong.
#[must_use]
pub fn check_schedule(schedule: &Schedule, zones: Option<(&str, &str)>, today: NaiveDate) -> Vec<FieldError> {
    let Schedule { effective_from, effective_to, .. } = schedule;
    let mut errors = Vec::new();
    if effective_to < effective_from {
        errors.push(FieldError::at("/effective_to", "must not be before effective_from"));
        return errors;
    }
    if *effective_to < today {
        errors.push(FieldError::at("/effective_to", "must not be past"));
    } else if *effective_to > today + HORIZON {
        errors.push(FieldError::at("/effective_to", "must be within two years"));
    }
    if *effective_from < today - HORIZON {
        errors.push(FieldError::at("/effective_from", "must be within two years"));
    }
    if !errors.is_empty() {
        return errors;
    }
    let mut dates = schedule.dates(*effective_from, *effective_to).peekable();
    if dates.peek().is_none() {
        errors.push(FieldError::at("/days_of_operation", "must have a day that is within the season"));
    }
    if let Some(zones) = zones {
        let mut flaw = None;
        let flies = dates.any(|date| match schedule.occurrence(date, zones) {
            Ok(_) => true,
            Err(found) => {
                flaw.get_or_insert(found);
                false
            }
        });
        if let (false, Some(flaw)) = (flies, flaw) {
            errors.push(FieldError::at(pointer(flaw), flaw));
        }
    }
    errors
}

fn pointer(flaw: OccurrenceFlaw) -> &'static str {
    match flaw {
        OccurrenceFlaw::DepartureSkipped => "/departure_time",
        OccurrenceFlaw::ArrivalSkipped | OccurrenceFlaw::ArrivalNotAfter | OccurrenceFlaw::TooLong => {
            "/arrival_time"
        }
        OccurrenceFlaw::Range => "/effective_to",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::ids::ScheduleId;

    fn pointers(from: &str, to: &str, days: &[u8], times: (&str, &str, i8)) -> Vec<String> {
        let schedule = Schedule {
            id: ScheduleId::new(),
            flight_number: "AE100".parse().unwrap(),
            origin: "LHR".parse().unwrap(),
            destination: "CDG".parse().unwrap(),
            effective_from: from.parse().unwrap(),
            effective_to: to.parse().unwrap(),
            days_of_operation: days.to_vec().try_into().unwrap(),
            departure_time: times.0.parse().unwrap(),
            arrival_time: times.1.parse().unwrap(),
            arrival_day_offset: times.2,
            airplane: "G-AERA".parse().unwrap(),
            fares: vec![],
        };
        let zones = ("Europe/London", "Europe/Paris");
        let errors = check_schedule(&schedule, Some(zones), "2026-12-01".parse().unwrap());
        errors.into_iter().filter_map(|error| error.pointer).collect()
    }

    #[test]
    fn good_seasons_pass_also_where_a_date_has_no_such_time() {
        let none = Vec::<String>::new();
        assert_eq!(pointers("2026-10-25", "2027-03-27", &[1, 7], ("10:00", "12:15", 0)), none);
        assert_eq!(pointers("2026-10-25", "2027-04-30", &[7], ("01:30", "04:00", 0)), none);
    }

    #[test]
    fn seasons_that_cannot_be_flown_are_refused() {
        let day = ("10:00", "12:15", 0);
        assert_eq!(pointers("2026-12-02", "2026-12-01", &[1], day), ["/effective_to"]);
        assert_eq!(pointers("2026-10-25", "2026-11-30", &[1], day), ["/effective_to"]);
        assert_eq!(pointers("2026-10-25", "2028-12-31", &[1], day), ["/effective_to"]);
        assert_eq!(pointers("2020-10-25", "2027-12-31", &[1], day), ["/effective_from"]);
        assert_eq!(
            pointers("2026-12-01", "2026-12-03", &[1], day),
            ["/days_of_operation"],
            "Tuesday to Thursday"
        );
        assert_eq!(pointers("2026-12-01", "2026-12-31", &[1], ("10:00", "11:00", 0)), ["/arrival_time"]);
        assert_eq!(pointers("2026-12-01", "2026-12-31", &[1], ("10:00", "12:15", 1)), ["/arrival_time"]);
        assert_eq!(pointers("2027-03-28", "2027-03-28", &[7], ("01:30", "04:00", 0)), ["/departure_time"]);
        assert_eq!(pointers("2027-03-28", "2027-03-28", &[7], ("00:30", "02:30", 0)), ["/arrival_time"]);
    }
}
