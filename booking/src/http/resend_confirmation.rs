//! `POST /bookings/{id}/resend-confirmation`: the confirmation once more, to the contact that the booking has now.
//!
//! What is written is an event, and the mailer makes a letter of it, as of all events. The event tells of the request and
//! not of the booking, which stays as it is: its subject is the request. So the letter is a new one for the mailer and
//! for the traveller's mail program, with a Message-ID of its own.

use super::{
    answers::answer,
    booking_reader::{BookingReader, matching},
    keyed::{Keyed, KeyedRequest},
    letter_limit::{CountedLetters, of_change},
};
use crate::{
    actors::sales::InstanceSales,
    deadline,
    error::failed,
    http::context::Context,
    store::{
        bookings,
        confirmation_requests::{self, RequestCount, WINDOW},
        keys, presented,
    },
};
use actix_web::{HttpRequest, HttpResponse, http::StatusCode, web};
use booking_engine::{
    booking::{
        idempotency::{Key, StoredAnswer},
        presentation::ShownBooking,
        refusal::Refusal,
    },
    ledger::{
        command::BookingRef,
        rows::{KeyAnswer, KnownKey},
    },
    sell::outcome::SalesOutcome,
};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use shared::{
    auth::{AuditAuthor, Caller, Permission},
    db::DbError,
    events::{BookingState, BookingStatus, Event, EventType},
    http::{Code, EmptyBody, FromJson, Id, Problem, Quota, RequestId},
    ids::{BookingId, EventId},
    outbox::{self, RelayHandle},
};
use std::time::Duration;

/// Requests for the confirmation of a booking.
const CONFIRMATIONS: Quota = Quota { name: "confirmations", requests: 3, window: Some(WINDOW) };

/// What becomes of a request.
enum Resent {
    /// It is done, was done before, or is refused.
    Answered(SalesOutcome),
    /// The booking has no confirmation.
    Unconfirmed(BookingStatus),
    /// There were too many. After this time there may be another.
    TooMany(Duration),
    /// There is no such booking any more.
    Missing,
}

/// Why the transaction of a request is rolled back: with what becomes of it, or with an error.
enum Undone {
    Resent(Box<Resent>),
    Failed(diesel::result::Error),
}

impl From<diesel::result::Error> for Undone {
    fn from(error: diesel::result::Error) -> Self {
        Self::Failed(error)
    }
}

impl From<Resent> for Undone {
    fn from(resent: Resent) -> Self {
        Self::Resent(Box::new(resent))
    }
}

/// Who asks for which confirmation.
struct ConfirmationRequest {
    at: BookingRef,
    key: Option<Key>,
    /// Set where staff ask for another's: the audit log tells it.
    author: Option<AuditAuthor>,
    is_exempt: bool,
}

/// Send the confirmation of a booking again
///
/// To the contact that the booking has now, as a letter of its own. Three requests an hour for each booking; the letter
/// counts among those that the account causes. The permission `limits:exempt` lifts both limits.
#[utoipa::path(
    post, path = "/api/v1/bookings/{id}/resend-confirmation", tag = "bookings", security(("bearer" = [])),
    params(
        ("id" = String, Path, description = "The booking"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible characters"),
    ),
    responses(
        (status = 202, description = "The letter will be sent. The booking as it is", body = BookingState),
        (status = 404, description = "There is no such booking for this caller"),
        (status = 409, description = "conflict: the booking is not paid yet; hold_expired, already_cancelled, idempotency_in_progress"),
        (status = 412, description = "The booking was changed meanwhile"),
        (status = 429, description = "rate_limited: the confirmation was sent three times in the last hour, or too many letters went to addresses other than the account's own"),
    ),
)]
pub(crate) async fn resend(
    request: HttpRequest,
    request_id: RequestId,
    id: Id<BookingId>,
    keyed: KeyedRequest,
    Context(context): Context,
    (sales, reading, relay): (web::Data<InstanceSales>, web::Data<BookingReader>, web::Data<RelayHandle>),
) -> Result<HttpResponse, Problem> {
    let Keyed { caller, value: EmptyBody, key } = keyed.read(EmptyBody::read)?;
    let (booking, state) = reading.changeable(id.0, &caller, context).await?;
    if let Some(key) = &key
        && let Some(known) = sales.known(key, context).await.map_err(failed)?
    {
        return answer(known, StatusCode::ACCEPTED, &request_id);
    }
    let asked = ConfirmationRequest {
        at: matching(&request, &state)?,
        key,
        author: author(&caller, &state, &request_id),
        is_exempt: caller.may(Permission::LimitsExempt),
    };
    if state.status != BookingStatus::Confirmed {
        return Err(unconfirmed(state.status));
    }
    let caused = of_change(&caller, &booking.contact.email, (1, 0));
    let letters = match caused {
        ..=0 => None,
        caused => Some(CountedLetters::count_always((&reading.pool, context), &caller, caused).await?),
    };
    let resent = deadline::until(context.deadline, request_confirmation(&reading, asked)).await?;
    let is_done = matches!(resent, Resent::Answered(SalesOutcome::Done(_)));
    if let Some(letters) = letters {
        letters.keep(&reading.pool, if is_done { caused } else { 0 }).await;
    }
    if is_done {
        relay.nudge();
    }
    match resent {
        Resent::Answered(outcome) => answer(outcome, StatusCode::ACCEPTED, &request_id),
        Resent::Unconfirmed(status) => Err(unconfirmed(status)),
        Resent::TooMany(left) => Err(Problem::rate_limited(&CONFIRMATIONS, left)
            .detail("The confirmation of this booking was sent three times in the last hour.")),
        Resent::Missing => Err(Problem::new(Code::NotFound)),
    }
}

