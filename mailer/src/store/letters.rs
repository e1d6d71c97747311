//! Letters: stored by the consumer, looked at and sent again by admins.

use super::{
    letter_queue::QueueRow,
    schema::{letter_attempts, letter_queue, letter_tokens, letters},
};
use crate::{
    domain::{DraftToken, LetterDraft, LetterStatus, LetterTemplate, message_id},
    kinds::{carries_token, superseding},
};
use chrono::{DateTime, Utc};
use diesel::{
    dsl::{max, now, sql},
    prelude::*,
    sql_types::{Array, BigInt, Bool, Nullable, Text, Timestamptz, Uuid as SqlUuid},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use shared::{
    events::LetterToken,
    ids::{EventId, LetterId},
    statement,
};
use std::collections::HashMap;
use uuid::Uuid;

/// What [`LetterStatus::Superseded`] is stored as in `given_up`: the name of the status.
const SUPERSEDED: &str = "superseded";

diesel::define_sql_function! {
    /// PostgreSQL's `lower`, as the index of recipients has it.
    fn lower(text: Text) -> Text;
}

/// A letter as admins see it.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letters)]
pub(crate) struct LetterRow {
    pub(crate) id: Uuid,
    pub(crate) template: String,
    pub(crate) event_id: Uuid,
    pub(crate) reference: Option<String>,
    pub(crate) recipient: String,
    pub(crate) locale: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) given_up: Option<String>,
    /// Its row in the queue, while it waits or is being sent.
    #[diesel(embed)]
    pub(crate) queue: Option<QueueRow>,
}

/// A draft with what is known of the event that asks for it.
#[derive(Debug)]
pub(crate) struct NewLetter {
    /// The event.
    pub(crate) event: EventId,
    /// What the event is about: the letter is named by it.
    pub(crate) aggregate: String,
    /// The version of that.
    pub(crate) version: i64,
    /// What the event asks for.
    pub(crate) draft: LetterDraft,
}

impl NewLetter {
    /// What the letter is about: it is found by it, and superseded by newer letters about the same.
    fn about(&self) -> &str {
        self.draft.about.as_deref().unwrap_or(&self.aggregate)
    }
}

impl LetterRow {
    /// Where it is in its life.
    pub(crate) fn status(&self) -> LetterStatus {
        match (&self.queue, self.given_up.as_deref()) {
            (Some(queue), _) if queue.sending => LetterStatus::Sending,
            (Some(_), _) => LetterStatus::Queued,
            (None, Some(SUPERSEDED)) => LetterStatus::Superseded,
            (None, Some(_)) => LetterStatus::Failed,
            (None, None) => LetterStatus::Sent,
        }
    }

    /// A number that is another after each change. `ended` is when the last attempt ended: a letter that is not in
    /// the queue any more has been changed by that attempt, or was superseded before any.
    pub(crate) fn version(&self, ended: Option<DateTime<Utc>>) -> i64 {
        let of = self.status();
        let status = LetterStatus::ALL.iter().position(|status| *status == of).unwrap_or_default();
        let changed = self.queue.as_ref().map(|queue| queue.next_attempt_at).or(ended).unwrap_or_default();
        changed.timestamp_micros() * 8 + i64::try_from(status).unwrap_or_default()
    }

    /// When it was made, as its id tells.
    pub(crate) fn created_at(&self) -> DateTime<Utc> {
        let (seconds, nanos) = self.id.get_timestamp().map_or((0, 0), |timestamp| timestamp.to_unix());
        DateTime::from_timestamp(i64::try_from(seconds).unwrap_or_default(), nanos).unwrap_or_default()
    }
}

/// What a list of letters is filtered by.
#[derive(Debug, Clone, Default, Hash)]
pub(crate) struct LetterFilter {
    /// Only those in this state.
    pub(crate) status: Option<LetterStatus>,
    /// Only those to this address, in whatever case.
    pub(crate) recipient: Option<String>,
    /// Only those of this kind.
    pub(crate) template: Option<LetterTemplate>,
}

/// What became of the wish to send a letter again.
#[derive(Debug)]
pub(crate) enum ResendOutcome {
    /// It will be sent, or is being sent now.
    Queued(LetterRow),
    /// A newer letter made it pointless, or its token expired.
    Superseded,
    /// The token that it brought has been erased.
    Erased,
    /// There is no such letter.
    Missing,
}

