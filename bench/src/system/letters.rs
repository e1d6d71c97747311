//! Whether those who follow the bookings keep up: letters that are still to be sent, events that are still to be
//! published.

use diesel::{
    prelude::QueryableByName,
    sql_types::{BigInt, Bool, Nullable, Text},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use secrecy::{ExposeSecret, SecretString};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked whether all is done.
const LOOK: Duration = Duration::from_millis(100);

/// An id before all others.
const NO_LETTER: &str = "00000000-0000-0000-0000-000000000000";

#[derive(QueryableByName)]
struct LetterRow {
    #[diesel(sql_type = BigInt)]
    sent: i64,
    #[diesel(sql_type = BigInt)]
    others: i64,
}

#[derive(QueryableByName)]
struct NewestRow {
    #[diesel(sql_type = Nullable<Text>)]
    id: Option<String>,
}

#[derive(QueryableByName)]
struct PendingRow {
    #[diesel(sql_type = Bool)]
    pending: bool,
}

/// Letters as they stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LettersBehind {
    /// Still to be made or sent.
    pub behind: i64,
    /// That will not be sent: refused, or superseded.
    pub given_up: i64,
}

/// The letters of the bookings since all were sent last.
pub struct LetterQueue {
    connection: AsyncPgConnection,
    /// The newest letter when all were sent last: only younger ones are counted, which an index finds.
    after: String,
    expected: i64,
}

impl LetterQueue {
    /// Connects, as the superuser.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn open(url: &SecretString) -> anyhow::Result<Self> {
        let connection = AsyncPgConnection::establish(url.expose_secret()).await?;
        let mut queue = Self { connection, after: NO_LETTER.to_owned(), expected: 0 };
        queue.begin_anew().await?;
        Ok(queue)
    }

    /// Forgets what was expected so far.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn begin_anew(&mut self) -> anyhow::Result<()> {
        let newest = "SELECT (SELECT id::text FROM mailer.letters ORDER BY id DESC LIMIT 1) AS id";
        let row: NewestRow = diesel::sql_query(newest).get_result(&mut self.connection).await?;
        self.after = row.id.unwrap_or_else(|| NO_LETTER.to_owned());
        self.expected = 0;
        Ok(())
    }

    /// A letter is expected for each of so many further bookings.
    pub fn expect(&mut self, bookings: usize) {
        self.expected = self.expected.saturating_add(i64::try_from(bookings).unwrap_or(i64::MAX));
    }

    /// How many are still to be made or sent.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn behind(&mut self) -> anyhow::Result<LettersBehind> {
        let after = &self.after;
        let letters = format!("SELECT count(*) FROM mailer.letters WHERE id > '{after}'");
        // The database may look at each letter for this, in a single pass: letters that wait have a row in the queue.
        let waiting = format!("SELECT count(*) FROM mailer.letter_queue WHERE letter_id > '{after}'");
        let others = format!("{letters} AND given_up IS NOT NULL");
        let query = format!("SELECT ({letters}) - ({waiting}) - ({others}) AS sent, ({others}) AS others");
        let row: LetterRow = diesel::sql_query(query).get_result(&mut self.connection).await?;
        let behind = (self.expected - row.sent - row.others).max(0);
        Ok(LettersBehind { behind, given_up: row.others })
    }

    /// Waits until all letters are sent and all events are published; gives how long that took, or nothing where it
    /// takes longer than this.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn drain(&mut self, patience: Duration) -> anyhow::Result<Option<Duration>> {
        let began = Instant::now();
        loop {
            if self.behind().await?.behind == 0 && !self.has_events().await? {
                let taken = began.elapsed();
                self.begin_anew().await?;
                return Ok(Some(taken));
            }
            if began.elapsed() >= patience {
                return Ok(None);
            }
            sleep(LOOK).await;
        }
    }

    async fn has_events(&mut self) -> anyhow::Result<bool> {
        let query = "SELECT EXISTS (SELECT 1 FROM booking.outbox) AS pending";
        let row: PendingRow = diesel::sql_query(query).get_result(&mut self.connection).await?;
        Ok(row.pending)
    }
}
