//! Bookings as handlers read them.

use super::{access_token::BookingViewer, answers::tag};
use crate::{
    actors::sales::InstanceSales,
    deadline,
    store::{
        flight_cache::FlightCache,
        presented::{self, Presented},
    },
};
use actix_web::{HttpRequest, http::header};
use booking_engine::{
    booking::record::Booking,
    ledger::{command::BookingRef, staff::StaffAuthor},
    ports::RequestContext,
};
use shared::{
    auth::{Caller, Permission},
    db::Pool,
    events::BookingState,
    http::{Code, Problem, RequestId, require_match},
    ids::BookingId,
};
use std::borrow::Cow;

/// What the handlers read from.
#[derive(Clone)]
pub(crate) struct BookingReader {
    pub(crate) pool: Pool,
    pub(crate) flights: FlightCache,
}

impl BookingReader {
    /// A booking.
    ///
    /// # Errors
    /// `not_found`; those of the database.
    pub(super) async fn find(&self, id: BookingId, context: RequestContext) -> Result<Presented, Problem> {
        let find = async {
            let mut connection = self.pool.get().await?;
            Ok(presented::find(&mut connection, &self.flights, id).await?)
        };
        let found = deadline::until(context.deadline, find).await?;
        found.ok_or_else(|| Problem::new(Code::NotFound))
    }

    /// A booking that the viewer may see: its own, anybody's with the permission, or the one that a look-up has opened.
    ///
    /// # Errors
    /// `not_found`; those of the database.
    pub(super) async fn readable(
        &self,
        id: BookingId,
        viewer: &BookingViewer,
        context: RequestContext,
    ) -> Result<Presented, Problem> {
        let found = self.find(id, context).await?;
        let is_visible = match viewer {
            BookingViewer::User(caller) => {
                found.0.owner_id == caller.user_id() || caller.may(Permission::BookingReadAny)
            }
            BookingViewer::Guest(opened) => *opened == found.0.id,
        };
        if is_visible { Ok(found) } else { Err(Problem::new(Code::NotFound)) }
    }

    /// A booking that the caller may change: its own, or anybody's with the permission.
    ///
    /// # Errors
    /// `forbidden` for who may only see it, `not_found` for the others; those of the database.
    pub(super) async fn changeable(
        &self,
        id: BookingId,
        caller: &Caller,
        context: RequestContext,
    ) -> Result<Presented, Problem> {
        let found = self.find(id, context).await?;
        if found.0.owner_id == caller.user_id() || caller.may(Permission::BookingWriteAny) {
            return Ok(found);
        }
        match caller.may(Permission::BookingReadAny) {
            true => Err(Problem::new(Code::Forbidden)),
            false => Err(Problem::new(Code::NotFound)),
        }
    }
}

/// Sales by this caller: of another's booking they are those of staff, which the audit log shows.
pub(super) fn acting<'a>(
    sales: &'a InstanceSales,
    booking: &Booking,
    caller: &Caller,
    RequestId(request_id): &RequestId,
) -> Cow<'a, InstanceSales> {
    let actor = caller.user_id();
    match booking.owner_id == actor {
        true => Cow::Borrowed(sales),
        false => Cow::Owned(sales.by_staff(StaffAuthor { actor, request_id: request_id.clone() })),
    }
}

/// The booking as the caller knows it: with `If-Match` only as it is now.
///
/// # Errors
/// `precondition_failed`.
pub(super) fn matching(request: &HttpRequest, state: &BookingState) -> Result<BookingRef, Problem> {
    require_match(request, &tag(state)?)?;
    let version = request.headers().contains_key(header::IF_MATCH).then_some(state.version);
    Ok(BookingRef { booking: state.id, version })
}
