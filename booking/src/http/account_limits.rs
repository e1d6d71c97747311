//! What accounts may do whose e-mail address is not verified.
//!
//! Anybody can open an account for an address that is not theirs. Until its owner has confirmed it, an account
//! sends letters to that address only, holds seats for a quarter of an hour, and nine of them in all. Agents, who book
//! for others, and load tests are free of this.

use booking_engine::booking::hold::{Allowance, UNVERIFIED_MINUTES};
use shared::{
    auth::{Caller, Permission},
    email::EmailAddress,
    http::{Code, Problem},
};

/// Whether the caller's address is verified, or need not be.
pub(super) fn is_trusted(caller: &Caller) -> bool {
    caller.claims().email_verified
        || caller.may(Permission::BookingWriteAny)
        || caller.may(Permission::LimitsExempt)
}

/// Whether an address is the caller's own, compared as accounts are.
pub(super) fn is_own(caller: &Caller, email: &EmailAddress) -> bool {
    email.key() == EmailAddress::key_of(&caller.claims().email)
}

/// How many seats the caller may hold.
pub(super) fn allowance(caller: &Caller) -> Allowance {
    match is_trusted(caller) {
        _ if caller.may(Permission::LimitsExempt) => Allowance::Unlimited,
        true => Allowance::PerFlight,
        false => Allowance::Unverified,
    }
}

/// Refuses an address as the contact of the caller's booking.
///
/// # Errors
/// `email_unverified`.
pub(super) fn check_contact(caller: &Caller, email: &EmailAddress) -> Result<(), Problem> {
    match is_trusted(caller) || is_own(caller, email) {
        true => Ok(()),
        false => Err(unverified("Until it is verified, contact.email must be the address of your account.")),
    }
}

/// Refuses a hold for longer than the caller may ask for.
///
/// # Errors
/// `email_unverified`.
pub(super) fn check_hold(caller: &Caller, minutes: Option<i64>) -> Result<(), Problem> {
    match is_trusted(caller) || minutes.is_none_or(|minutes| minutes <= UNVERIFIED_MINUTES) {
        true => Ok(()),
        false => Err(unverified("Until it is verified, seats are held for 15 minutes at most.")),
    }
}

/// Refuses a new booking where `required` says that only verified accounts make them.
///
/// # Errors
/// `email_unverified`.
pub(super) fn check_verified(caller: &Caller, required: bool) -> Result<(), Problem> {
    match !required || is_trusted(caller) {
        true => Ok(()),
        false => Err(unverified("Only accounts with a verified address book here.")),
    }
}

fn unverified(detail: &str) -> Problem {
    Problem::new(Code::EmailUnverified).detail(detail)
}
