//! Measures the queue of letters for operators: its length, its age, and the dead letters. All instances tell the same.

use crate::store::queue_figures;
use shared::{
    db::{DbError, Pool},
    operations::Operations,
    ticker::Ticker,
};
use std::time::Duration;

/// How often it measures: operators look at minutes.
const INTERVAL: Duration = Duration::from_secs(15);

/// Starts it on the present arbiter; it ends when the pool is closed.
pub(crate) fn start(pool: Pool, operations: Operations) {
    let of_end = pool.clone();
    let work = async move || {
        if let Err(error) = measure(&pool, &operations).await
            && !pool.is_closed()
        {
            tracing::warn!(%error, "The queue of letters could not be measured");
        }
    };
    Ticker::start("queue gauges", INTERVAL, move || of_end.is_closed(), work);
}

#[expect(clippy::cast_precision_loss, reason = "gauges are floating")]
async fn measure(pool: &Pool, operations: &Operations) -> Result<(), DbError> {
    let figures = {
        let connection = pool.get().await?;
        queue_figures::read(&connection).await?
    };
    let dead = operations.status().await?.dead_letters;
    metrics::gauge!("aerobus_letters_queued", "state" => "waiting").set(figures.waiting as f64);
    metrics::gauge!("aerobus_letters_queued", "state" => "sending").set(figures.sending as f64);
    metrics::gauge!("aerobus_letters_oldest_seconds").set(figures.oldest.as_secs_f64());
    metrics::gauge!("aerobus_mailer_dead_letters").set(dead as f64);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MIGRATIONS;
    use diesel_async::RunQueryDsl;
    use shared::{
        bus::{Bus, in_process::InProcess},
        outbox::{DeadLetters, Relay},
        telemetry,
    };
    use testkit::TestDatabase;
    use uuid::Uuid;

    #[actix_web::test]
    async fn the_gauges_are_those_of_the_queue() {
        telemetry::metrics::recorder();
        let database = TestDatabase::of("mailer", MIGRATIONS).await;
        let config = database.config("mailer");
        let mut connection = config.connect().await.unwrap();
        let [letter, dead] = [Uuid::now_v7(), Uuid::now_v7()];
        for insert in [
            format!(
                "INSERT INTO letter_queue (letter_id, queued_at) VALUES ('{letter}', now() - interval '2 hours')"
            ),
            format!(
                "INSERT INTO dead_letters (id, queue, payload, reason, attempts) VALUES ('{dead}', 'q', 'x', 'no', 1)"
            ),
        ] {
            diesel::sql_query(insert).execute(&mut connection).await.unwrap();
        }
        let (pool, bus) = (Pool::new(&config), Bus::new(InProcess::new()));
        let relay = Relay::start("mailer", &config, bus.clone());
        let operations = Operations::new("mailer", &pool, &DeadLetters::new(pool.clone()), &relay);
        measure(&pool, &operations).await.unwrap();
        let shown = telemetry::metrics::render();
        for line in [
            "aerobus_letters_queued{state=\"waiting\"} 1",
            "aerobus_letters_queued{state=\"sending\"} 0",
            "aerobus_letters_oldest_seconds 72",
            "aerobus_mailer_dead_letters 1",
        ] {
            assert!(shown.contains(line), "{line}: {shown}");
        }
        relay.stop().await;
        pool.close();
        bus.close().await;
    }
}
