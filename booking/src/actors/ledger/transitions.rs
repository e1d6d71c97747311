//! Commands about bookings that exist: which is whose, and the end of holds.

use super::{
    airline, amendments,
    batch::{Item, Verdict, Work},
    cancellations,
    changes::present,
    command::{Command, Outcome},
    payments,
    tables::Tables,
};
use booking_engine::booking::{presentation::ShownBooking, record::Booking, refusal::Refusal};
use diesel::QueryResult;
use shared::{
    events::{BookingAction, EventType},
    ids::BookingId,
    trace::TraceContext,
};

/// What a transition comes to: the booking as it was told, where there was anything to tell.
pub(super) type Transition = Result<Option<ShownBooking>, Refusal>;

/// Carries out the commands about existing bookings, in their order, but those that take what others give
/// back.
pub(super) async fn run(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let later = |command: &Command| {
        matches!(command, Command::Claim(_) | Command::ChangeSeats { .. } | Command::CorrectName { .. })
    };
    carry_out_those(tables, work, |command| !later(command)).await
}

/// Corrects names, in their order, when the places of those who have left their flights are free.
pub(super) async fn correct_names(tables: &mut impl Tables, work: &mut Work<'_>) -> QueryResult<()> {
    let correction = |command: &Command| matches!(command, Command::CorrectName { .. });
    carry_out_those(tables, work, correction).await
}

async fn carry_out_those(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    chosen: impl Fn(&Command) -> bool,
) -> QueryResult<()> {
    let items = work.items;
    for (index, (command, trace)) in items.iter().enumerate() {
        if work.verdicts[index].is_some() || !chosen(command) {
            continue;
        }
        let id = command.booking();
        // Taken out, so that it and the rest can be changed; put back whatever comes.
        let Some(mut booking) = work.bookings.remove(&id) else {
            work.refuse(index, Refusal::NotFound);
            continue;
        };
        let outcome = match command.version().is_some_and(|version| version != booking.version) {
            true => Outcome::Refused(Refusal::Stale),
            false => carry_out(tables, work, &mut booking, (command, *trace)).await?,
        };
        work.bookings.insert(id, booking);
        work.verdicts[index] = Some(Verdict::Answer(outcome));
    }
    Ok(())
}

/// Carries out a command about a booking.
async fn carry_out(
    tables: &mut impl Tables,
    work: &mut Work<'_>,
    booking: &mut Booking,
    (command, trace): Item<'_>,
) -> QueryResult<Outcome> {
    let result = match command {
        Command::Pay { payment, key, .. } => {
            payments::pay(work, booking, payment, key.as_ref()).map(|()| None)
        }
        Command::Confirm { payment, .. } => payments::confirm(tables, work, booking, *payment, trace).await?,
        Command::Decline { payment, void, .. } => payments::decline(work, booking, *payment, *void, trace)?,
        Command::Quote { quote, key, .. } => {
            return Ok(match cancellations::quote(work, booking, *quote, key.as_ref()) {
                Ok(quote) => Outcome::Quoted(quote, booking.currency),
                Err(refusal) => Outcome::Refused(refusal),
            });
        }
        Command::Cancel { quote, key, .. } => {
            let allowed = booking.stage(work.now).allows(BookingAction::Cancel);
            let known = match quote {
                // Not looked for where it does not matter.
                Some(id) if allowed.is_ok() => Some(tables.find_quote(*id).await?),
                _ => None,
            };
            match (allowed, known) {
                (Err(refusal), _) => Err(refusal),
                (Ok(()), Some(None)) => Err(Refusal::QuoteExpired),
                (Ok(()), quote) => {
                    cancellations::cancel(work, booking, quote.flatten().as_ref(), key.as_ref(), trace)?
                }
            }
        }
        Command::ChangeContact { patch, .. } => amendments::change_contact(work, booking, patch, trace)?,
        Command::CorrectName { correction, .. } => {
            amendments::correct_name(tables, work, booking, correction, trace).await?
        }
        Command::CancelByAirline { flight, .. } => airline::cancel(work, booking, *flight, trace)?,
        Command::Reschedule { flight, version, .. } => {
            airline::reschedule(work, booking, (*flight, *version), trace)?
        }
        Command::Expire { .. } => Ok(end(work, booking, trace)?),
        Command::Claim(_) | Command::ChangeSeats { .. } => Ok(None),
    };
    match result {
        Ok(Some(told)) => Ok(Outcome::Done(told)),
        Ok(None) => present(booking, &work.flights, work.now).map(Outcome::Done),
        Err(refusal) => Ok(Outcome::Refused(refusal)),
    }
}

/// Ends a hold whose time is over; gives the booking as it was told, if it was one.
pub(super) fn end(
    work: &mut Work<'_>,
    booking: &mut Booking,
    trace: Option<TraceContext>,
) -> QueryResult<Option<ShownBooking>> {
    if !booking.expire(work.now) {
        return Ok(None);
    }
    work.occupancy.free(booking);
    work.changes.booking(booking);
    let state = present(booking, &work.flights, work.now)?;
    work.changes.tell_of(EventType::BookingExpired, &state, trace);
    Ok(Some(state))
}

/// Ends a hold that stands in the way of a claim, if it has really ended.
pub(super) fn expire(work: &mut Work<'_>, id: BookingId, trace: Option<TraceContext>) -> QueryResult<()> {
    let Some(mut booking) = work.bookings.remove(&id) else { return Ok(()) };
    let ended = end(work, &mut booking, trace);
    work.bookings.insert(id, booking);
    ended.map(drop)
}
