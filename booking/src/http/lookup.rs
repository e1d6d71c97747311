//! `POST /bookings/lookup`: a booking by its locator and a family name.

use super::{
    access_token::{AccessTokens, LIFETIME},
    booking_reader::BookingReader,
    bookings::redacted,
    cache_control::PRIVATE,
    lookup_limit::{Attempt, Lookups},
};
use crate::{
    deadline,
    http::context::Context,
    store::{passengers, presented},
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use booking_engine::{booking::locator::Locator, ports::RequestContext};
use futures_util::future::try_join;
use serde::Serialize;
use shared::{
    auth::is_exempt,
    db::DbError,
    events::BookingState,
    http::{Body, Code, FromJson, JsonReader, NoParameters, Problem},
    person_name::{NAME_LENGTH, fold, normalised},
};
use utoipa::ToSchema;

/// What is looked up.
#[derive(Debug, Clone)]
pub(crate) struct Lookup {
    /// `None`: a text that is none, and that no booking has.
    locator: Option<Locator>,
    family_name: String,
}

impl FromJson for Lookup {
    fn read(object: &mut JsonReader<'_>) -> Option<Self> {
        let locator = object.text("locator", 1..=20);
        let family_name = object.required::<String>("family_name");
        // As long as it is when it is booked.
        let family_name =
            family_name.and_then(|text| object.check_text("family_name", &normalised(&text), NAME_LENGTH));
        Some(Self { locator: locator?.parse().ok(), family_name: family_name? })
    }
}

/// What is looked up.
#[derive(Serialize, ToSchema)]
#[schema(as = Lookup)]
pub(crate) struct LookupSchema {
    #[schema(example = "K3RT7X")]
    locator: String,
    /// Of any passenger.
    #[schema(example = "Lovelace")]
    family_name: String,
}

/// A booking that was found.
#[derive(Serialize, ToSchema)]
#[schema(as = FoundBooking)]
pub(crate) struct OpenedBooking {
    /// Without contact and dates of birth.
    booking: BookingState,
    /// Opens this booking, and nothing else, for reading.
    access_token: String,
    /// Seconds.
    expires_in: i64,
}

/// Look a booking up by locator and family name
///
/// Needs no login. At most ten failures an hour for an address and a locator, and a hundred for an address; of IPv6
/// the first 64 bits count. The permission `limits:exempt` lifts both limits.
#[utoipa::path(
    post, path = "/api/v1/bookings/lookup", tag = "bookings", request_body = LookupSchema,
    responses(
        (status = 200, description = "The booking, and a token that reads it", body = OpenedBooking),
        (status = 404, description = "There is no such booking with that name"),
        (status = 429, description = "Too many failures"),
    ),
)]
pub(crate) async fn lookup(
    request: HttpRequest,
    _: NoParameters,
    body: Body<Lookup>,
    Context(context): Context,
    (lookups, reading, tokens): (web::Data<Lookups>, web::Data<BookingReader>, web::Data<AccessTokens>),
) -> Result<HttpResponse, Problem> {
    let asked = body.value;
    let attempt = match is_exempt(&request).await {
        true => None,
        false => Some(lookups.begin(&request, asked.locator.as_ref())?),
    };
    let looked = deadline::until(context.deadline, look(&reading, &asked, attempt.as_ref())).await;
    if !matches!(looked, Ok(Ok(None))) {
        // Found, refused, or a fault of ours: nobody is told that a guess was wrong.
        attempt.iter().for_each(Attempt::take_back);
    }
    let Some(found) = looked?? else { return Err(failure(&reading, attempt.as_ref(), context).await) };
    let access_token = tokens.issue(found.id)?;
    let found = OpenedBooking { booking: redacted(found), access_token, expires_in: LIFETIME };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(found))
}

/// The booking, if there is one with that name; or a refusal, whatever there is.
type Looked = Result<Option<BookingState>, Problem>;

/// Whoever asks for a locator that no booking has waits as long as who has only the name wrong: both
/// cost the same statements, and no more. Where the failures that were counted cannot be read, nothing is
/// said of the booking either: guesses that nobody counts are not answered.
async fn look(reading: &BookingReader, asked: &Lookup, attempt: Option<&Attempt>) -> Result<Looked, DbError> {
    let mut connection = reading.pool.get().await?;
    let on = &*connection;
    let allowed = async {
        match attempt {
            Some(attempt) => attempt.may_fail(on).await,
            None => Ok(Ok(())),
        }
    };
    let travellers = async {
        match &asked.locator {
            Some(locator) => passengers::by_locator(on, locator).await,
            None => Ok(Vec::new()),
        }
    };
    let (allowed, travellers) = try_join(allowed, travellers).await?;
    if let Err(problem) = allowed {
        return Ok(Err(problem));
    }
    let name = fold(&asked.family_name);
    let Some((id, _)) = travellers.into_iter().find(|(_, family)| family.folded() == name) else {
        return Ok(Ok(None));
    };
    let found = presented::find(&mut connection, &reading.flights, id).await?;
    Ok(Ok(found.map(|(_, state)| state)))
}

/// Counts a failure for all instances before it is told. Where that cannot be done a fault of ours is told
/// instead, and it stays counted on this instance: a database that answers and writes nothing lets nobody guess
/// more often than each instance allows. Who has the name right needs nothing to be written.
async fn failure(reading: &BookingReader, attempt: Option<&Attempt>, context: RequestContext) -> Problem {
    let Some(attempt) = attempt else { return Problem::new(Code::NotFound) };
    let counted = deadline::until(context.deadline, async {
        let connection = reading.pool.get().await?;
        Ok(attempt.fail(&connection).await?)
    });
    match counted.await {
        Ok(Ok(())) => Problem::new(Code::NotFound),
        Ok(Err(refused)) => refused,
        Err(error) => error.into(),
    }
}
