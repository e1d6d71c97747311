//! The lowest price of each day of a month.

use super::{
    connections::SliceWalk,
    query::{Query, SearchRules, Slice},
    slice_options::PriceMemory,
};
use crate::domain::timetable::Index;
use chrono::{DateTime, Months, NaiveDate, Utc};
use serde::Serialize;
use shared::{iata::AirportCode, money::Money, seat::Cabin};
use utoipa::ToSchema;

/// A day with its lowest price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarDay {
    /// The date of the departure, local to the origin.
    pub date: NaiveDate,
    /// What one adult pays for the cheapest way to travel; null where nothing is sold.
    pub price: Option<Money>,
}

/// The days of the month that begins at this date: the cheapest of all itineraries that a search finds by default.
#[must_use]
pub fn price_calendar(
    index: &Index,
    (origin, destination): (&AirportCode, &AirportCode),
    month: NaiveDate,
    cabin: Option<Cabin>,
    (rules, now): (&SearchRules, DateTime<Utc>),
) -> Vec<CalendarDay> {
    let end = month.checked_add_months(Months::new(1)).unwrap_or(month);
    let days = month.iter_days().take_while(|date| *date < end);
    let day = |date| {
        let slice = Slice { origin: origin.clone(), destination: destination.clone(), date };
        let cheapest = cheapest(index, &Query::of_one_adult(slice, cabin), rules, now);
        CalendarDay { date, price: cheapest.map(|minor| Money::new(minor, rules.currency)) }
    };
    days.map(day).collect()
}

/// The cheapest offer of a one-way journey. No itinerary has to be compared with another to find it.
fn cheapest(index: &Index, query: &Query, rules: &SearchRules, now: DateTime<Utc>) -> Option<i64> {
    let mut prices = PriceMemory::new(query, rules, now);
    let mut cheapest: Option<i64> = None;
    SliceWalk::new(index, query, 0, rules, now).run(&mut |flights| {
        let price = prices.together(flights).and_then(|prices| prices.cheapest());
        cheapest = price.into_iter().chain(cheapest).min();
    });
    cheapest
}