/// The author for the audit log, where the booking is another's.
fn author(caller: &Caller, state: &BookingState, request_id: &RequestId) -> Option<AuditAuthor> {
    (state.owner_id != caller.user_id()).then(|| AuditAuthor::new(caller, request_id))
}

fn unconfirmed(status: BookingStatus) -> Problem {
    match status {
        BookingStatus::Cancelled => Problem::new(Code::AlreadyCancelled),
        BookingStatus::Expired => Problem::new(Code::HoldExpired),
        BookingStatus::Held | BookingStatus::Confirmed => {
            Problem::new(Code::Conflict).detail("The booking is not paid yet: it has no confirmation.")
        }
    }
}

/// Carries a request out, whatever becomes of its HTTP request.
async fn request_confirmation(
    reading: &BookingReader,
    asked: ConfirmationRequest,
) -> Result<Resent, DbError> {
    let reading = reading.clone();
    // A task of its own: nobody drops its transaction midway.
    let task = actix_web::rt::spawn(async move {
        let mut connection = reading.pool.get().await?;
        let connection: &mut AsyncPgConnection = &mut connection;
        let write = async |connection: &mut AsyncPgConnection| write(connection, &reading, &asked).await;
        match connection.transaction(write).await {
            Ok(outcome) => Ok(Resent::Answered(outcome)),
            Err(Undone::Resent(resent)) => Ok(*resent),
            Err(Undone::Failed(error)) => Err(error.into()),
        }
    });
    task.await.unwrap_or_else(|panic| Err(DbError::Unavailable(panic.into())))
}

/// Writes the event, the count, the answer of the key, and for staff the audit record.
async fn write(
    connection: &mut AsyncPgConnection,
    reading: &BookingReader,
    asked: &ConfirmationRequest,
) -> Result<SalesOutcome, Undone> {
    let id = asked.at.booking;
    if let Some(key) = &asked.key
        && keys::bind(connection, &[(key, id)]).await?.is_empty()
    {
        return Err(Resent::Answered(known(connection, key).await?).into());
    }
    // What is told is true when it is committed: changes of the booking wait.
    bookings::lock_shared(connection, id).await?;
    let found = bookings::load(connection, &[id.0]).await?;
    let (_, state) =
        presented::present(connection, &reading.flights, found).await?.pop().ok_or(Resent::Missing)?;
    if state.status != BookingStatus::Confirmed {
        return Err(Resent::Unconfirmed(state.status).into());
    }
    if asked.at.version.is_some_and(|version| version != state.version) {
        return Err(Resent::Answered(SalesOutcome::Refused(Refusal::Stale)).into());
    }
    if !asked.is_exempt {
        let most = i32::try_from(CONFIRMATIONS.requests).unwrap_or(i32::MAX);
        if let RequestCount::TooMany(left) = confirmation_requests::count(connection, id, most).await? {
            return Err(Resent::TooMany(left).into());
        }
    }
    // The request has no id but that of its event.
    let mut events = vec![Event::new("booking", EventType::ConfirmationRequested, EventId::new(), 1, &state)];
    events.extend(asked.author.iter().map(|author| {
        author.reading("booking.resend_confirmation", format_args!("booking/{id}")).event("booking")
    }));
    outbox::append(connection, &events).await?;
    let shown = ShownBooking::from(state);
    if let Some(key) = &asked.key {
        let answer = StoredAnswer {
            status: StatusCode::ACCEPTED.as_u16().cast_signed(),
            booking: shown.text().as_str().to_owned(),
        };
        keys::answer(connection, &[KeyAnswer { scope: key.scope.clone(), booking: id, answer }]).await?;
    }
    Ok(SalesOutcome::Done(shown))
}

/// What is known of a key that another request has bound.
async fn known(connection: &AsyncPgConnection, key: &Key) -> Result<SalesOutcome, Undone> {
    Ok(match keys::find(connection, key).await? {
        Some(KnownKey::Answered(answer)) => SalesOutcome::Replay(answer),
        Some(KnownKey::OtherBody) => SalesOutcome::Refused(Refusal::KeyReused),
        // It was released meanwhile: the next request finds it free.
        Some(KnownKey::Running) | None => SalesOutcome::Refused(Refusal::KeyInProgress),
    })
}
