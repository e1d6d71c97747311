//! What becomes of the flight of a schedule on a date: made, changed, left alone, or in conflict.

use super::{
    flight::Flight,
    rotation::Displacement,
    schedule::{Occurrence, OccurrenceFlaw, Schedule, plan_mark},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use shared::{
    events::FlightStatus,
    ids::{FlightId, ScheduleId},
};
use utoipa::ToSchema;

/// Why a date of a schedule has not the flight that the schedule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConflictReason {
    /// The clocks of the origin skip the departure.
    DepartureSkipped,
    /// The clocks of the destination skip the arrival.
    ArrivalSkipped,
    /// By UTC the arrival is not after the departure on this date.
    ArrivalNotAfter,
    /// On this date the flight would take more than 24 hours.
    TooLong,
    /// The date is beyond what can be computed.
    OutOfRange,
    /// Another flight has this number from this airport on this date.
    NumberTaken,
    /// The airplane is planned for another flight, or turns around for it.
    AirplaneBusy,
    /// Staff have changed the flight, moved it to another date or deleted it: that is left as it is.
    ChangedByHand,
    /// The flight is delayed or cancelled: it is left as it is.
    Disrupted,
    /// The flight has other seats than the schedule's airplane: its equipment has to be changed.
    OtherSeats,
    /// The schedule has fares of a cabin that its airplane has not.
    CabinMissing,
    /// The schedule has no flight on this date any more, but the flight that it had is still there.
    OutsideSeason,
    /// The same, and the flight has bookings: it has to be cancelled.
    HasBookings,
}

impl From<OccurrenceFlaw> for ConflictReason {
    fn from(flaw: OccurrenceFlaw) -> Self {
        match flaw {
            OccurrenceFlaw::DepartureSkipped => Self::DepartureSkipped,
            OccurrenceFlaw::ArrivalSkipped => Self::ArrivalSkipped,
            OccurrenceFlaw::ArrivalNotAfter => Self::ArrivalNotAfter,
            OccurrenceFlaw::TooLong => Self::TooLong,
            OccurrenceFlaw::Range => Self::OutOfRange,
        }
    }
}

/// A date of a schedule that has not the flight that the schedule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleConflict {
    /// The date of the departure, local to the origin.
    #[schema(value_type = String, format = Date)]
    pub date: NaiveDate,
    /// Why.
    pub reason: ConflictReason,
    /// The flights that stand in the way, or that are left as they are: `flights/<id>`.
    pub refers: Vec<String>,
}

impl ScheduleConflict {
    /// A conflict with a flight, or with the calendar alone.
    #[must_use]
    pub fn new(date: NaiveDate, reason: ConflictReason, flight: Option<FlightId>) -> Self {
        Self { date, reason, refers: flight.iter().map(|id| format!("flights/{id}")).collect() }
    }
}

/// Something about the flight of a date that staff should look at, though it is no conflict.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ScheduleWarning {
    /// The date of the departure, local to the origin.
    #[schema(value_type = String, format = Date)]
    pub date: NaiveDate,
    /// For people.
    #[schema(example = "AE102 leaves CDG, where the airplane is not: AE101 takes it to LHR before")]
    pub message: String,
}

impl ScheduleWarning {
    /// That an airplane is elsewhere, where one of the two flights is among those whose dates are known.
    #[must_use]
    pub fn of(
        Displacement { before, flight }: Displacement<'_>,
        date: impl Fn(FlightId) -> Option<NaiveDate>,
    ) -> Option<Self> {
        let date = date(flight.id).or_else(|| date(before.id))?;
        let (number, origin) = (&flight.flight_number, &flight.origin);
        let message = format!(
            "{number} leaves {origin}, where the airplane is not: {} takes it to {} before",
            before.flight_number, before.destination
        );
        Some(Self { date, message })
    }
}

