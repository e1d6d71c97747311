//! The flights of an airport on a day.

use super::parts::{FlightRow, assemble};
use crate::{
    domain::{board::BoardDirection, flight::Flight},
    store::schema::flights,
};
use chrono::{DateTime, Utc};
use diesel::{pg::Pg, prelude::*};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::iata::AirportCode;
use std::ops::Range;
use uuid::Uuid;

/// A filter of the flights on a board.
#[derive(Debug, Clone)]
pub struct BoardFilter {
    /// Of which airport.
    pub airport: AirportCode,
    /// Its departures or its arrivals.
    pub direction: BoardDirection,
    /// The instants of the local date at the airport.
    pub day: Range<DateTime<Utc>>,
}

/// The flights of a board by their actual time, from behind `after`; cancelled ones are among them.
///
/// # Errors
/// Those of the database.
pub async fn board(
    connection: &mut AsyncPgConnection,
    filter: &BoardFilter,
    after: Option<(DateTime<Utc>, Uuid)>,
    limit: i64,
) -> QueryResult<Vec<Flight>> {
    let query: flights::BoxedQuery<'_, Pg> = flights::table.limit(limit).into_boxed();
    let airport = filter.airport.as_str();
    let rows: Vec<FlightRow> = match filter.direction {
        BoardDirection::Departures => {
            let Range { start, end } = filter.day;
            let mut query = query
                .filter(flights::origin.eq(airport))
                .filter(flights::departs_at.ge(start).and(flights::departs_at.lt(end)))
                .order((flights::departs_at, flights::id));
            if let Some((at, id)) = after {
                let later = flights::departs_at.gt(at).or(flights::departs_at.eq(at).and(flights::id.gt(id)));
                query = query.filter(flights::departs_at.ge(at)).filter(later);
            }
            query.select(FlightRow::as_select()).load(connection).await?
        }
        BoardDirection::Arrivals => {
            let Range { start, end } = filter.day;
            let mut query = query
                .filter(flights::destination.eq(airport))
                .filter(flights::arrives_at.ge(start).and(flights::arrives_at.lt(end)))
                .order((flights::arrives_at, flights::id));
            if let Some((at, id)) = after {
                let later = flights::arrives_at.gt(at).or(flights::arrives_at.eq(at).and(flights::id.gt(id)));
                query = query.filter(flights::arrives_at.ge(at)).filter(later);
            }
            query.select(FlightRow::as_select()).load(connection).await?
        }
    };
    assemble(connection, rows).await
}
