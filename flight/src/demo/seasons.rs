//! The lines of the network as season schedules.

use super::{
    network,
    schedule::{DemoTimetable, PlannedFlight, ScheduleError},
};
use crate::domain::schedule::{OperatingDays, Schedule, TimeOfDay};
use chrono::{Datelike, Days, NaiveDate, TimeDelta, Weekday};
use shared::{
    iata::{FlightNumber, Registration},
    ids::ScheduleId,
};
use std::{
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

/// How long before a flight home its airplane may have left its hub: the longest trip.
const LONGEST_TRIP: Days = Days::new(3);

/// A season of the International Air Transport Association: summer begins on the last Sunday of March, winter on the last
/// Sunday of October.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Season {
    /// Its first date.
    pub first: NaiveDate,
    /// Its last date.
    pub last: NaiveDate,
}

impl Season {
    /// The season that a date is in; `None` beyond the calendar.
    #[must_use]
    pub fn of(date: NaiveDate) -> Option<Self> {
        let year = date.year();
        let begins = [
            last_sunday(year - 1, 10)?,
            last_sunday(year, 3)?,
            last_sunday(year, 10)?,
            last_sunday(year + 1, 3)?,
        ];
        let season = begins.windows(2).find(|begins| (begins[0]..begins[1]).contains(&date))?;
        Some(Self { first: season[0], last: season[1].pred_opt()? })
    }

    /// The season that follows; `None` beyond the calendar.
    #[must_use]
    pub fn next(self) -> Option<Self> {
        Self::of(self.last.succ_opt()?)
    }
}

fn last_sunday(year: i32, month: u32) -> Option<NaiveDate> {
    // Both months have 31 days.
    let last = NaiveDate::from_ymd_opt(year, month, 31)?;
    last.checked_sub_days(Days::new(last.weekday().days_since(Weekday::Sun).into()))
}

/// What a schedule says of a flight but for its dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct LocalTimes {
    departure: TimeOfDay,
    arrival: TimeOfDay,
    day_offset: i8,
}

impl LocalTimes {
    fn of(flight: &PlannedFlight) -> Self {
        let (departure, arrival) = (flight.departure.local, flight.arrival.local);
        Self {
            departure: TimeOfDay::of(departure.civil()),
            arrival: TimeOfDay::of(arrival.civil()),
            // No flight lasts longer than a day, and no two clocks differ by more than one.
            day_offset: (arrival.date() - departure.date()).num_days() as i8,
        }
    }
}

/// The season schedules of the network, in the order of its lines: for each number and airplane one, and more where the
/// local times of the season differ, because clocks of two places change on different days.
///
/// # Errors
/// [`ScheduleError`] for dates beyond the calendar.
pub fn schedules(timetable: &DemoTimetable<'_>, season: Season) -> Result<Vec<Schedule>, ScheduleError> {
    let start = season.first.checked_sub_days(LONGEST_TRIP).unwrap_or(season.first);
    let days: Vec<NaiveDate> = start.iter_days().take_while(|day| *day <= season.last).collect();
    let order: HashMap<String, usize> =
        numbers().enumerate().map(|(place, number)| (number, place)).collect();
    let mut departures: Vec<Departure> = departures(timetable, &days)?.into_iter().flatten().collect();
    departures.retain(|departure| (season.first..=season.last).contains(&departure.date));
    departures.sort_by_key(|departure| departure.date);
    let mut runs: BTreeMap<(FlightNumber, Registration), Vec<Run>> = BTreeMap::new();
    for departure in departures {
        let key = (departure.flight.flight_number.clone(), departure.flight.airplane.clone());
        let of_airplane = runs.entry(key).or_default();
        match of_airplane.last_mut() {
            Some(run) if run.times == departure.times => run.add(departure.date),
            _ => of_airplane.push(Run::new(departure)),
        }
    }
    let mut schedules: Vec<Schedule> = runs.into_values().flatten().map(Run::schedule).collect();
    // Stable: seasons of one number stay in their order.
    schedules.sort_by_key(|schedule| order.get(schedule.flight_number.as_str()));
    Ok(schedules)
}

/// A flight of a date, and what a schedule says of it.
#[derive(Clone)]
struct Departure {
    date: NaiveDate,
    times: LocalTimes,
    /// Of this date, or of another one with the same local times.
    flight: Rc<PlannedFlight>,
}

/// Days of the plan that a flight may touch: it leaves up to three days after its airplane has left the hub.
const TOUCHED: (TimeDelta, TimeDelta) = (TimeDelta::days(-1), TimeDelta::days(4));

