//! Turns the lines of the network into dated flights.
//!
//! What an airplane flies is a pure function of the day on which it leaves its hub, so the plan of a
//! day is the same whenever it is made, and a window can be rolled forward day by day.

use super::{
    block_time::GreatCircle,
    fares::fares,
    fits::InvalidFit,
    fleet::Fleet,
    network::{self, ClockTime, DemoTrip, LineOfFlying},
};
use crate::domain::reference::Airport;
use chrono::{DateTime, Datelike, NaiveDate, Utc};
use jiff::{
    Timestamp,
    civil::{self, DateTime as Civil},
    tz::{Offset, TimeZone},
};
use shared::{
    fare::FlightFare,
    flight_time::{FlightTime, InvalidTime},
    iata::{AirportCode, FlightNumber, InvalidCode, Registration},
    time_zones,
};
use std::{collections::HashMap, sync::Arc};

/// Airplanes leave between these hours, by the clock of the airport.
const FIRST_DEPARTURE: civil::Time = civil::time(6, 0, 0, 0);
const LAST_DEPARTURE: civil::Time = civil::time(23, 0, 0, 0);

/// A flight of the plan.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedFlight {
    /// Its number.
    pub flight_number: FlightNumber,
    /// From where.
    pub origin: AirportCode,
    /// To where.
    pub destination: AirportCode,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// What flies it.
    pub airplane: Registration,
    /// What it costs, by cabin and brand.
    pub fares: Vec<FlightFare>,
}

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
pub enum ScheduleError {
    /// The network names an airport that the data lack.
    #[error("the network names an unknown airport {0}")]
    Airport(&'static str),
    /// A code of the network has the wrong form.
    #[error("a code of the network is wrong")]
    Code(#[from] InvalidCode),
    /// The fleet's tables are wrong.
    #[error("the fleet cannot be made")]
    Fleet(#[from] InvalidFit),
    /// A zone or a time cannot be computed with.
    #[error("a time of the schedule is wrong")]
    Time(#[from] InvalidTime),
    /// A date is out of the calendar's range.
    #[error("a date of the schedule is out of range")]
    Date(#[from] jiff::Error),
}

/// An airport with its clock.
struct DemoStation<'a> {
    airport: &'a Airport,
    zone: TimeZone,
}

impl DemoStation<'_> {
    /// The instant of a local time. One that clocks skip is an hour later, of one that they repeat it
    /// is the first.
    fn instant(&self, local: Civil) -> Result<Timestamp, ScheduleError> {
        Ok(self.zone.to_ambiguous_timestamp(local).compatible()?)
    }

    /// The next instant from here on at which airplanes leave: now, or at the first hour.
    fn departure(&self, ready: Timestamp) -> Result<Timestamp, ScheduleError> {
        let local = self.zone.to_datetime(ready);
        if local.time() < FIRST_DEPARTURE {
            self.instant(local.date().to_datetime(FIRST_DEPARTURE))
        } else if local.time() > LAST_DEPARTURE {
            self.instant(local.date().tomorrow()?.to_datetime(FIRST_DEPARTURE))
        } else {
            Ok(ready)
        }
    }

    /// The first instant from here on at which the clock shows this time.
    fn at_clock(&self, ready: Timestamp, (hour, minute): ClockTime) -> Result<Timestamp, ScheduleError> {
        let local = self.zone.to_datetime(ready);
        let today = self.instant(local.date().at(hour, minute, 0, 0))?;
        if today >= ready { Ok(today) } else { self.instant(local.date().tomorrow()?.at(hour, minute, 0, 0)) }
    }

    fn time(&self, at: Timestamp) -> Result<FlightTime, ScheduleError> {
        let at = DateTime::<Utc>::from_timestamp(at.as_second(), 0).ok_or(InvalidTime::Range)?;
        Ok(FlightTime::from_instant(at, &self.airport.time_zone)?)
    }
}

/// A leg of a trip: everything about it but the day.
struct Leg<'a> {
    from: Arc<DemoStation<'a>>,
    to: Arc<DemoStation<'a>>,
    flight_number: FlightNumber,
    block: jiff::SignedDuration,
    fares: Vec<FlightFare>,
}

/// A trip, out and home.
struct RoundTrip<'a> {
    trip: &'static DemoTrip,
    out: Leg<'a>,
    home: Leg<'a>,
}

/// A flight of the plan with the instants that the plan is computed with.
struct Timing {
    leaves: Timestamp,
    arrives: Timestamp,
}

/// Makes the plan of any day.
pub struct DemoTimetable<'a> {
    stops: Stops<'a>,
    lines: Vec<PlannedLine<'a>>,
}

/// The airports of the network by their codes.
type Stops<'a> = HashMap<&'static str, Arc<DemoStation<'a>>>;

/// A line of flying with its trips and its airplanes.
struct PlannedLine<'a> {
    line: &'static LineOfFlying,
    rounds: Vec<RoundTrip<'a>>,
    airplanes: &'a [Registration],
}

