//! `GET /admin/stats`.

use super::deps::StaffDeps;
use crate::{
    deadline::within,
    domain::stats::{InvalidPeriod, Period, Stats},
    http::cache_control::PRIVATE,
    store::{presented, stats},
};
use actix_web::{HttpResponse, http::header, web};
use diesel_async::AsyncPgConnection;
use shared::{
    auth::{Permitted, required},
    calendar_date::CalendarDate,
    db::DbError,
    http::{Code, FieldError, Problem, QueryParameters},
};
use std::time::Duration;

/// When to come back while other reports run.
const SOON: Duration = Duration::from_secs(5);

/// How long a report may take: a little less than the gateway waits.
const REPORT: Duration = Duration::from_secs(25);

/// Read the figures of the business
///
/// For a period of at most 366 days in UTC, both ends included; the last 30 days by default. `flights` are those
/// that depart in the period, with the seats held and sold on them now. `revenue` is the money booked in the period,
/// for departures of any day. `pace` counts the bookings made and confirmed on each day. `holds` counts the holds of
/// now.
#[utoipa::path(
    get, path = "/api/v1/admin/stats", tag = "staff", security(("bearer" = ["report:read"])),
    params(
        ("from" = Option<NaiveDate>, Query, description = "The first day; else 29 days before `to`"),
        ("to" = Option<NaiveDate>, Query, description = "The last day; else 29 days after `from`, or today"),
    ),
    responses(
        (status = 200, description = "The figures", body = Stats),
        (status = 503, description = "overloaded: other reports run on this instance"),
    ),
)]
pub(crate) async fn get(
    _: Permitted<required::ReportRead>,
    mut parameters: QueryParameters,
    staff: web::Data<StaffDeps>,
) -> Result<HttpResponse, Problem> {
    let from = parameters.optional::<CalendarDate>("from").map(|date| date.0);
    let to = parameters.optional::<CalendarDate>("to").map(|date| date.0);
    parameters.finish()?;
    let busy = |_| Problem::new(Code::Overloaded).detail("Other reports are running.").retry_after(SOON);
    let _turn = staff.reports.try_acquire().map_err(busy)?;
    // Not of the pool, whose connections look rows up by their keys: this reads much of the tables, and
    // may take a while.
    let read = async |connection: &mut AsyncPgConnection| {
        let now = presented::now(connection).await?;
        let period = match Period::new(from, to, now.date_naive()) {
            Ok(period) => period,
            Err(error) => return Ok(Err(error)),
        };
        let figures = stats::count(connection, period, now).await?;
        Ok::<_, diesel::result::Error>(Ok((period, figures)))
    };
    let reading = async {
        let connected = staff.database.connect().await;
        let mut connection = connected.map_err(|error| DbError::Unavailable(Box::new(error)))?;
        let mut snapshot = connection.build_transaction().repeatable_read().read_only();
        snapshot.run(read).await.map_err(DbError::from)
    };
    let (period, figures) = within(REPORT, reading).await?.map_err(|error| {
        let parameter = match error {
            InvalidPeriod::OutOfRange if to.is_none() => "from",
            _ => "to",
        };
        Problem::validation(vec![FieldError::parameter(parameter, error)])
    })?;
    let stats = Stats::new(period, &figures, staff.currency);
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(stats))
}