/// The flights of these days, which follow each other. A day of which no clock is changed around it, nor a week before,
/// has the local times of the week before, and is not planned again.
fn departures(
    timetable: &DemoTimetable<'_>,
    days: &[NaiveDate],
) -> Result<Vec<Vec<Departure>>, ScheduleError> {
    let week = TimeDelta::days(7);
    let (Some(first), Some(last)) = (days.first(), days.last()) else { return Ok(Vec::new()) };
    let looked_at = (*first + TOUCHED.0).iter_days().take_while(|date| *date <= *last + TOUCHED.1);
    let clocks: Vec<_> = looked_at.map(|date| timetable.clocks(date)).collect();
    let touched = usize::try_from((TOUCHED.1 - TOUCHED.0).num_days()).unwrap_or_default();
    let mut all: Vec<Vec<Departure>> = Vec::with_capacity(days.len());
    for (place, day) in days.iter().enumerate() {
        let before = place.checked_sub(7).and_then(|before| all.get(before));
        // From what the flights of the week before touch to what those of the day touch.
        let around = clocks.get(place.saturating_sub(7)..=place + touched).unwrap_or_default();
        let steady = around.windows(2).all(|pair| pair[0] == pair[1]);
        let of_day = match before {
            Some(before) if steady => {
                let later =
                    |departure: &Departure| Departure { date: departure.date + week, ..departure.clone() };
                before.iter().map(later).collect()
            }
            _ => timetable.plan(&[*day])?.into_iter().flatten().map(Departure::of).collect(),
        };
        all.push(of_day);
    }
    Ok(all)
}

impl Departure {
    fn of(flight: PlannedFlight) -> Self {
        Self { date: flight.departure.local.date(), times: LocalTimes::of(&flight), flight: Rc::new(flight) }
    }
}

/// Dates of a number and an airplane with the same local times.
struct Run {
    flight: Rc<PlannedFlight>,
    times: LocalTimes,
    first: NaiveDate,
    last: NaiveDate,
    days: OperatingDays,
}

impl Run {
    fn new(Departure { date, times, flight }: Departure) -> Self {
        Self { times, first: date, last: date, days: OperatingDays::of(date), flight }
    }

    fn add(&mut self, date: NaiveDate) {
        self.last = date;
        self.days = self.days.and(OperatingDays::of(date));
    }

    fn schedule(self) -> Schedule {
        let Self { flight, times, first, last, days } = self;
        Schedule {
            id: ScheduleId::new(),
            flight_number: flight.flight_number.clone(),
            origin: flight.origin.clone(),
            destination: flight.destination.clone(),
            effective_from: first,
            effective_to: last,
            days_of_operation: days,
            departure_time: times.departure,
            arrival_time: times.arrival,
            arrival_day_offset: times.day_offset,
            airplane: flight.airplane.clone(),
            fares: flight.fares.clone(),
        }
    }
}

/// The flight numbers of the network, line by line.
fn numbers() -> impl Iterator<Item = String> {
    network::lines().flat_map(|line| {
        // Two for each trip.
        (line.first_number..)
            .take(2 * line.trips.len())
            .map(|number| format!("{}{number}", line.airline.code))
    })
}

