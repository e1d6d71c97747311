//! Refusals and faults as problems of the HTTP contract.

use crate::http::field_errors;
use booking_engine::{
    booking::refusal::Refusal,
    ledger::command::LedgerError,
    payment::{charge::NotAdmitted, record::MOST_DECLINED},
    ports::FlightError,
    sell::outcome::SalesError,
    store_error::{StoreError, StoreFault},
};
use rand::RngExt;
use shared::{
    http::{Code, Problem, Quota},
    ids::FlightId,
};
use std::time::Duration;

/// When to come back to what is under way.
const SOON: Duration = Duration::from_secs(1);

/// A refusal as the contract tells it.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Invalid(errors) => Problem::validation(field_errors(errors)),
        Refusal::SeatNotAllowed(errors) => {
            Problem::new(Code::SeatNotAllowed).with("errors", field_errors(errors))
        }
        Refusal::SeatTaken(seats) => Problem::new(Code::SeatTaken).with("seats", seats),
        Refusal::FlightFull => Problem::new(Code::FlightFull),
        Refusal::FlightNotBookable => Problem::new(Code::FlightNotBookable),
        // Asked again, it goes by the flights as they are now.
        Refusal::FlightChanged(_) => Problem::new(Code::Overloaded).retry_after(SOON),
        Refusal::NotFound => Problem::new(Code::NotFound),
        Refusal::HoldExpired => Problem::new(Code::HoldExpired),
        Refusal::HoldLimit => Problem::new(Code::HoldLimit),
        Refusal::QuoteExpired => Problem::new(Code::QuoteExpired),
        Refusal::Stale => Problem::new(Code::PreconditionFailed),
        Refusal::AlreadyPaid => Problem::new(Code::AlreadyPaid),
        Refusal::AlreadyCancelled => Problem::new(Code::AlreadyCancelled),
        Refusal::PaymentInProgress => Problem::new(Code::PaymentInProgress),
        Refusal::TooManyDeclined(left) => {
            let quota = Quota { name: "declined-payments", requests: MOST_DECLINED, window: None };
            // Until then this booking takes no payment, and then it is over: another one may.
            Problem::rate_limited(&quota, left.to_std().unwrap_or_default())
                .detail("Too many payments of this booking were declined.")
        }
        Refusal::PassengerAlreadyBooked => Problem::new(Code::PassengerAlreadyBooked),
        Refusal::PriceChanged(total) => Problem::new(Code::PriceChanged).with("total", total),
        Refusal::KeyReused => Problem::new(Code::IdempotencyKeyReused),
        Refusal::KeyInProgress => Problem::new(Code::IdempotencyInProgress).retry_after(SOON),
    }
}

/// Too many want something at once. They are told different times: else they would come again at once, too.
pub(crate) fn overloaded() -> Problem {
    Problem::new(Code::Overloaded).retry_after(Duration::from_secs(rand::rng().random_range(1..=3)))
}

/// The same for a booking of this flight: the gateway opens a waiting room for it.
pub(crate) fn flight_overloaded(flight: Option<FlightId>) -> Problem {
    match flight {
        Some(flight) => overloaded().with("flight_id", flight),
        None => overloaded(),
    }
}

/// A new booking that came to nothing, as the contract tells it: an overload names the flight.
pub(crate) fn booking_failed(error: SalesError, flight: Option<FlightId>) -> Problem {
    match error {
        SalesError::Overloaded | SalesError::Ledger(LedgerError::Overloaded) => flight_overloaded(flight),
        // The payment desk is full, whatever the flight.
        other => failed(other),
    }
}

/// A request that came to nothing, as the contract tells it.
pub(crate) fn failed(error: SalesError) -> Problem {
    match error {
        SalesError::Overloaded
        | SalesError::Ledger(LedgerError::Overloaded)
        | SalesError::NotAdmitted(NotAdmitted::Full) => overloaded(),
        SalesError::Ledger(LedgerError::Unavailable) => Problem::unavailable(&error),
        // Not logged each time: the desk says when it begins and ends.
        SalesError::NotAdmitted(NotAdmitted::ProviderSilent) => Problem::new(Code::UpstreamUnavailable)
            .retry_after(SOON)
            .detail("The payment provider does not answer at the moment. Nothing was charged."),
        SalesError::Ledger(LedgerError::Internal) => Problem::internal(&error),
        SalesError::Store(error) => store_failed(&error),
    }
}

/// A flight that is not found, as the contract tells it.
pub(crate) fn not_found(error: FlightError) -> Problem {
    match error {
        FlightError::Unknown => Problem::new(Code::NotFound),
        FlightError::Failed(error) => store_failed(&error),
        FlightError::Overloaded => overloaded(),
    }
}

fn store_failed(error: &StoreError) -> Problem {
    match error.fault {
        StoreFault::Unavailable => Problem::unavailable(error),
        _ => Problem::internal(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::RETRY_AFTER;
    use std::collections::BTreeSet;

    #[test]
    fn a_crowd_is_told_different_times() {
        let told = (0..100).map(|_| {
            let response = overloaded().to_response(None);
            response.headers().get(RETRY_AFTER).unwrap().to_str().unwrap().to_owned()
        });
        assert_eq!(told.collect::<BTreeSet<_>>(), ["1", "2", "3"].map(str::to_owned).into());
    }
}
