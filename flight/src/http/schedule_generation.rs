//! `POST /admin/schedules/{id}/generate`: the flights of a schedule at once, or what would become of them.

use super::{
    CommittedChanges, cache_control::PRIVATE, deletion::close_and_delete, permitted::FlightWriter,
    preconditions::IfMatch,
};
use crate::{
    booking::BookingClient,
    domain::{
        flight::Flight,
        schedule_generation::{ExistingFlight, ScheduleConflict, ScheduleWarning},
    },
    store::{
        flights::{self, SOURCE},
        schedules::{self, GeneratedFlights, StoredSchedule},
    },
};
use actix_web::{HttpResponse, http::header, web};
use chrono::{DateTime, NaiveDate, Utc};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use serde::Serialize;
use serde_json::json;
use shared::{
    auth::AuditAuthor,
    db::Pool,
    flight_time::FlightTime,
    http::{Body, Code, EmptyBody, Id, Problem, QueryParameters},
    iata::Registration,
    ids::{FlightId, ScheduleId},
    outbox,
};
use utoipa::ToSchema;

/// A flight that was made, changed or removed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct GeneratedFlight {
    /// The date of the departure, local to the origin.
    #[schema(value_type = String, format = Date)]
    date: NaiveDate,
    /// Its id; null where a dry run would make it.
    flight_id: Option<FlightId>,
    /// When it leaves.
    departure: FlightTime,
    /// When it arrives.
    arrival: FlightTime,
    /// What flies it.
    airplane: Registration,
}

impl GeneratedFlight {
    fn of(flight: &Flight) -> Self {
        Self {
            date: flight.departure.local.date(),
            flight_id: Some(flight.id),
            departure: flight.departure.clone(),
            arrival: flight.arrival.clone(),
            airplane: flight.airplane.clone(),
        }
    }
}

/// The result of a generation, or of its dry run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Generation {
    /// Flights that were made.
    created: Vec<GeneratedFlight>,
    /// Flights that were changed, as they are now.
    changed: Vec<GeneratedFlight>,
    /// Flights without bookings on dates that the schedule has no more.
    removed: Vec<GeneratedFlight>,
    /// How many flights were as they should be.
    unchanged: usize,
    /// What stands in the way, by date.
    conflicts: Vec<ScheduleConflict>,
    /// Flights whose airplane is elsewhere before they leave.
    warnings: Vec<ScheduleWarning>,
}

/// How a generation ends without its flights.
enum Attempt {
    /// It was a dry run: everything is rolled back.
    Dry(Box<Generated>),
    /// It failed.
    Refused(Problem),
}

impl From<diesel::result::Error> for Attempt {
    fn from(error: diesel::result::Error) -> Self {
        Self::Refused(error.into())
    }
}

/// The result of the transaction of a generation.
struct Generated {
    flights: GeneratedFlights,
    conflicts: Vec<ScheduleConflict>,
    warnings: Vec<ScheduleWarning>,
}

