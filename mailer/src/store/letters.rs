//! Letters: stored by the consumer, claimed and finished by the sender, looked at by admins.

use super::{letter_attempts, schema::letters};
use crate::domain::{
    DeliveryAttempt, DeliveryOutcome, LetterDraft, LetterStatus, LetterTemplate, message_id,
};
use chrono::{DateTime, Utc};
use diesel::{
    data_types::PgInterval,
    dsl::{now, sql},
    expression::SqlLiteral,
    prelude::*,
    sql_types::{Bool, Interval, Text, Timestamptz},
};
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use shared::{events::Event, ids::LetterId};
use std::time::Duration;
use uuid::Uuid;

/// How long a letter that the server defers is tried before it is given up.
const GIVE_UP_AFTER: &str = "now() - interval '3 days'";

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
    pub(crate) status: String,
    pub(crate) next_attempt_at: DateTime<Utc>,
}

/// A letter that an instance has claimed to send.
#[derive(Debug, Clone, Queryable, Selectable)]
#[diesel(table_name = letters)]
pub(crate) struct ClaimedLetter {
    pub(crate) id: Uuid,
    pub(crate) template: String,
    pub(crate) reference: Option<String>,
    pub(crate) recipient: String,
    pub(crate) subject: String,
    pub(crate) data: Value,
    pub(crate) message_id: String,
    pub(crate) attempts: i32,
    pub(crate) failures: i32,
    pub(crate) queued_at: DateTime<Utc>,
}

/// A draft with the event that asks for it.
#[derive(Debug, Clone)]
pub(crate) struct NewLetter<'a> {
    /// The event.
    pub(crate) event: &'a Event,
    /// What it asks for.
    pub(crate) draft: LetterDraft,
}

impl LetterRow {
    /// A number that is another after each change: every change also sets the next attempt.
    pub(crate) fn version(&self) -> i64 {
        let status =
            LetterStatus::ALL.iter().position(|status| status.as_str() == self.status).unwrap_or_default();
        self.next_attempt_at.timestamp_micros() * 8 + i64::try_from(status).unwrap_or_default()
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
    /// A newer letter made it pointless.
    Superseded,
    /// There is no such letter.
    Missing,
}

/// Stores letters, each of them once per event and template.
///
/// # Errors
/// Those of the database.
pub(crate) async fn insert(
    connection: &mut AsyncPgConnection,
    batch: &[NewLetter<'_>],
    domain: &str,
) -> QueryResult<usize> {
    let rows: Vec<_> = batch
        .iter()
        .map(|NewLetter { event, draft }| {
            (
                letters::id.eq(LetterId::new().0),
                letters::template.eq(draft.template.as_str()),
                letters::event_id.eq(event.id.0),
                letters::aggregate.eq(&event.subject),
                letters::aggregate_version.eq(event.version),
                letters::reference.eq(draft.reference.as_deref()),
                letters::recipient.eq(&draft.recipient),
                letters::locale.eq(&draft.locale),
                letters::subject.eq(&draft.subject),
                letters::data.eq(&draft.data),
                letters::message_id.eq(message_id(draft.template, &event.subject, event.version, domain)),
            )
        })
        .collect();
    diesel::insert_into(letters::table).values(rows).on_conflict_do_nothing().execute(connection).await
}

/// Marks letters of `template` that are still queued as superseded, where a newer letter of one of
/// the kinds `by` is there about the same matter, in whatever order the two came.
///
/// # Errors
/// Those of the database.
pub(crate) async fn supersede(
    connection: &mut AsyncPgConnection,
    template: LetterTemplate,
    by: &[LetterTemplate],
    aggregates: &[&str],
) -> QueryResult<usize> {
    let newer = diesel::alias!(letters as newer);
    let by: Vec<&str> = by.iter().map(|template| template.as_str()).collect();
    let newer_one = newer
        .filter(newer.field(letters::aggregate).eq(letters::aggregate))
        .filter(newer.field(letters::aggregate_version).gt(letters::aggregate_version))
        .filter(newer.field(letters::template).eq_any(by));
    let pointless = letters::table
        .filter(letters::aggregate.eq_any(aggregates))
        .filter(letters::template.eq(template.as_str()))
        .filter(letters::status.eq(LetterStatus::Queued.as_str()))
        .filter(diesel::dsl::exists(newer_one))
        .select(letters::id);
    let pointless: Vec<Uuid> = pointless.load(connection).await?;
    if pointless.is_empty() {
        return Ok(0);
    }
    let still_queued = letters::id.eq_any(pointless).and(letters::status.eq(LetterStatus::Queued.as_str()));
    diesel::update(letters::table.filter(still_queued))
        .set((letters::status.eq(LetterStatus::Superseded.as_str()), letters::next_attempt_at.eq(now)))
        .execute(connection)
        .await
}

/// Claims up to `limit` letters that are due, the longest due first. No other instance gets them
/// before the lease ends.
///
/// # Errors
/// Those of the database.
pub(crate) async fn claim(
    connection: &mut AsyncPgConnection,
    limit: usize,
    lease: Duration,
) -> QueryResult<Vec<ClaimedLetter>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let claim = async |connection: &mut AsyncPgConnection| {
        let due: Vec<Uuid> = letters::table
            // Literally as in the partial index.
            .filter(sql::<Bool>("status IN ('queued', 'sending')"))
            .filter(letters::next_attempt_at.le(now))
            .order(letters::next_attempt_at)
            .limit(limit)
            .select(letters::id)
            .for_update()
            .skip_locked()
            .load(connection)
            .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        diesel::update(letters::table.filter(letters::id.eq_any(due)))
            .set((
                letters::status.eq(LetterStatus::Sending.as_str()),
                letters::attempts.eq(letters::attempts + 1),
                letters::next_attempt_at.eq(from_now(lease)),
            ))
            .returning(ClaimedLetter::as_returning())
            .get_results(connection)
            .await
    };
    connection.transaction(claim).await
}

/// Records how an attempt ended and what becomes of the letter; `false` when the claim was lost
/// meanwhile and the letter belongs to somebody else.
///
/// A letter that is deferred or has no server comes back after `delay`; one that was deferred for
/// days is given up.
///
/// # Errors
/// Those of the database.
pub(crate) async fn finish(
    connection: &mut AsyncPgConnection,
    letter: &ClaimedLetter,
    attempt: &DeliveryAttempt,
    delay: Duration,
) -> QueryResult<bool> {
    let (id, number) = (letter.id, letter.attempts);
    let mine = letters::id
        .eq(id)
        .and(letters::attempts.eq(number))
        .and(letters::status.eq(LetterStatus::Sending.as_str()));
    let status = match attempt.outcome {
        DeliveryOutcome::Sent => text("'sent'"),
        DeliveryOutcome::Refused => text("'failed'"),
        DeliveryOutcome::Deferred => {
            text(&format!("CASE WHEN queued_at < {GIVE_UP_AFTER} THEN 'failed' ELSE 'queued' END"))
        }
        DeliveryOutcome::Unreachable => text("'queued'"),
    };
    let sent = attempt.outcome == DeliveryOutcome::Sent;
    let change = (
        letters::status.eq(status),
        letters::failures.eq(if sent { 0 } else { letter.failures.saturating_add(1) }),
        letters::next_attempt_at.eq(from_now(delay)),
    );
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            let changed = diesel::update(letters::table.filter(mine)).set(change).execute(connection).await?;
            letter_attempts::insert(connection, id, number, attempt).await?;
            Ok(changed == 1)
        })
        .await
}

