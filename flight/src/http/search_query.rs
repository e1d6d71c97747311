//! Reads the query parameters of a search.

use super::parameters::CalendarDate;
use crate::{
    domain::{
        search::{
            DEFAULT_CONNECTIONS, MOST_CONNECTIONS, MOST_SLICES, Party, Query, SearchRules, Slice, Sort,
        },
        timetable::Index,
    },
    store::places,
};
use chrono::{DateTime, Days, NaiveDate, TimeDelta, Utc};
use shared::{
    db::{DbError, Pool},
    flight_time::FlightTime,
    http::QueryParameters,
    iata::AirportCode,
    money::Money,
};
use std::str::FromStr;

/// Passengers with seats on one booking.
const PARTY: u32 = 9;

/// The longest slice that can be asked for: a week.
const LONGEST_SLICE: u32 = 7 * 24 * 60;

/// The settings of an installation for searches.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SearchSettings {
    /// How itineraries are found and ordered.
    pub(crate) rules: SearchRules,
    /// How many days ahead a flight can be asked for.
    pub(crate) horizon_days: u64,
}

/// The places that a query names, each with its parameter.
pub(super) type NamedPlace = (&'static str, AirportCode);

/// Reads a search. `None` means that an error was noted.
pub(super) fn read(parameters: &mut QueryParameters, settings: &SearchSettings) -> Option<Query> {
    let slices = read_slices(parameters);
    let party = read_party(parameters);
    let max_connections = match parameters.optional::<usize>("max_connections") {
        Some(most) if most > MOST_CONNECTIONS => {
            parameters.error("max_connections", format!("must be from 0 to {MOST_CONNECTIONS}"));
            most
        }
        most => most.unwrap_or(DEFAULT_CONNECTIONS),
    };
    let max_duration = parameters.optional::<u32>("max_duration");
    if max_duration.is_some_and(|most| !(1..=LONGEST_SLICE).contains(&most)) {
        parameters.error("max_duration", format!("must be from 1 to {LONGEST_SLICE} minutes"));
    }
    let cabin = parameters.optional("cabin");
    let sort = parameters.optional("sort").unwrap_or(Sort::Price);
    let airline = parameters.optional("airline");
    let via = parameters.optional("via");
    let (depart_after, depart_before) =
        (parameters.optional("depart_after"), parameters.optional("depart_before"));
    let max_price = read_max_price(parameters, &settings.rules);
    Some(Query {
        slices: slices?,
        party: party?,
        cabin,
        max_connections,
        sort,
        airline,
        via,
        depart_after,
        depart_before,
        max_duration,
        max_price,
    })
}

/// The places that a query names.
pub(super) fn named_places(query: &Query, is_multi_city: bool) -> Vec<NamedPlace> {
    let ends = if is_multi_city { ("slice", "slice") } else { ("origin", "destination") };
    let of_slice = |slice: &Slice| [(ends.0, slice.origin.clone()), (ends.1, slice.destination.clone())];
    // The way back of a return names the same places.
    let slices = if is_multi_city { &query.slices[..] } else { &query.slices[..1] };
    let via = query.via.iter().map(|via| ("via", via.clone()));
    slices.iter().flat_map(of_slice).chain(via).collect()
}

/// Notes the codes that name no airport or city. The database is asked for those alone that no flight has.
///
/// # Errors
/// Those of the database.
pub(super) async fn check_places(
    parameters: &mut QueryParameters,
    index: Option<&Index>,
    named: &[NamedPlace],
    pool: &Pool,
) -> Result<(), DbError> {
    let is_new = |code: &AirportCode| index.is_none_or(|index| !index.airports().serves(code));
    let asked: Vec<&str> =
        named.iter().filter(|(_, code)| is_new(code)).map(|(_, code)| code.as_str()).collect();
    if asked.is_empty() {
        return Ok(());
    }
    let known = places::known(&mut *pool.get().await?, &asked).await?;
    let unknown =
        named.iter().filter(|(_, code)| asked.contains(&code.as_str()) && !known.contains(code.as_str()));
    for (parameter, code) in unknown {
        parameters.error(parameter, format!("{code} is no airport or city that is known"));
    }
    Ok(())
}

/// Notes the dates that have passed at the origins, and those beyond the horizon.
pub(super) fn check_dates(
    parameters: &mut QueryParameters,
    index: Option<&Index>,
    (query, is_multi_city): (&Query, bool),
    (settings, now): (&SearchSettings, DateTime<Utc>),
) {
    for (number, slice) in query.slices.iter().enumerate() {
        let parameter = match (is_multi_city, number) {
            (true, _) => "slice",
            (false, 0) => "date",
            (false, _) => "return_date",
        };
        if slice.date < today(index, &slice.origin, now) {
            parameters.error(parameter, format!("{} has passed at the origin", slice.date));
        } else if slice.date > last_date(settings, now) {
            parameters.error(parameter, format!("must be {} days ahead at most", settings.horizon_days));
        }
    }
}

/// The date of today at a place: the earliest of its airports, or of the earth where no flight has named it.
pub(super) fn today(index: Option<&Index>, place: &AirportCode, now: DateTime<Utc>) -> NaiveDate {
    let airports = index.map(Index::airports);
    let ids = airports.map_or_else(Vec::new, |airports| airports.of_place(place));
    let zones = ids.into_iter().filter_map(|id| Some(&airports?.station(id)?.time_zone));
    let dates =
        zones.filter_map(|zone| FlightTime::from_instant(now, zone).ok()).map(|time| time.local.date());
    dates.min().unwrap_or_else(|| (now - TimeDelta::hours(12)).date_naive())
}

/// The last date that can be asked for.
pub(super) fn last_date(settings: &SearchSettings, now: DateTime<Utc>) -> NaiveDate {
    now.date_naive().checked_add_days(Days::new(settings.horizon_days)).unwrap_or(NaiveDate::MAX)
}

fn read_slices(parameters: &mut QueryParameters) -> Option<Vec<Slice>> {
    let texts = parameters.repeated("slice");
    if texts.is_empty() {
        return read_one_way_or_return(parameters);
    }
    for name in ["origin", "destination", "date", "return_date"] {
        if !parameters.repeated(name).is_empty() {
            parameters.error(name, "must be absent where slices are given");
        }
    }
    if texts.len() > MOST_SLICES {
        parameters.error("slice", format!("must be given {MOST_SLICES} times at most"));
        return None;
    }
    let mut slices: Vec<Option<Slice>> = Vec::new();
    for text in &texts {
        let read =
            text.parse::<SliceText>().map_err(|error| parameters.error("slice", format!("{text}: {error}")));
        slices.push(read.ok().map(|SliceText(slice)| slice));
    }
    let slices: Vec<Slice> = slices.into_iter().collect::<Option<_>>()?;
    for pair in slices.windows(2) {
        if pair[1].date < earliest_next(pair[0].date) {
            parameters
                .error("slice", format!("{} is more than a day before the slice before it", pair[1].date));
        }
    }
    Some(slices)
}

fn read_one_way_or_return(parameters: &mut QueryParameters) -> Option<Vec<Slice>> {
    let origin: Option<AirportCode> = parameters.required("origin");
    let destination: Option<AirportCode> = parameters.required("destination");
    let date = parameters.required("date").map(|CalendarDate(date)| date);
    let return_date = parameters.optional("return_date").map(|CalendarDate(date)| date);
    if origin.is_some() && origin == destination {
        parameters.error("destination", "must be another place than the origin");
    }
    if let (Some(out), Some(back)) = (date, return_date)
        && back < earliest_next(out)
    {
        parameters
            .error("return_date", "must be date, the day before it (across the date line) or a later day");
    }
    let (origin, destination) = (origin?, destination?);
    let mut slices = vec![Slice { origin: origin.clone(), destination: destination.clone(), date: date? }];
    slices.extend(return_date.map(|date| Slice { origin: destination, destination: origin, date }));
    Some(slices)
}

/// A slice as it stands in a query: `LHR,JFK,2026-12-01`.
struct SliceText(Slice);

impl FromStr for SliceText {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split(',').collect();
        let [origin, destination, date] = parts[..] else {
            return Err("must be an origin, a destination and a date, such as LHR,JFK,2026-12-01".to_owned());
        };
        let place = |code: &str| code.parse::<AirportCode>().map_err(|error| error.to_string());
        let (origin, destination) = (place(origin)?, place(destination)?);
        let CalendarDate(date) =
            date.parse().map_err(|error: <CalendarDate as FromStr>::Err| error.to_string())?;
        if origin == destination {
            return Err("the destination must be another place than the origin".to_owned());
        }
        Ok(Self(Slice { origin, destination, date }))
    }
}

