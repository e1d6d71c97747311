//! Compares a catalogue with the database: what it lacks or has in an older version is read, and what the database does
//! not have is forgotten. So one pass loads an empty catalogue, and mends one that missed a message.

use crate::{
    domain::{availability::TakenSeats, flight::Flight, timetable::StoredVersion},
    store::{airports, availability, flights},
};
use actix::prelude::*;
use chrono::{DateTime, Utc};
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    db::{DbError, Pool},
    iata::AirportCode,
    ids::FlightId,
};
use std::collections::HashMap;
use uuid::Uuid;

/// Versions that are compared at once.
const VERSIONS: i64 = 10_000;
/// Flights that are read at once.
const FLIGHTS: usize = 2000;

/// Which of these the catalogue lacks or has in an older version: the flights, and the flights whose seats.
#[derive(Message)]
#[rtype(result = "(Vec<FlightId>, Vec<FlightId>)")]
pub(super) struct CompareVersions(pub(super) Vec<StoredVersion>);

/// Takes in what the database has.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct TakeStored {
    pub(super) flights: Vec<Flight>,
    pub(super) seats: Vec<(FlightId, TakenSeats)>,
}

/// Takes in the shortest connections of the airports that have one of their own.
#[derive(Message)]
#[rtype(result = "()")]
pub(super) struct TakeMinConnections(pub(super) HashMap<AirportCode, u16>);

/// The catalogue that is compared.
pub(super) struct Compared {
    pub(super) versions: Recipient<CompareVersions>,
    pub(super) stored: Recipient<TakeStored>,
    pub(super) connections: Recipient<TakeMinConnections>,
}

/// Compares the catalogue with the flights that leave from now on. It runs to its end even where the one that waits for
/// it dies: a transaction that is dropped half way would keep its connection busy.
pub(super) async fn synchronise(pool: Pool, compared: Compared) -> Result<(), DbError> {
    let work = async move {
        let mut connection = pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        compared.take(TakeMinConnections(airports::min_connections(connection).await?)).await;
        // One snapshot for all: a flight that is moved meanwhile would else be in none of the parts.
        let mut transaction = connection.build_transaction().repeatable_read().read_only();
        let now = Utc::now();
        transaction
            .run::<_, diesel::result::Error, _>(async |connection: &mut AsyncPgConnection| {
                compared.compare_all(connection, now).await
            })
            .await?;
        Ok(())
    };
    actix::spawn(work).await.unwrap_or_else(|error| Err(DbError::Unavailable(Box::new(error))))
}

/// The shortest connections of the airports that have one of their own.
pub(super) async fn read_connections(pool: Pool) -> Result<HashMap<AirportCode, u16>, DbError> {
    Ok(airports::min_connections(&mut *pool.get().await?).await?)
}

impl Compared {
    async fn take(&self, minutes: TakeMinConnections) {
        // A catalogue that has died has nothing to compare: another takes its place and begins anew.
        let _ = self.connections.send(minutes).await;
    }

    async fn compare_all(&self, connection: &mut AsyncPgConnection, from: DateTime<Utc>) -> QueryResult<()> {
        let mut place = (from, Uuid::nil());
        loop {
            let (versions, last) = flights::versions_behind(connection, place, VERSIONS).await?;
            let Some(last) = last else { return Ok(()) };
            place = last;
            let Ok((newer, sold)) = self.versions.send(CompareVersions(versions)).await else {
                return Ok(());
            };
            for ids in newer.chunks(FLIGHTS) {
                let flights = flights::find_many(connection, ids).await?;
                let _ = self.stored.send(TakeStored { flights, seats: Vec::new() }).await;
            }
            for ids in sold.chunks(FLIGHTS) {
                let ids: Vec<Uuid> = ids.iter().map(|id| id.0).collect();
                let seats = availability::of_flights(connection, &ids).await?;
                let seats = seats.into_iter().map(|(id, taken)| (FlightId(id), taken)).collect();
                let _ = self.stored.send(TakeStored { flights: Vec::new(), seats }).await;
            }
        }
    }
}