/// Generate the flights of a schedule
///
/// Of the whole season: makes those that are missing, changes those that nobody else has changed, deletes those without
/// bookings on dates that the schedule has no more, and lists all others as conflicts. Doing it again changes nothing. A
/// dry run answers the same and changes nothing.
#[utoipa::path(
    post,
    path = "/api/v1/admin/schedules/{id}/generate",
    tag = "schedules",
    security(("bearer" = ["flight:write"])),
    params(
        ("id" = ScheduleId, Path),
        ("dry_run" = Option<bool>, Query, description = "`true` changes nothing"),
    ),
    responses(
        (status = 200, description = "What was done", body = Generation),
        (status = 412, description = "The schedule was changed meanwhile"),
        (status = 503, description = "Booking cannot be asked now whether flights may go"),
    )
)]
pub(crate) async fn generate(
    staff: FlightWriter,
    mut parameters: QueryParameters,
    Id(id): Id<ScheduleId>,
    precondition: IfMatch,
    _: Body<EmptyBody>,
    (pool, changes): (web::Data<Pool>, web::Data<CommittedChanges>),
    booking: web::Data<BookingClient>,
) -> Result<HttpResponse, Problem> {
    let dry_run = parameters.optional("dry_run").unwrap_or(false);
    parameters.finish()?;
    let mut withdrawn = Withdrawn::default();
    let asked = GenerationOrder { id, now: Utc::now(), dry_run, precondition };
    let generated = match run(staff.author(), &asked, (&pool, &booking), &mut withdrawn).await {
        Ok(generated) => generated,
        Err(problem) => {
            // Flights that were deleted before are gone all the same.
            changes.committed(withdrawn.gone).await;
            return Err(problem);
        }
    };
    let mut created: Vec<_> = generated.flights.created.iter().map(GeneratedFlight::of).collect();
    if dry_run {
        created.iter_mut().for_each(|flight| flight.flight_id = None);
    }
    created.sort_by_key(|flight| flight.date);
    let answer = Generation {
        created,
        changed: generated.flights.changed.iter().map(GeneratedFlight::of).collect(),
        removed: withdrawn.gone.iter().map(GeneratedFlight::of).collect(),
        unchanged: generated.flights.unchanged,
        conflicts: generated.conflicts,
        warnings: generated.warnings,
    };
    if !dry_run {
        changes.committed(generated.flights.news().into_iter().chain(withdrawn.gone).collect()).await;
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PRIVATE)).json(answer))
}

/// What is asked for.
struct GenerationOrder {
    id: ScheduleId,
    now: DateTime<Utc>,
    dry_run: bool,
    precondition: IfMatch,
}

/// What became of flights on dates that a schedule has no more.
#[derive(Default)]
struct Withdrawn {
    /// Those that were deleted; in a dry run, those that would be.
    gone: Vec<Flight>,
    with_bookings: Vec<FlightId>,
}

/// Deletes what the schedule has no more, and generates the rest.
async fn run(
    author: &AuditAuthor,
    order: &GenerationOrder,
    (pool, booking): (&Pool, &BookingClient),
    withdrawn: &mut Withdrawn,
) -> Result<Generated, Problem> {
    let orphans = {
        let mut connection = pool.get().await?;
        let found = schedules::find(&mut connection, order.id).await?;
        let stored = found.ok_or_else(|| Problem::new(Code::NotFound))?;
        order.precondition.check(stored.version)?;
        removable(schedules::orphans(&mut connection, &stored, order.now).await?)
    };
    match order.dry_run {
        true => ask_for_bookings(orphans, booking, withdrawn).await?,
        false => withdraw(author, orphans, (pool, booking), withdrawn).await?,
    }
    let run = GenerationRun { order, withdrawn };
    let mut connection = pool.get().await?;
    let attempt = (*connection)
        .transaction(async |connection: &mut AsyncPgConnection| run.attempt(connection, author).await)
        .await;
    match attempt {
        Ok(generated) => Ok(generated),
        Err(Attempt::Dry(generated)) => Ok(*generated),
        Err(Attempt::Refused(problem)) => Err(problem),
    }
}

/// Deletes flights on dates that a schedule has no more, each as staff would: those with bookings stay, and those that
/// staff have taken over.
async fn withdraw(
    author: &AuditAuthor,
    orphans: Vec<Flight>,
    (pool, booking): (&Pool, &BookingClient),
    withdrawn: &mut Withdrawn,
) -> Result<(), Problem> {
    for flight in orphans {
        let as_read = IfMatch::version(flight.version);
        match close_and_delete(author, (flight.id, &as_read), pool, booking).await {
            Ok(gone) => withdrawn.gone.extend(gone),
            Err(problem) if problem.code() == Code::Conflict => withdrawn.with_bookings.push(flight.id),
            // It was deleted, or staff have taken it over.
            Err(problem) if matches!(problem.code(), Code::NotFound | Code::PreconditionFailed) => {}
            Err(problem) => return Err(problem),
        }
    }
    Ok(())
}