statement! {
    /// Stores letters, puts them into the queue, and supersedes.
    StoreLetters {
        templates: Array<Text> = Vec<&'static str>,
        aggregates: Array<Text> = Vec<String>,
        versions: Array<BigInt> = Vec<i64>,
        superseded_by: Array<Nullable<Text>> = Vec<Option<&'static str>>,
        supersedes: Array<Nullable<Text>> = Vec<Option<&'static str>>,
        superseded: Array<Bool> = Vec<bool>,
        ids: Array<SqlUuid> = Vec<Uuid>,
        events: Array<SqlUuid> = Vec<Uuid>,
        references: Array<Nullable<Text>> = Vec<Option<String>>,
        recipients: Array<Text> = Vec<String>,
        locales: Array<Text> = Vec<&'static str>,
        subjects: Array<Text> = Vec<String>,
        data: Array<Text> = Vec<String>,
        message_ids: Array<Text> = Vec<String>,
        tokens: Array<Text> = Vec<String>,
        expiries: Array<Timestamptz> = Vec<DateTime<Utc>>,
        carrying: Array<SqlUuid> = Vec<Uuid>,
    } -> (BigInt,),
    "WITH new AS MATERIALIZED (
        SELECT id, i, $[i] AS template, $[i] AS aggregate, $[i] AS version,
               string_to_array($[i], ',') AS superseded_by, string_to_array($[i], ',') AS supersedes,
               $[i] AS superseded
        FROM unnest($) WITH ORDINALITY AS n (id, i)
    ), stored AS (
        INSERT INTO letters (
            id, template, event_id, aggregate, aggregate_version, reference, recipient, locale, subject, data, message_id,
            given_up
        )
        SELECT id, template, $[i], aggregate, version, $[i], $[i], $[i], $[i], $[i], $[i],
               CASE WHEN superseded OR superseded_by IS NOT NULL AND EXISTS (
                   SELECT FROM letters AS newer
                   WHERE newer.aggregate = new.aggregate AND newer.aggregate_version > new.version
                         AND newer.template = ANY (new.superseded_by)
               ) THEN 'superseded' END
        FROM new
        ON CONFLICT (event_id, template) DO NOTHING
        RETURNING id, aggregate, aggregate_version, given_up
    ), queued AS (
        INSERT INTO letter_queue (letter_id, aggregate, aggregate_version)
        SELECT id, aggregate, aggregate_version FROM stored WHERE given_up IS NULL
        RETURNING letter_id
    ), tokens AS (
        INSERT INTO letter_tokens (letter_id, token, expires_at)
        SELECT id, $[i], $[i] FROM unnest($) WITH ORDINALITY AS t (id, i)
        WHERE id = ANY (ARRAY(SELECT id FROM stored WHERE given_up IS NULL))
    ), older AS MATERIALIZED (
        SELECT q.place, q.letter_id FROM new
        CROSS JOIN LATERAL (
            SELECT ctid AS place, letter_id FROM letter_queue WHERE aggregate = new.aggregate OFFSET 0
        ) AS q
        CROSS JOIN LATERAL (
            SELECT template, aggregate_version FROM letters WHERE id = q.letter_id OFFSET 0
        ) AS older
        WHERE supersedes IS NOT NULL AND older.aggregate_version < new.version
              AND older.template = ANY (supersedes)
    ), pointless AS (
        DELETE FROM letter_queue WHERE NOT sending AND ctid = ANY (ARRAY(SELECT place FROM older))
        RETURNING letter_id
    ), marked AS (
        UPDATE letter_queue SET superseded = true WHERE sending AND ctid = ANY (ARRAY(SELECT place FROM older))
    ), erased AS (
        DELETE FROM letter_tokens WHERE letter_id = ANY (ARRAY(SELECT letter_id FROM older))
    ), given_up AS (
        UPDATE letters SET given_up = 'superseded' WHERE id = ANY (ARRAY(SELECT letter_id FROM pointless))
    )
    SELECT count(*) FROM queued"
}

