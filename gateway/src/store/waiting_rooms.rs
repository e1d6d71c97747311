//! Waiting rooms of overloaded flights. All times come from the database's clock, which all instances share.
//!
//! Statements that write several rooms lock them in the order of their flights, so instances cannot deadlock.

use crate::domain::waiting_room::WaitingRoom;
use chrono::{DateTime, TimeDelta, Utc};
use diesel::{
    QueryResult,
    sql_types::{Array, BigInt, Bool, Nullable, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::{ids::FlightId, statement};
use uuid::Uuid;

type Time = DateTime<Utc>;

/// The columns of a room in their order, and the clock.
type RoomColumns = (
    (SqlUuid, Timestamptz, BigInt, BigInt, BigInt),
    (Timestamptz, Timestamptz, Nullable<Timestamptz>, Nullable<Timestamptz>),
    (BigInt, BigInt, Timestamptz),
    Timestamptz,
);
type RoomRow =
    ((Uuid, Time, i64, i64, i64), (Time, Time, Option<Time>, Option<Time>), (i64, i64, Time), Time);

/// The columns as `r` has them.
macro_rules! columns {
    () => {
        "r.flight_id, r.created_at, r.issued, r.mark, r.rate, r.moved_at, r.overloaded_at, r.slowed_at, r.closed_at, r.expired, r.checkpoint, r.checkpoint_at, clock_timestamp()"
    };
}

statement! {
    /// All rooms.
    ReadAll {} -> RoomColumns,
    concat!("SELECT ", columns!(), " FROM waiting_rooms r")
}

statement! {
    /// Opens rooms, or keeps them open. An overload of an admitted ticket also slows the room down.
    Open {
        flights: Array<SqlUuid> = Vec<Uuid>,
        slowed: Array<Bool> = Vec<bool>,
        rate: BigInt = i64,
    } -> RoomColumns,
    concat!(
        "INSERT INTO waiting_rooms AS r (flight_id, created_at, issued, mark, rate, moved_at, overloaded_at, slowed_at, closed_at, expired, checkpoint, checkpoint_at) \
         SELECT n.flight_id, c.t, 0, 0, c.rate, c.t, c.t, CASE WHEN n.slowed THEN c.t END, NULL, 0, 0, c.t \
         FROM unnest($, $) AS n (flight_id, slowed), (SELECT clock_timestamp() AS t, $::bigint AS rate OFFSET 0) AS c ORDER BY 1 \
         ON CONFLICT (flight_id) DO UPDATE SET overloaded_at = excluded.overloaded_at, slowed_at = coalesce(excluded.slowed_at, r.slowed_at), closed_at = NULL, \
         rate = CASE WHEN r.closed_at IS NULL THEN r.rate ELSE excluded.rate END, \
         moved_at = CASE WHEN r.closed_at IS NULL THEN r.moved_at ELSE excluded.moved_at END \
         RETURNING ", columns!()
    )
}

statement! {
    /// Issues the next tickets of open rooms.
    Issue { flights: Array<SqlUuid> = Vec<Uuid>, counts: Array<BigInt> = Vec<i64> } -> RoomColumns,
    concat!(
        "WITH n AS (SELECT w.flight_id, asked.count FROM unnest($, $) AS asked (flight_id, count) JOIN waiting_rooms w USING (flight_id) WHERE w.closed_at IS NULL ORDER BY 1 FOR UPDATE OF w) \
         UPDATE waiting_rooms r SET issued = r.issued + n.count FROM n WHERE r.flight_id = n.flight_id \
         RETURNING ", columns!()
    )
}

statement! {
    /// Moves rooms that nobody has moved since they were read. A room in which something happened since is not closed.
    Move {
        flights: Array<SqlUuid> = Vec<Uuid>,
        seen_moved: Array<Timestamptz> = Vec<Time>,
        seen_issued: Array<BigInt> = Vec<i64>,
        seen_overloaded: Array<Timestamptz> = Vec<Time>,
        marks: Array<BigInt> = Vec<i64>,
        rates: Array<BigInt> = Vec<i64>,
        moved: Array<Timestamptz> = Vec<Time>,
        closed: Array<Nullable<Timestamptz>> = Vec<Option<Time>>,
        expired: Array<BigInt> = Vec<i64>,
        checkpoints: Array<BigInt> = Vec<i64>,
        checkpoints_at: Array<Timestamptz> = Vec<Time>,
    } -> (SqlUuid,),
    "WITH n AS (SELECT asked.* FROM unnest($, $, $, $, $, $, $, $, $, $, $) \
       AS asked (flight_id, seen_moved, seen_issued, seen_overloaded, mark, rate, moved_at, closed_at, expired, checkpoint, checkpoint_at) \
       JOIN waiting_rooms w USING (flight_id) ORDER BY 1 FOR UPDATE OF w) \
     UPDATE waiting_rooms r SET mark = n.mark, rate = n.rate, moved_at = n.moved_at, closed_at = n.closed_at, expired = n.expired, checkpoint = n.checkpoint, checkpoint_at = n.checkpoint_at \
     FROM n WHERE r.flight_id = n.flight_id AND r.moved_at = n.seen_moved AND r.closed_at IS NULL \
       AND (n.closed_at IS NULL OR (r.issued = n.seen_issued AND r.overloaded_at = n.seen_overloaded)) \
     RETURNING r.flight_id"
}

statement! {
    /// Deletes rooms that were closed before this time.
    DeleteClosed { before: Timestamptz = Time } -> (),
    "DELETE FROM waiting_rooms WHERE closed_at < $"
}

/// A room, and the database's clock when it was read or written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RoomAt {
    pub(crate) flight: FlightId,
    pub(crate) room: WaitingRoom,
    pub(crate) clock: DateTime<Utc>,
}

impl From<RoomRow> for RoomAt {
    fn from(row: RoomRow) -> Self {
        let (
            (flight, created_at, issued, mark, rate),
            (moved_at, overloaded_at, slowed_at, closed_at),
            (expired, checkpoint, checkpoint_at),
            clock,
        ) = row;
        let room = WaitingRoom {
            created_at,
            issued,
            mark,
            rate,
            moved_at,
            overloaded_at,
            slowed_at,
            closed_at,
            expired,
            checkpoint,
            checkpoint_at,
        };
        Self { flight: flight.into(), room, clock }
    }
}

fn rooms(rows: Vec<RoomRow>) -> Vec<RoomAt> {
    rows.into_iter().map(RoomAt::from).collect()
}

/// All rooms, the closed ones included.
///
/// # Errors
/// Those of the database.
pub(crate) async fn all(connection: &mut AsyncPgConnection) -> QueryResult<Vec<RoomAt>> {
    ReadAll {}.load(connection).await.map(rooms)
}

/// Opens the rooms of flights that are overloaded, and keeps the open ones open; the flag says whether a holder of an
/// admitted ticket met the overload. A new room begins with `rate`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn open(
    connection: &mut AsyncPgConnection,
    overloads: impl IntoIterator<Item = (FlightId, bool)>,
    rate: i64,
) -> QueryResult<Vec<RoomAt>> {
    let (flights, slowed) = overloads.into_iter().map(|(flight, slowed)| (flight.0, slowed)).unzip();
    Open { flights, slowed, rate }.load(connection).await.map(rooms)
}