/// Puts a letter back into the queue, to be sent at once.
///
/// # Errors
/// Those of the database.
pub(crate) async fn resend(connection: &mut AsyncPgConnection, id: LetterId) -> QueryResult<ResendOutcome> {
    let open = [LetterStatus::Queued, LetterStatus::Sent, LetterStatus::Failed].map(LetterStatus::as_str);
    let queued =
        diesel::update(letters::table.filter(letters::id.eq(id.0).and(letters::status.eq_any(open))))
            .set((
                letters::status.eq(LetterStatus::Queued.as_str()),
                letters::failures.eq(0),
                letters::queued_at.eq(now),
                letters::next_attempt_at.eq(now),
            ))
            .returning(LetterRow::as_returning())
            .get_result(connection)
            .await
            .optional()?;
    if let Some(letter) = queued {
        return Ok(ResendOutcome::Queued(letter));
    }
    Ok(match find(connection, id).await? {
        Some(letter) if letter.status == LetterStatus::Superseded.as_str() => ResendOutcome::Superseded,
        Some(sending) => ResendOutcome::Queued(sending),
        None => ResendOutcome::Missing,
    })
}

/// A letter.
///
/// # Errors
/// Those of the database.
pub(crate) async fn find(connection: &mut AsyncPgConnection, id: LetterId) -> QueryResult<Option<LetterRow>> {
    letters::table.find(id.0).select(LetterRow::as_select()).first(connection).await.optional()
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
    let mut query =
        letters::table.select(LetterRow::as_select()).order(letters::id.desc()).limit(limit).into_boxed();
    if let Some(status) = filter.status {
        query = query.filter(letters::status.eq(status.as_str()));
    }
    if let Some(recipient) = &filter.recipient {
        query = query.filter(lower(letters::recipient).eq(lower(recipient)));
    }
    if let Some(template) = filter.template {
        query = query.filter(letters::template.eq(template.as_str()));
    }
    if let Some(before) = before {
        query = query.filter(letters::id.lt(before));
    }
    query.load(connection).await
}

fn text(literal: &str) -> SqlLiteral<Text> {
    sql::<Text>(literal)
}

/// An instant of the database's clock. Longer delays than 292,000 years are not asked for.
fn from_now(
    delay: Duration,
) -> diesel::expression::UncheckedBind<SqlLiteral<Timestamptz>, diesel::dsl::AsExprOf<PgInterval, Interval>> {
    let micros = i64::try_from(delay.as_micros()).unwrap_or(i64::MAX);
    sql::<Timestamptz>("now() + ").bind::<Interval, _>(PgInterval::from_microseconds(micros))
}