/// Stores letters, each of them once per event and template, and puts them into the queue. A letter for which a newer one
/// supersedes it is there, in the batch or stored before, is stored as superseded; so become letters of the queue that
/// the new ones supersede. A letter whose token has expired or was erased is stored as superseded too. Gives how many
/// letters it has put into the queue.
///
/// # Errors
/// Those of the database.
pub(crate) async fn store(
    mut connection: &AsyncPgConnection,
    mut batch: Vec<NewLetter>,
    domain: &str,
) -> QueryResult<usize> {
    if batch.is_empty() {
        return Ok(0);
    }
    // In one order, so that two instances that got the same events do not wait for each other.
    batch.sort_unstable_by_key(|letter| letter.event.0);
    let mut superseded = superseded_within(&batch);
    superseded.iter_mut().zip(&batch).for_each(|(superseded, letter)| *superseded |= lacks_token(letter));
    let ids: Vec<Uuid> = batch.iter().map(|_| LetterId::new().0).collect();
    let (mut tokens, mut expiries, mut carrying) = (Vec::new(), Vec::new(), Vec::new());
    for (letter, id) in batch.iter_mut().zip(&ids) {
        if let Some(DraftToken { token: LetterToken(token), expires_at }) = letter.draft.token.take() {
            tokens.push(token);
            expiries.push(expires_at);
            carrying.push(*id);
        }
    }
    let kind = |letter: &NewLetter| superseding(letter.draft.template);
    let query = StoreLetters {
        templates: batch.iter().map(|letter| letter.draft.template.as_str()).collect(),
        versions: batch.iter().map(|letter| letter.version).collect(),
        superseded_by: batch.iter().map(|letter| kind(letter)?.by.as_deref()).collect(),
        supersedes: batch.iter().map(|letter| kind(letter)?.of.as_deref()).collect(),
        superseded,
        ids,
        events: batch.iter().map(|letter| letter.event.0).collect(),
        references: batch.iter_mut().map(|letter| letter.draft.reference.take()).collect(),
        recipients: batch.iter_mut().map(|letter| std::mem::take(&mut letter.draft.recipient)).collect(),
        locales: batch.iter().map(|letter| letter.draft.locale).collect(),
        subjects: batch.iter_mut().map(|letter| std::mem::take(&mut letter.draft.subject)).collect(),
        data: batch.iter_mut().map(|letter| std::mem::take(&mut letter.draft.data)).collect(),
        message_ids: batch
            .iter()
            .map(|letter| message_id(letter.draft.template, &letter.aggregate, letter.version, domain))
            .collect(),
        aggregates: batch.into_iter().map(|letter| letter.draft.about.unwrap_or(letter.aggregate)).collect(),
        tokens,
        expiries,
        carrying,
    };
    let (queued,): (i64,) = query.get_result(&mut connection).await?;
    Ok(usize::try_from(queued).unwrap_or_default())
}

/// Whether a letter should bring a token, and has none that works.
fn lacks_token(letter: &NewLetter) -> bool {
    let works = |token: &DraftToken| token.expires_at > Utc::now();
    carries_token(letter.draft.template.as_str()) && !letter.draft.token.as_ref().is_some_and(works)
}

/// Which letters of a batch another letter of the batch supersedes.
fn superseded_within(batch: &[NewLetter]) -> Vec<bool> {
    let mut about: HashMap<&str, Vec<&NewLetter>> = HashMap::new();
    for letter in batch {
        about.entry(letter.about()).or_default().push(letter);
    }
    let is_superseded = |letter: &NewLetter| {
        let Some(by) = superseding(letter.draft.template).and_then(|kind| kind.by.as_deref()) else {
            return false;
        };
        let names = |other: &NewLetter| by.split(',').any(|name| name == other.draft.template.as_str());
        about[letter.about()].iter().any(|other| other.version > letter.version && names(other))
    };
    batch.iter().map(is_superseded).collect()
}

/// Puts a letter back into the queue, to be sent at once.
///
/// # Errors
/// Those of the database.
pub(crate) async fn resend(connection: &mut AsyncPgConnection, id: LetterId) -> QueryResult<ResendOutcome> {
    let resend = async |connection: &mut AsyncPgConnection| {
        // The place in the queue first, as the sender does, so that neither waits for the other in a circle.
        let place = letter_queue::table.find(id.0).select(letter_queue::letter_id).for_update();
        let waits: Option<Uuid> = place.first(connection).await.optional()?;
        let letter = letters::table.find(id.0).select((
            letters::template,
            letters::aggregate,
            letters::aggregate_version,
            letters::given_up,
        ));
        let letter: Option<(String, String, i64, Option<String>)> =
            letter.for_update().first(connection).await.optional()?;
        let Some((template, aggregate, version, given_up)) = letter else {
            return Ok(ResendOutcome::Missing);
        };
        if given_up.as_deref() == Some(SUPERSEDED) {
            return Ok(ResendOutcome::Superseded);
        }
        if carries_token(&template) && (waits.is_none() || !has_token(connection, id).await?) {
            return Ok(ResendOutcome::Erased);
        }
        enqueue(connection, id, (&aggregate, version)).await?;
        if given_up.is_some() {
            let again = diesel::update(letters::table.find(id.0)).set(letters::given_up.eq(None::<String>));
            again.execute(connection).await?;
        }
        Ok(find(connection, id).await?.map_or(ResendOutcome::Missing, ResendOutcome::Queued))
    };
    connection.transaction(resend).await
}