/// The first date on which the next slice can leave. The two dates are of two places: eastwards across the date line
/// a flight lands on the day before its departure, and no flight gains a day more. Search itself compares the
/// instants: a slice leaves after the one before has arrived.
fn earliest_next(before: NaiveDate) -> NaiveDate {
    before.pred_opt().unwrap_or(before)
}

fn read_party(parameters: &mut QueryParameters) -> Option<Party> {
    let adults: u32 = parameters.optional("adults").unwrap_or(1);
    let children: u32 = parameters.optional("children").unwrap_or(0);
    let infants: u32 = parameters.optional("infants").unwrap_or(0);
    let good = (1..=PARTY).contains(&adults);
    if !good {
        parameters.error("adults", format!("must be from 1 to {PARTY}"));
    }
    // Where the number of adults is at fault, only what no number of adults allows is told.
    if children > PARTY - if good { adults } else { 1 } {
        parameters.error("children", format!("adults and children may be {PARTY} at most"));
    }
    if infants > if good { adults } else { PARTY } {
        parameters.error("infants", "may not be more than adults");
    }
    Some(Party { adults, children, infants })
}

fn read_max_price(parameters: &mut QueryParameters, rules: &SearchRules) -> Option<i64> {
    let text = parameters.text("max_price")?;
    match Money::parse(&text, rules.currency) {
        Ok(money) if money.minor >= 0 => Some(money.minor),
        Ok(_) => {
            parameters.error("max_price", "must not be negative");
            None
        }
        Err(error) => {
            parameters.error("max_price", error);
            None
        }
    }
}