/// A flight that a schedule wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduledFlight<'a> {
    /// The schedule.
    pub schedule: &'a Schedule,
    /// The date of the departure, local to the origin.
    pub date: NaiveDate,
    /// When it leaves and arrives.
    pub times: Occurrence,
    /// See [`plan_mark`].
    pub mark: i64,
}

/// The flights that a schedule wants on these dates and that have not left, and the dates on which there can be none.
#[must_use]
pub fn scheduled_flights<'a>(
    schedule: &'a Schedule,
    zones: (&str, &str),
    dates: impl IntoIterator<Item = NaiveDate>,
    now: DateTime<Utc>,
) -> (Vec<ScheduledFlight<'a>>, Vec<ScheduleConflict>) {
    let (mut wanted, mut conflicts) = (Vec::new(), Vec::new());
    for date in dates {
        match schedule.occurrence(date, zones) {
            Ok(times) if times.departure.at > now => {
                let (departs_at, arrives_at) = (times.departure.at, times.arrival.at);
                let mark = plan_mark(departs_at, arrives_at, &schedule.airplane, &schedule.fares);
                wanted.push(ScheduledFlight { schedule, date, times, mark });
            }
            Ok(_) => {}
            Err(flaw) => conflicts.push(ScheduleConflict::new(date, flaw.into(), None)),
        }
    }
    (wanted, conflicts)
}

/// A flight that is there under the number, from the origin, on the date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExistingFlight {
    /// The flight.
    pub flight: Flight,
    /// The local date of its planned departure.
    pub date: NaiveDate,
    /// The schedule that it was generated from.
    pub schedule: Option<ScheduleId>,
    /// The date of that schedule that it was made for.
    pub scheduled_date: Option<NaiveDate>,
    /// The mark of what the schedule made of it, see [`plan_mark`].
    pub mark: Option<i64>,
}

/// The flight that a schedule once made for a date on which there is none under its number now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FormerFlight {
    /// It was deleted.
    Removed,
    /// It is there, on another date or as another flight.
    There(FlightId),
}

impl ExistingFlight {
    /// The mark of the flight as it is now.
    #[must_use]
    pub fn present_mark(&self) -> i64 {
        let Flight { departure, arrival, airplane, fares, .. } = &self.flight;
        plan_mark(departure.at, arrival.at, airplane, fares)
    }

    /// Why a schedule leaves the flight alone, where staff had to do with it.
    #[must_use]
    pub fn taken_over(&self) -> Option<ConflictReason> {
        if self.flight.status != FlightStatus::Scheduled {
            Some(ConflictReason::Disrupted)
        } else if self.mark != Some(self.present_mark()) {
            Some(ConflictReason::ChangedByHand)
        } else {
            None
        }
    }
}

/// What to do on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Make the flight.
    Create,
    /// Change the flight that is there.
    Change,
    /// The flight is as it should be, and only has to be noted as the schedule's own.
    Adopt,
    /// The flight is as it should be.
    Keep,
    /// Leave everything as it is, and tell why.
    Refuse(ConflictReason),
}