/// Whether a letter has a token that works.
async fn has_token(connection: &mut AsyncPgConnection, id: LetterId) -> QueryResult<bool> {
    let token = letter_tokens::table.find(id.0).filter(letter_tokens::expires_at.gt(now));
    diesel::select(diesel::dsl::exists(token)).get_result(connection).await
}

/// Puts a letter about this version of an aggregate into the queue, or makes it due if it waits there. One that is being
/// sent stays as it is.
async fn enqueue(
    connection: &mut AsyncPgConnection,
    id: LetterId,
    (aggregate, version): (&str, i64),
) -> QueryResult<()> {
    let attempts: Option<i32> = letter_attempts::table
        .filter(letter_attempts::letter_id.eq(id.0))
        .select(max(letter_attempts::number))
        .first(connection)
        .await?;
    let row = (
        letter_queue::letter_id.eq(id.0),
        letter_queue::attempts.eq(attempts.unwrap_or_default()),
        letter_queue::aggregate.eq(aggregate),
        letter_queue::aggregate_version.eq(version),
    );
    let due = (
        letter_queue::failures.eq(0),
        letter_queue::queued_at.eq(now),
        letter_queue::next_attempt_at.eq(now),
    );
    let insert = diesel::insert_into(letter_queue::table).values(row).on_conflict_do_nothing();
    if insert.execute(connection).await? == 0 {
        let waiting = letter_queue::letter_id.eq(id.0).and(letter_queue::sending.eq(false));
        diesel::update(letter_queue::table.filter(waiting)).set(due).execute(connection).await?;
    }
    Ok(())
}

/// A letter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(connection: &mut AsyncPgConnection, id: LetterId) -> QueryResult<Option<LetterRow>> {
    letters::table
        .left_join(letter_queue::table.on(letter_queue::letter_id.eq(letters::id)))
        .filter(letters::id.eq(id.0))
        .select(LetterRow::as_select())
        .first(connection)
        .await
        .optional()
}

/// Letters, newest first, older than `before`.
///
/// # Errors
/// Those of the database.
pub(crate) async fn list(
    connection: &mut AsyncPgConnection,
    filter: &LetterFilter,
    before: Option<Uuid>,
    limit: i64,
) -> QueryResult<Vec<LetterRow>> {
    let mut query = letters::table
        .left_join(letter_queue::table.on(letter_queue::letter_id.eq(letters::id)))
        .select(LetterRow::as_select())
        .order(letters::id.desc())
        .limit(limit)
        .into_boxed();
    let in_queue = letter_queue::sending.nullable();
    query = match filter.status {
        Some(LetterStatus::Queued) => query.filter(in_queue.eq(false)),
        Some(LetterStatus::Sending) => query.filter(in_queue.eq(true)),
        Some(LetterStatus::Sent) => {
            query.filter(letter_queue::letter_id.nullable().is_null()).filter(letters::given_up.is_null())
        }
        Some(ended @ (LetterStatus::Failed | LetterStatus::Superseded)) => {
            query.filter(letters::given_up.eq(ended.as_str()))
        }
        None => query,
    };
    if let Some(recipient) = &filter.recipient {
        query = query.filter(lower(letters::recipient).eq(lower(recipient)));
    }
    if let Some(template) = filter.template {
        query = query.filter(letters::template.eq(template.as_str()));
        if template != LetterTemplate::BookingConfirmed {
            // Literally as in the partial index.
            query = query.filter(sql::<Bool>("template <> 'booking_confirmed'"));
        }
    }
    if let Some(before) = before {
        query = query.filter(letters::id.lt(before));
    }
    query.load(connection).await
}
