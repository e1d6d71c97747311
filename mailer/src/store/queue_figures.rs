//! How long the queue of letters is, for the metrics.

use diesel::{
    QueryResult,
    sql_types::{BigInt, Double},
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use shared::statement;
use std::time::Duration;

statement! {
    /// Letters that wait, letters that are being sent, and the age of the oldest of both in seconds.
    Figures {} -> (BigInt, BigInt, Double),
    "SELECT count(*) FILTER (WHERE NOT sending), count(*) FILTER (WHERE sending),
            coalesce(extract(epoch FROM now() - min(queued_at)), 0)::float8
     FROM letter_queue"
}

/// The queue at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct QueueFigures {
    /// Letters that wait for their time.
    pub(crate) waiting: i64,
    /// Letters that instances are at.
    pub(crate) sending: i64,
    /// How long ago the oldest of both was queued; zero without any.
    pub(crate) oldest: Duration,
}

/// Reads the whole queue: letters that are not in it do not matter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn read(mut connection: &AsyncPgConnection) -> QueryResult<QueueFigures> {
    let (waiting, sending, oldest): (i64, i64, f64) = Figures {}.get_result(&mut connection).await?;
    Ok(QueueFigures { waiting, sending, oldest: Duration::try_from_secs_f64(oldest).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use testkit::TestDatabase;
    use uuid::Uuid;

    #[actix_web::test]
    async fn the_queue_tells_its_length_and_age() {
        let database = TestDatabase::of("mailer", MIGRATIONS).await;
        let mut connection = database.config("mailer").connect().await.unwrap();
        let empty = QueueFigures { waiting: 0, sending: 0, oldest: Duration::ZERO };
        assert_eq!(read(&connection).await, Ok(empty));
        for (sending, minutes) in [(false, 3), (false, 90), (true, 5)] {
            let insert = format!(
                "INSERT INTO letter_queue (letter_id, sending, queued_at) \
                 VALUES ('{}', {sending}, now() - interval '{minutes} minutes')",
                Uuid::now_v7()
            );
            diesel::sql_query(insert).execute(&mut connection).await.unwrap();
        }
        let figures = read(&connection).await.unwrap();
        assert_eq!((figures.waiting, figures.sending, figures.oldest.as_secs() / 60), (2, 1, 90));
    }
}
