//! The letters of a person: to an address, or about what belongs to the person. They can be read whole, and erased.
//!
//! An erased letter keeps its row, its event and its kind, so that a repeated event has no further letter. It is never
//! sent again.

use super::{
    dead_letters,
    schema::{letter_attempts, letter_queue, letters},
};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{exists, not},
    prelude::*,
    sql_types::Text,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use std::collections::HashMap;
use uuid::Uuid;

/// The recipient of erased letters: no mail server takes it (RFC 6761, 6.4).
pub(crate) const NOBODY: &str = "erased@aerobus.invalid";

diesel::define_sql_function! {
    /// PostgreSQL's `lower`, as the index of recipients has it.
    fn lower(text: Text) -> Text;
}

/// Whose letters are meant.
#[derive(Debug, Clone)]
pub(crate) struct Correspondent {
    /// The address in lower case, where it is known to be the person's.
    pub(crate) email: Option<String>,
    /// Only letters to the address from before this instant are meant: later ones may be those of another account.
    pub(crate) before: Option<DateTime<Utc>>,
    /// Ids of what belongs to the person: the account and its bookings.
    pub(crate) subjects: Vec<String>,
}

/// A letter in full, as it was stored.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letters)]
pub(crate) struct WholeLetter {
    pub(crate) id: Uuid,
    pub(crate) template: String,
    pub(crate) recipient: String,
    pub(crate) locale: String,
    pub(crate) subject: String,
    pub(crate) reference: Option<String>,
    /// What the template shows: a JSON object.
    pub(crate) data: String,
}

/// The letters of a person, newest first.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(
    connection: &mut AsyncPgConnection,
    whose: &Correspondent,
) -> QueryResult<Vec<WholeLetter>> {
    let ids = ids(connection, whose).await?;
    letters::table
        .filter(letters::id.eq_any(ids))
        .order(letters::id.desc())
        .select(WholeLetter::as_select())
        .load(connection)
        .await
}

/// The mail servers' words about letters, by letter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn attempts(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> QueryResult<HashMap<Uuid, Vec<String>>> {
    let rows: Vec<(Uuid, String)> = letter_attempts::table
        .filter(letter_attempts::letter_id.eq_any(ids))
        .order((letter_attempts::letter_id, letter_attempts::number))
        .select((letter_attempts::letter_id, letter_attempts::message))
        .load(connection)
        .await?;
    let mut attempts: HashMap<Uuid, Vec<String>> = HashMap::new();
    for (letter, message) in rows {
        attempts.entry(letter).or_default().push(message);
    }
    Ok(attempts)
}

async fn ids(connection: &mut AsyncPgConnection, whose: &Correspondent) -> QueryResult<Vec<Uuid>> {
    // Two queries, for each has an index of its own.
    let mut found: Vec<Uuid> = match &whose.email {
        Some(email) => {
            let to_address = letters::table.filter(lower(letters::recipient).eq(email)).select(letters::id);
            to_address.filter(letters::id.lt(first_id_of(whose.before))).load(connection).await?
        }
        None => Vec::new(),
    };
    let about = letters::table.filter(letters::aggregate.eq_any(&whose.subjects)).select(letters::id);
    found.extend(about.load::<Uuid>(connection).await?);
    found.sort_unstable();
    found.dedup();
    Ok(found)
}

/// The first id of an instant: ids of letters tell when they were made. Without an instant it is above all ids.
fn first_id_of(at: Option<DateTime<Utc>>) -> Uuid {
    let Some(at) = at else { return Uuid::max() };
    let milliseconds = u64::try_from(at.timestamp_millis()).unwrap_or_default();
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &[0; 10]).into_uuid()
}

/// Erases the letters of a person; gives the number of those that are just being sent, and so stay until they were.
/// It may be repeated. The caller runs it in a transaction.
///
/// # Errors
/// Those of the database.
pub(crate) async fn erase(connection: &mut AsyncPgConnection, whose: &Correspondent) -> QueryResult<i64> {
    let ids = ids(connection, whose).await?;
    // The places in the queue first, as the sender does, so that neither waits for the other in a circle.
    let waiting =
        letter_queue::table.filter(letter_queue::letter_id.eq_any(&ids)).filter(not(letter_queue::sending));
    diesel::delete(waiting).execute(connection).await?;
    let sending = letter_queue::table.filter(letter_queue::letter_id.eq(letters::id));
    let ended = letters::table.filter(letters::id.eq_any(&ids)).filter(not(exists(sending)));
    let erased = diesel::update(ended)
        .set((
            letters::recipient.eq(NOBODY),
            letters::subject.eq("Erased"),
            letters::data.eq("{}"),
            // Such a letter is not sent again.
            letters::given_up.eq(Some("superseded")),
        ))
        .returning(letters::id)
        .get_results::<Uuid>(connection)
        .await?;
    let attempts = letter_attempts::table.filter(letter_attempts::letter_id.eq_any(&erased));
    diesel::delete(attempts).execute(connection).await?;
    dead_letters::delete_naming(connection, whose.subjects.clone(), None).await?;
    if let Some(email) = &whose.email {
        dead_letters::delete_naming(connection, vec![email.clone()], whose.before).await?;
    }
    let left = letter_queue::table.filter(letter_queue::letter_id.eq_any(&ids));
    left.count().get_result(connection).await
}