impl<'a> DemoTimetable<'a> {
    /// A timetable over these airports with these airplanes.
    ///
    /// # Errors
    /// [`ScheduleError::Airport`] where the network names an airport that is not among them.
    pub fn new(airports: &'a [Airport], fleet: &'a Fleet) -> Result<Self, ScheduleError> {
        let by_code: HashMap<&str, &Airport> =
            airports.iter().map(|airport| (airport.iata.as_str(), airport)).collect();
        let mut stops = HashMap::new();
        for line in network::lines() {
            for code in std::iter::once(line.hub.airport).chain(line.trips.iter().map(|trip| trip.to)) {
                let airport = *by_code.get(code).ok_or(ScheduleError::Airport(code))?;
                let zone = time_zones::find(&airport.time_zone).ok_or(InvalidTime::Zone)?.rules;
                stops.insert(code, Arc::new(DemoStation { airport, zone }));
            }
        }
        let lines = network::lines().zip(&fleet.of_lines).map(|(line, airplanes)| {
            Ok(PlannedLine { line, rounds: rounds(&stops, line)?, airplanes: airplanes.as_slice() })
        });
        let lines = lines.collect::<Result<_, ScheduleError>>()?;
        Ok(Self { stops, lines })
    }

    /// The flights of these days, day by day: all that airplanes fly that leave their hub then, those
    /// home on a later day too. Days are local to the hub.
    ///
    /// # Errors
    /// [`ScheduleError`] for dates beyond the calendar.
    pub fn plan(&self, days: &[NaiveDate]) -> Result<Vec<Vec<PlannedFlight>>, ScheduleError> {
        let mut plan: Vec<Vec<PlannedFlight>> = days.iter().map(|_| Vec::new()).collect();
        for line in &self.lines {
            for (day, flights) in days.iter().zip(&mut plan) {
                line.fly(*day, flights)?;
            }
        }
        Ok(plan)
    }

    /// How far the clocks of all places are from UTC on a date, at noon by UTC; always in the same order.
    #[must_use]
    pub fn clocks(&self, date: NaiveDate) -> Vec<Option<Offset>> {
        let noon =
            civil_date(date).ok().and_then(|date| TimeZone::UTC.to_timestamp(date.at(12, 0, 0, 0)).ok());
        self.stops.values().map(|stop| Some(stop.zone.to_offset(noon?))).collect()
    }
}

fn rounds<'a>(stops: &Stops<'a>, line: &'static LineOfFlying) -> Result<Vec<RoundTrip<'a>>, ScheduleError> {
    let stop = |code: &'static str| stops.get(code).ok_or(ScheduleError::Airport(code));
    let hub = stop(line.hub.airport)?;
    let mut number = line.first_number;
    let mut rounds = Vec::new();
    for trip in line.trips {
        let away = stop(trip.to)?;
        rounds.push(RoundTrip {
            trip,
            out: leg(line, hub, away, number)?,
            home: leg(line, away, hub, number + 1)?,
        });
        number += 2;
    }
    Ok(rounds)
}

fn leg<'a>(
    line: &LineOfFlying,
    from: &Arc<DemoStation<'a>>,
    to: &Arc<DemoStation<'a>>,
    number: u16,
) -> Result<Leg<'a>, ScheduleError> {
    let way = GreatCircle::between(from.airport, to.airport);
    Ok(Leg {
        from: Arc::clone(from),
        to: Arc::clone(to),
        flight_number: format!("{}{number}", line.airline.code).parse()?,
        block: jiff::SignedDuration::from_mins(way.block_minutes(line.fit.propulsion)),
        fares: fares(way.distance_km, &line.fit.cabins()),
    })
}

impl PlannedLine<'_> {
    /// Adds what the line flies on a day.
    fn fly(&self, day: NaiveDate, flights: &mut Vec<PlannedFlight>) -> Result<(), ScheduleError> {
        let Self { line, rounds, airplanes } = self;
        let Some(first) = rounds.first() else { return Ok(()) };
        let Some(airplane) = airplanes.get(line.turns.airplane(day)) else { return Ok(()) };
        let turnaround = jiff::SignedDuration::from_mins(line.fit.turnaround_minutes);
        let (hour, minute) = line.first_departure;
        let mut ready = first.out.from.instant(civil_date(day)?.at(hour, minute, 0, 0))?;
        for round in rounds {
            let out = timing(&round.out, ready, None)?;
            let home = timing(&round.home, out.arrives + turnaround, round.trip.homeward)?;
            ready = home.arrives + turnaround;
            // A trip that does not operate today leaves its gap, so that the later ones keep their times.
            if round.trip.days.contains(day) {
                flights.push(planned(&round.out, &out, airplane)?);
                flights.push(planned(&round.home, &home, airplane)?);
            }
        }
        Ok(())
    }
}

fn timing(leg: &Leg<'_>, ready: Timestamp, clock: Option<ClockTime>) -> Result<Timing, ScheduleError> {
    let ready = clock.map_or(Ok(ready), |clock| leg.from.at_clock(ready, clock))?;
    let leaves = leg.from.departure(ready)?;
    Ok(Timing { leaves, arrives: leaves + leg.block })
}

fn planned(leg: &Leg<'_>, timing: &Timing, airplane: &Registration) -> Result<PlannedFlight, ScheduleError> {
    Ok(PlannedFlight {
        flight_number: leg.flight_number.clone(),
        origin: leg.from.airport.iata.clone(),
        destination: leg.to.airport.iata.clone(),
        departure: leg.from.time(timing.leaves)?,
        arrival: leg.to.time(timing.arrives)?,
        airplane: airplane.clone(),
        fares: leg.fares.clone(),
    })
}

fn civil_date(day: NaiveDate) -> Result<civil::Date, ScheduleError> {
    let out_of_range = |_| InvalidTime::Range;
    let year = i16::try_from(day.year()).map_err(out_of_range)?;
    // A month and a day of the month are at most 31.
    Ok(civil::Date::new(year, day.month() as i8, day.day() as i8)?)
}

#[cfg(test)]
mod tests;
