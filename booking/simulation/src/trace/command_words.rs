//! Commands and verdicts in words, and what they count as.

use crate::database::ModelChange;
use booking_engine::{
    booking::refusal::Refusal,
    ledger::{
        command::{Command, Outcome},
        work::Verdict,
    },
};
use shared::events::BookingStatus;

/// What a command of a committed transaction counts as. `undo`: what the transaction changed, as it was before.
pub(crate) fn counted_as(command: &Command, verdict: &Verdict, undo: &[ModelChange]) -> &'static str {
    // What was done already is answered alike.
    let has_effect = || {
        undo.iter().any(|change| match change {
            ModelChange::Booking(id, Some(before)) => *id == command.booking() && before.is_live(),
            _ => false,
        })
    };
    match (command, verdict) {
        (_, Verdict::Answer(Outcome::Replay(_))) => "replays in the ledger",
        (Command::Claim(_), Verdict::Answer(Outcome::Done(_))) => "claims won",
        (Command::Claim(_), Verdict::Answer(Outcome::Refused(Refusal::SeatTaken(_)))) => {
            "claims lost at the unique constraint"
        }
        (Command::Claim(_), Verdict::RetryAfterExpiring(_)) => "claims that lost to holds that have ended",
        (Command::Claim(_), _) => "claims refused otherwise",
        (Command::Confirm { .. }, Verdict::Answer(Outcome::Done(_))) => "confirmations",
        (Command::Confirm { .. }, _) => "confirmations too late",
        (Command::Cancel { quote: None, .. }, Verdict::Answer(Outcome::Done(_))) => "cancellations",
        (Command::Cancel { quote: None, .. }, _) => "cancellations refused",
        (Command::Cancel { .. }, Verdict::Answer(Outcome::Done(_))) => "cancellations on a quote",
        (Command::Cancel { .. }, Verdict::Answer(Outcome::Refused(Refusal::QuoteExpired))) => {
            "quotes that were good no longer"
        }
        (Command::Cancel { .. }, _) => "cancellations on a quote refused otherwise",
        (Command::Quote { .. }, Verdict::Answer(Outcome::Quoted(..))) => "quotes",
        (Command::Quote { .. }, _) => "quotes refused",
        (Command::CancelByAirline { .. }, Verdict::Answer(Outcome::Done(state))) if has_effect() => {
            match state.status == BookingStatus::Cancelled && !state.refunds.is_empty() {
                true => "bookings paid back by the airline",
                false => "holds cancelled by the airline",
            }
        }
        (Command::CancelByAirline { .. }, _) => "cancellations by the airline without effect",
        (Command::Reschedule { .. }, Verdict::Answer(Outcome::Done(state))) if has_effect() => {
            match state.status == BookingStatus::Expired {
                true => "holds ended by other times",
                false => "bookings with other times",
            }
        }
        (Command::Reschedule { .. }, _) => "other times without effect",
        (Command::ChangeSeats { .. }, Verdict::Answer(outcome)) => of_seats(outcome, has_effect),
        (Command::ChangeContact { .. }, Verdict::Answer(Outcome::Done(_))) => "changes of contacts",
        (Command::ChangeContact { .. }, _) => "changes of contacts refused",
        (Command::CorrectName { .. }, Verdict::Answer(outcome)) => of_name(outcome),
        (Command::Pay { .. }, Verdict::Answer(Outcome::Done(_))) => "payments of holds",
        (Command::Pay { .. }, _) => "payments of holds refused",
        (Command::Decline { .. }, _) => "payments that came to nothing",
        (Command::Expire { .. }, _) => "holds expired by the sweeper",
        _ => "other commands",
    }
}

fn of_seats(outcome: &Outcome, has_effect: impl FnOnce() -> bool) -> &'static str {
    match outcome {
        Outcome::Done(_) if has_effect() => "changes of seats",
        Outcome::Done(_) => "changes of seats without effect",
        Outcome::Refused(Refusal::SeatTaken(_)) => "changes of seats lost at the unique constraint",
        _ => "changes of seats refused otherwise",
    }
}

fn of_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Done(_) => "corrections of names",
        Outcome::Refused(Refusal::PassengerAlreadyBooked) => "corrections of names to those of others",
        _ => "corrections of names refused otherwise",
    }
}

/// The kind of a command with its booking.
pub(crate) fn command_in_words(command: &Command) -> String {
    let kind = match command {
        Command::Claim(_) => "Claim",
        Command::Pay { .. } => "Pay",
        Command::Confirm { .. } => "Confirm",
        Command::Decline { void: true, .. } => "Decline (void)",
        Command::Decline { .. } => "Decline",
        Command::Cancel { .. } => "Cancel",
        Command::Quote { .. } => "Quote",
        Command::ChangeSeats { .. } => "ChangeSeats",
        Command::ChangeContact { .. } => "ChangeContact",
        Command::CorrectName { .. } => "CorrectName",
        Command::CancelByAirline { .. } => "CancelByAirline",
        Command::Reschedule { .. } => "Reschedule",
        Command::Expire { .. } => "Expire",
        Command::ByStaff { command, .. } => return command_in_words(command),
    };
    format!("{kind} of {}", command.booking())
}

/// A verdict in a line, without what differs between equal runs.
pub(crate) fn verdict_in_words(verdict: &Verdict) -> String {
    match verdict {
        Verdict::RetryAfterExpiring(stale) => {
            let mut stale: Vec<String> = stale.iter().map(ToString::to_string).collect();
            stale.sort_unstable();
            format!("again, after {stale:?}")
        }
        Verdict::Answer(Outcome::Done(state)) => {
            format!("done, version {}, {:?}, {:?}", state.version, state.status, state.payment_status)
        }
        Verdict::Answer(Outcome::Quoted(quote, _)) => {
            format!("quoted, {:?}, {} kept", quote.refund, quote.penalty)
        }
        Verdict::Answer(Outcome::Replay(answer)) => format!("replay of {}", answer.status),
        Verdict::Answer(Outcome::Refused(refusal)) => format!("refused, {refusal:?}"),
    }
}