/// What to do on a date on which `schedule` wants a flight with this mark. A flight that staff have deleted or moved is not made
/// again.
#[must_use]
pub fn decide(
    schedule: ScheduleId,
    wanted_mark: i64,
    existing: Option<&ExistingFlight>,
    former: Option<FormerFlight>,
) -> Decision {
    let Some(existing) = existing else {
        return match former {
            None => Decision::Create,
            Some(_) => Decision::Refuse(ConflictReason::ChangedByHand),
        };
    };
    let own = existing.schedule == Some(schedule);
    let free = own || existing.schedule.is_none();
    let as_wanted =
        existing.flight.status == FlightStatus::Scheduled && existing.present_mark() == wanted_mark;
    if own && as_wanted && existing.mark == Some(wanted_mark) {
        Decision::Keep
    } else if free && as_wanted {
        Decision::Adopt
    } else if !own {
        Decision::Refuse(ConflictReason::NumberTaken)
    } else {
        existing.taken_over().map_or(Decision::Change, Decision::Refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::sample;
    use proptest::prelude::*;

    fn existing(schedule: Option<ScheduleId>, mark: Option<i64>) -> ExistingFlight {
        let flight = sample::flight(("LHR", "CDG"), "2026-12-01T10:00", 75);
        let date = flight.departure.local.date();
        ExistingFlight { date, flight, schedule, scheduled_date: schedule.map(|_| date), mark }
    }

    #[test]
    fn a_date_without_a_flight_gets_one() {
        assert_eq!(decide(ScheduleId::new(), 7, None, None), Decision::Create);
    }

    #[test]
    fn a_flight_that_staff_have_deleted_or_moved_is_not_made_again() {
        for former in [FormerFlight::Removed, FormerFlight::There(FlightId::new())] {
            let decided = decide(ScheduleId::new(), 7, None, Some(former));
            assert_eq!(decided, Decision::Refuse(ConflictReason::ChangedByHand));
        }
    }

    #[test]
    fn only_what_the_schedule_itself_made_is_changed() {
        let (mine, other) = (ScheduleId::new(), ScheduleId::new());
        let present = existing(None, None).present_mark();
        let wanted = present ^ 1;
        let decided = |schedule, mark, wanted| decide(mine, wanted, Some(&existing(schedule, mark)), None);
        assert_eq!(decided(Some(mine), Some(present), present), Decision::Keep);
        assert_eq!(decided(Some(mine), Some(present), wanted), Decision::Change);
        let by_hand = Decision::Refuse(ConflictReason::ChangedByHand);
        assert_eq!(decided(Some(mine), Some(wanted), wanted), by_hand, "staff have moved it");
        assert_eq!(decided(Some(mine), None, wanted), by_hand);
        assert_eq!(decided(Some(mine), Some(wanted), present), Decision::Adopt, "the schedule has followed");
        assert_eq!(decided(None, None, present), Decision::Adopt);
        let taken = Decision::Refuse(ConflictReason::NumberTaken);
        for (schedule, mark, wanted) in [
            (None, None, wanted),
            (Some(other), Some(present), present),
            (Some(other), Some(present), wanted),
        ] {
            assert_eq!(decided(schedule, mark, wanted), taken);
        }
    }

    #[test]
    fn what_is_disrupted_is_left_alone() {
        let mine = ScheduleId::new();
        let mut flight = existing(Some(mine), None);
        let present = flight.present_mark();
        flight.mark = Some(present);
        for status in [FlightStatus::Delayed, FlightStatus::Cancelled] {
            flight.flight.status = status;
            for wanted in [present, present ^ 1] {
                let disrupted = Decision::Refuse(ConflictReason::Disrupted);
                assert_eq!(decide(mine, wanted, Some(&flight), None), disrupted);
            }
        }
    }

    proptest! {
        /// After a decision is carried out, the next one has nothing to do; a refusal stays one.
        #[test]
        fn deciding_twice_changes_nothing(own in any::<bool>(), linked in any::<bool>(), marked in any::<bool>(), moved in any::<bool>()) {
            let mine = ScheduleId::new();
            let present = existing(None, None).present_mark();
            let schedule = linked.then(|| if own { mine } else { ScheduleId::new() });
            let flight = existing(schedule, marked.then_some(present));
            let wanted = if moved { present ^ 1 } else { present };
            match decide(mine, wanted, Some(&flight), None) {
                // The flight is then as wanted.
                Decision::Change | Decision::Adopt | Decision::Keep if !moved => {
                    let done = ExistingFlight { schedule: Some(mine), mark: Some(wanted), ..flight };
                    prop_assert_eq!(decide(mine, wanted, Some(&done), None), Decision::Keep);
                }
                Decision::Refuse(reason) => {
                    prop_assert_eq!(decide(mine, wanted, Some(&flight), None), Decision::Refuse(reason));
                }
                decision => prop_assert_eq!(decision, Decision::Change),
            }
        }
    }
}
