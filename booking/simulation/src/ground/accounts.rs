//! The accounts of travellers.

use shared::ids::UserId;

/// A third of the accounts are unverified for as long as they live.
pub(crate) fn is_unverified(account: UserId) -> bool {
    account.0.as_u128().is_multiple_of(3)
}