/// Finds which flights would be deleted.
async fn ask_for_bookings(
    orphans: Vec<Flight>,
    booking: &BookingClient,
    withdrawn: &mut Withdrawn,
) -> Result<(), Problem> {
    for flight in orphans {
        match booking.impact(flight.id, None).await?.bookings {
            0 => withdrawn.gone.push(flight),
            _ => withdrawn.with_bookings.push(flight.id),
        }
    }
    Ok(())
}

fn removable(orphans: Vec<ExistingFlight>) -> Vec<Flight> {
    let free = orphans.into_iter().filter(|orphan| orphan.taken_over().is_none());
    free.map(|orphan| orphan.flight).collect()
}

struct GenerationRun<'a> {
    order: &'a GenerationOrder,
    withdrawn: &'a Withdrawn,
}

impl GenerationRun<'_> {
    async fn attempt(
        &self,
        connection: &mut AsyncPgConnection,
        author: &AuditAuthor,
    ) -> Result<Generated, Attempt> {
        let found = schedules::lock(connection, self.order.id).await?;
        let stored = found.ok_or_else(|| Attempt::Refused(Problem::new(Code::NotFound)))?;
        self.order.precondition.check(stored.version).map_err(Attempt::Refused)?;
        if self.order.dry_run {
            self.delete_again(connection, &stored).await?;
        }
        let generated = self.generate(connection, &stored).await?;
        if self.order.dry_run {
            return Err(Attempt::Dry(Box::new(generated)));
        }
        let summary = json!({
            "created": generated.flights.created.len(), "changed": generated.flights.changed.len(),
            "unchanged": generated.flights.unchanged, "conflicts": generated.conflicts.len(),
        });
        let subject = format!("schedule/{}", self.order.id);
        let event = author.change("schedule.generate", subject, None, Some(&summary));
        outbox::append(connection, &[event.event(SOURCE)]).await?;
        Ok(generated)
    }

    /// Deletes in a dry run what the run itself deletes beforehand: airplanes and numbers are free then. Locks in the order of all
    /// writers: reference data, then flights by id.
    async fn delete_again(
        &self,
        connection: &mut AsyncPgConnection,
        stored: &StoredSchedule,
    ) -> Result<(), Attempt> {
        let route = [&stored.schedule.origin, &stored.schedule.destination];
        flights::hold_references(connection, &[&stored.schedule.flight_number], &route).await?;
        let mut ids: Vec<FlightId> = self.withdrawn.gone.iter().map(|flight| flight.id).collect();
        ids.sort_unstable();
        for id in ids {
            if let Some(flight) = flights::lock(connection, id).await? {
                flights::delete(connection, &flight).await?;
            }
        }
        Ok(())
    }

    async fn generate(
        &self,
        connection: &mut AsyncPgConnection,
        stored: &StoredSchedule,
    ) -> Result<Generated, Attempt> {
        let GenerationOrder { id, now, .. } = *self.order;
        // A person asks for the whole season, with the dates whose flight was deleted.
        flights::forget_removed(connection, id).await?;
        let until = stored.schedule.effective_to;
        let dates = stored.schedule.dates(schedules::first_date(now), until);
        let mut flights = schedules::generate(connection, stored, dates, now).await?;
        let conflicts = std::mem::take(&mut flights.conflicts);
        let with_bookings = &self.withdrawn.with_bookings;
        let conflicts =
            schedules::note_whole(connection, stored, (until, now), conflicts, with_bookings).await?;
        let own = flights::of_schedule(connection, id, now).await?;
        let own: Vec<Flight> = own.into_iter().map(|own| own.flight).collect();
        let warnings = schedules::warnings(connection, &own).await?;
        Ok(Generated { flights, conflicts, warnings })
    }
}
