//! `POST /bookings/lookup`: a booking by its locator and a family name.

use super::{
    PRIVATE, Reading,
    access_token::{AccessTokens, LIFETIME},
    bookings::redacted,
    lookup_limit::{Attempt, Lookups},
};
use crate::{
    deadline,
    domain::{
        locator::Locator,
        name::{NAME_LENGTH, fold, normalised},
    },
    store::{passengers, presented},
};
use actix_web::{HttpRequest, HttpResponse, http::header, web};
use serde::Serialize;
use shared::{
    auth::is_exempt,
    db::DbError,
    events::BookingState,
    http::{Body, Code, FromJson, NoParameters, Object, Problem, ProblemBody},
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
    fn read(object: &mut Object<'_>) -> Option<Self> {
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
pub(crate) struct FoundBooking {
    /// Without contact and dates of birth.
    booking: BookingState,
    /// Opens this booking, and nothing else, for reading.
    access_token: String,
    /// Seconds.
    expires_in: i64,
}

/// Finds a booking without a login. Ten failures an hour per address and locator, a hundred per address;
/// of IPv6 the first 64 bits count. The permission `limits:exempt` lifts both.
#[utoipa::path(
    post, path = "/api/v1/bookings/lookup", tag = "bookings", request_body = LookupSchema,
    responses(
        (status = 200, description = "The booking, and a token that reads it", body = FoundBooking),
        (status = 404, description = "There is no such booking with that name", body = ProblemBody, content_type = "application/problem+json"),
        (status = 429, description = "Too many failures", body = ProblemBody, content_type = "application/problem+json"),
    ),
)]
pub(crate) async fn lookup(
    request: HttpRequest,
    _: NoParameters,
    body: Body<Lookup>,
    (lookups, reading, tokens): (web::Data<Lookups>, web::Data<Reading>, web::Data<AccessTokens>),
) -> Result<HttpResponse, Problem> {
    let asked = body.value;
    let attempt = match is_exempt(&request).await {
        true => None,
        false => Some(lookups.begin(&request, asked.locator.as_ref())?),
    };
    let found = deadline::in_time(find(&reading, &asked)).await;
    if !matches!(found, Ok(None)) {
        // Found, or a fault of ours: nobody has guessed.
        attempt.into_iter().for_each(Attempt::take_back);
    }
    let found = found?.ok_or_else(|| Problem::new(Code::NotFound))?;
    let access_token = tokens.issue(found.id)?;
    let found = FoundBooking { booking: redacted(found), access_token, expires_in: LIFETIME };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(found))
}

/// Whoever asks for a locator that no booking has waits as long as who has only the name wrong: both
/// cost the same statement, and no more.
async fn find(reading: &Reading, asked: &Lookup) -> Result<Option<BookingState>, DbError> {
    let Some(locator) = &asked.locator else { return Ok(None) };
    let mut connection = reading.pool.get().await?;
    let travellers = passengers::by_locator(&connection, locator).await?;
    let name = fold(&asked.family_name);
    let Some((id, _)) = travellers.into_iter().find(|(_, family)| family.folded() == name) else {
        return Ok(None);
    };
    let found = presented::find(&mut connection, &reading.flights, id).await?;
    Ok(found.map(|(_, state)| state))
}
