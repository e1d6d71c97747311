//! Commands about existing bookings: finds their bookings and carries them out.

use crate::{
    booking::{record::Booking, refusal::Refusal},
    ledger::{
        airline, amendments, cancellations,
        command::{Command, Outcome},
        expiry, payments,
        work::{BatchWork, Item, Verdict},
        write_set_builder::present,
    },
    ports::{Ids, LedgerStore},
    store_error::StoreResult,
};
use shared_types::events::BookingAction;

/// Carries out the commands about existing bookings, in their order. Changes of seats and names follow later: they may
/// take seats and passenger keys that these commands free.
pub(crate) async fn run(
    store: &impl LedgerStore,
    ids: &impl Ids,
    work: &mut BatchWork<'_>,
) -> StoreResult<()> {
    let later = |command: &Command| {
        matches!(
            command.plain(),
            Command::Claim(_) | Command::ChangeSeats { .. } | Command::CorrectName { .. }
        )
    };
    carry_out_those((store, ids), work, |command| !later(command)).await
}

/// Corrects names, in their order, after the other commands have freed passenger keys.
pub(crate) async fn correct_names(
    store: &impl LedgerStore,
    ids: &impl Ids,
    work: &mut BatchWork<'_>,
) -> StoreResult<()> {
    let correction = |command: &Command| matches!(command.plain(), Command::CorrectName { .. });
    carry_out_those((store, ids), work, correction).await
}

async fn carry_out_those(
    (store, ids): (&impl LedgerStore, &impl Ids),
    work: &mut BatchWork<'_>,
    chosen: impl Fn(&Command) -> bool,
) -> StoreResult<()> {
    let items = work.items;
    for (index, (command, trace)) in items.iter().enumerate() {
        if work.verdicts[index].is_some() || !chosen(command) {
            continue;
        }
        let id = command.booking();
        // Taken out, so that the booking and the rest can be changed; put back afterwards.
        let Some(mut booking) = work.bookings.remove(&id) else {
            work.refuse(index, Refusal::NotFound);
            continue;
        };
        let outcome = match command.version().is_some_and(|version| version != booking.version) {
            true => Outcome::Refused(Refusal::Stale),
            false => {
                let before = work.before_audit(command, &booking)?;
                let outcome = carry_out((store, ids), work, &mut booking, (command.plain(), *trace)).await?;
                work.audit((command, *trace), before.as_ref(), &outcome);
                outcome
            }
        };
        work.bookings.insert(id, booking);
        work.verdicts[index] = Some(Verdict::Answer(outcome));
    }
    Ok(())
}

/// Carries out a command about a booking.
async fn carry_out(
    (store, ids): (&impl LedgerStore, &impl Ids),
    work: &mut BatchWork<'_>,
    booking: &mut Booking,
    (command, trace): Item<'_>,
) -> StoreResult<Outcome> {
    let result = match command {
        Command::Pay { payment, key, .. } => {
            payments::pay(work, booking, payment, key.as_ref()).map(|()| None)
        }
        Command::Confirm { payment, .. } => payments::confirm(store, work, booking, *payment, trace).await?,
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
                // No query for a cancellation that is refused anyway.
                Some(id) if allowed.is_ok() => Some(store.find_quote(*id).await?),
                _ => None,
            };
            match (allowed, known) {
                (Err(refusal), _) => Err(refusal),
                (Ok(()), Some(None)) => Err(Refusal::QuoteExpired),
                (Ok(()), quote) => {
                    let quote = quote.flatten();
                    let given = (quote.as_ref(), ids.uuid().into());
                    cancellations::cancel(work, booking, given, key.as_ref(), trace)?
                }
            }
        }
        Command::ChangeContact { patch, .. } => amendments::change_contact(work, booking, patch, trace)?,
        Command::CorrectName { correction, .. } => {
            amendments::correct_name(store, work, booking, correction, trace).await?
        }
        Command::CancelByAirline { flight, .. } => {
            airline::cancel(work, booking, (*flight, ids.uuid().into()), trace)?
        }
        Command::Reschedule { flight, version, .. } => {
            airline::reschedule(work, booking, (*flight, *version), trace)?
        }
        Command::Expire { .. } => Ok(expiry::expire(work, booking, trace)?),
        Command::Claim(_) | Command::ChangeSeats { .. } | Command::ByStaff { .. } => Ok(None),
    };
    match result {
        Ok(Some(shown)) => Ok(Outcome::Done(shown)),
        Ok(None) => present(booking, &work.flights, work.now).map(Outcome::Done),
        Err(refusal) => Ok(Outcome::Refused(refusal)),
    }
}