/// Issues these numbers of tickets for the rooms that are open; returns these rooms. Their last tickets have the number `issued`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn issue(
    connection: &mut AsyncPgConnection,
    tickets: impl IntoIterator<Item = (FlightId, i64)>,
) -> QueryResult<Vec<RoomAt>> {
    let (flights, counts) = tickets.into_iter().map(|(flight, count)| (flight.0, count)).unzip();
    Issue { flights, counts }.load(connection).await.map(rooms)
}

/// Writes rooms as they have become, each unless another instance has moved it since it was read; returns the flights
/// of those written.
///
/// # Errors
/// Those of the database.
pub(crate) async fn advance(
    connection: &mut AsyncPgConnection,
    moves: &[(FlightId, WaitingRoom, WaitingRoom)],
) -> QueryResult<Vec<FlightId>> {
    fn column<T>(moves: &[(FlightId, WaitingRoom, WaitingRoom)], of: impl Fn(&WaitingRoom) -> T) -> Vec<T> {
        moves.iter().map(|(_, _, after)| of(after)).collect()
    }
    let statement = Move {
        flights: moves.iter().map(|(flight, ..)| flight.0).collect(),
        seen_moved: moves.iter().map(|(_, before, _)| before.moved_at).collect(),
        seen_issued: moves.iter().map(|(_, before, _)| before.issued).collect(),
        seen_overloaded: moves.iter().map(|(_, before, _)| before.overloaded_at).collect(),
        marks: column(moves, |room| room.mark),
        rates: column(moves, |room| room.rate),
        moved: column(moves, |room| room.moved_at),
        closed: column(moves, |room| room.closed_at),
        expired: column(moves, |room| room.expired),
        checkpoints: column(moves, |room| room.checkpoint),
        checkpoints_at: column(moves, |room| room.checkpoint_at),
    };
    let moved: Vec<(Uuid,)> = statement.load(connection).await?;
    Ok(moved.into_iter().map(|(flight,)| flight.into()).collect())
}

/// Deletes rooms that were closed so long ago at `now` that none of their tickets is good any more.
///
/// # Errors
/// Those of the database.
pub(crate) async fn delete_closed(
    connection: &mut AsyncPgConnection,
    now: DateTime<Utc>,
    age: TimeDelta,
) -> QueryResult<usize> {
    DeleteClosed { before: now - age }.execute(connection).await
}
