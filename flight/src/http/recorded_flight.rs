//! A flight as answers show it and as the audit log records it.

use crate::{
    domain::flight::{Flight, FlightView},
    store::flights::{self, SOURCE},
};
use chrono::Utc;
use diesel::QueryResult;
use diesel_async::AsyncPgConnection;
use shared::{
    auth::AuditAuthor,
    http::{Code, Problem},
    outbox,
};

/// Records a write of a flight in its transaction: `before` is `None` for what was made, `after` for what was removed.
pub(super) async fn record(
    connection: &mut AsyncPgConnection,
    (author, act): (&AuditAuthor, &str),
    before: Option<&FlightView>,
    after: Option<&FlightView>,
) -> QueryResult<()> {
    let id = before.or(after).map_or_else(String::new, |flight| flight.id.to_string());
    let event = author.change(&format!("flight.{act}"), format!("flight/{id}"), before, after).event(SOURCE);
    outbox::append(connection, &[event]).await
}

/// A flight as the contract shows it, with its seats.
pub(super) async fn present(
    connection: &mut AsyncPgConnection,
    flight: &Flight,
) -> Result<FlightView, Problem> {
    let counted = flights::with_seats(connection, vec![flight.clone()]).await?;
    let view = counted.first().map(|counted| counted.view(Utc::now()));
    view.ok_or_else(|| Problem::new(Code::NotFound))
}