/// The numbers and origins of the first flights of the lines, by which a loaded season is known.
pub(super) fn first_flights() -> impl Iterator<Item = (String, &'static str)> {
    network::lines().map(|line| (format!("{}{}", line.airline.code, line.first_number), line.hub.airport))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::{airports::DemoPlaces, fleet::Fleet};
    use std::collections::HashSet;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn seasons_begin_on_last_sundays() {
        let season = |day: &str| {
            Season::of(date(day)).map(|season| (season.first.to_string(), season.last.to_string()))
        };
        let winter = Some(("2026-10-25".to_owned(), "2027-03-27".to_owned()));
        let summer = Some(("2027-03-28".to_owned(), "2027-10-30".to_owned()));
        for day in ["2026-10-25", "2026-12-31", "2027-01-01", "2027-03-27"] {
            assert_eq!(season(day), winter, "{day}");
        }
        for day in ["2027-03-28", "2027-07-01", "2027-10-30"] {
            assert_eq!(season(day), summer, "{day}");
        }
        let next = Season::of(date("2026-12-31")).unwrap().next().unwrap();
        assert_eq!(next.first, date("2027-03-28"));
        assert_eq!(Season::of(NaiveDate::MAX), None);
    }

    /// What a flight of a date is by the clocks of its airports: number, airplane, date, and departure and arrival with the
    /// days between.
    type LocalFlight = (FlightNumber, Registration, NaiveDate, (TimeOfDay, TimeOfDay, i8));

    fn local(flight: &PlannedFlight, date: NaiveDate, times: LocalTimes) -> LocalFlight {
        let LocalTimes { departure, arrival, day_offset } = times;
        (flight.flight_number.clone(), flight.airplane.clone(), date, (departure, arrival, day_offset))
    }

    /// The places of days of every seventh week, and of those around both ends and each change of clocks.
    fn telling_days(timetable: &DemoTimetable<'_>, days: &[NaiveDate]) -> Vec<usize> {
        let changes = days.windows(2).filter(|pair| timetable.clocks(pair[0]) != timetable.clocks(pair[1]));
        let near: Vec<NaiveDate> =
            changes.map(|pair| pair[1]).chain([days[0], days[days.len() - 1]]).collect();
        let is_near = |day: NaiveDate| near.iter().any(|change| (day - *change).num_days().abs() <= 10);
        (0..days.len()).filter(|place| place / 7 % 7 == 3 || is_near(days[*place])).collect()
    }

    #[test]
    fn departures_are_those_of_the_plan() {
        let (places, fleet) = (DemoPlaces::read().unwrap(), Fleet::new().unwrap());
        let timetable = DemoTimetable::new(&places.airports, &fleet).unwrap();
        for (first, last) in [("2026-10-22", "2027-03-27"), ("2027-03-25", "2027-10-30")] {
            let days: Vec<NaiveDate> = date(first).iter_days().take_while(|day| *day <= date(last)).collect();
            let departures = departures(&timetable, &days).unwrap();
            for place in telling_days(&timetable, &days) {
                let of_day = departures[place].iter();
                let found: Vec<LocalFlight> =
                    of_day.map(|one| local(&one.flight, one.date, one.times)).collect();
                let planned = timetable.plan(&[days[place]]).unwrap().remove(0);
                let planned = planned.iter();
                let expected: Vec<LocalFlight> = planned
                    .map(|flight| local(flight, flight.departure.local.date(), LocalTimes::of(flight)))
                    .collect();
                assert_eq!(found, expected, "{}", days[place]);
            }
        }
    }

    #[test]
    fn schedules_have_the_flights_of_the_plan_and_no_others() {
        let (places, fleet) = (DemoPlaces::read().unwrap(), Fleet::new().unwrap());
        let timetable = DemoTimetable::new(&places.airports, &fleet).unwrap();
        for day in ["2026-12-01", "2027-06-01"] {
            let season = Season::of(date(day)).unwrap();
            let schedules = schedules(&timetable, season).unwrap();
            assert!(schedules.len() < 900, "{}", schedules.len());
            assert_eq!(schedules[0].flight_number.as_str(), "AE1");
            let mut generated: HashSet<LocalFlight> = HashSet::new();
            for schedule in &schedules {
                let Schedule { departure_time, arrival_time, arrival_day_offset, .. } = *schedule;
                let times = (departure_time, arrival_time, arrival_day_offset);
                for date in schedule.dates(season.first, season.last) {
                    let flight = (schedule.flight_number.clone(), schedule.airplane.clone(), date, times);
                    assert!(generated.insert(flight), "{schedule:?}");
                }
            }
            let days: Vec<NaiveDate> =
                (season.first - LONGEST_TRIP).iter_days().take_while(|day| *day <= season.last).collect();
            let departures = departures(&timetable, &days).unwrap().into_iter().flatten();
            let expected: HashSet<LocalFlight> = departures
                .filter(|departure| (season.first..=season.last).contains(&departure.date))
                .map(|departure| local(&departure.flight, departure.date, departure.times))
                .collect();
            assert!(generated == expected, "{day}");
        }
    }

    #[test]
    fn the_times_of_a_schedule_are_those_of_the_plan() {
        let (places, fleet) = (DemoPlaces::read().unwrap(), Fleet::new().unwrap());
        let timetable = DemoTimetable::new(&places.airports, &fleet).unwrap();
        let zones: HashMap<&str, &str> = places
            .airports
            .iter()
            .map(|airport| (airport.iata.as_str(), airport.time_zone.as_str()))
            .collect();
        // Days on which clocks change in Europe and in North America, and one on which none do.
        let days = ["2026-10-25", "2026-11-01", "2026-12-09", "2027-03-14", "2027-03-28"].map(date);
        for flight in timetable.plan(&days).unwrap().into_iter().flatten() {
            let date = flight.departure.local.date();
            let flight = Rc::new(flight);
            let departure = Departure { date, times: LocalTimes::of(&flight), flight: flight.clone() };
            let schedule = Run::new(departure).schedule();
            let zones = (zones[schedule.origin.as_str()], zones[schedule.destination.as_str()]);
            let times = schedule.occurrence(date, zones).unwrap();
            assert_eq!((&times.departure, &times.arrival), (&flight.departure, &flight.arrival));
        }
    }
}
