//! The passengers of a booking, and their contact.
//!
//! | file | rule |
//! |---|---|
//! | [`passenger`] | a person on a booking, and when two passengers are the same person |
//! | [`party`] | the rules for a party, and its wishes for seats |
//! | [`contact`] | email, telephone and language |
//! | `former_names` | how earlier releases folded names |

pub mod contact;
mod former_names;
pub mod party;
pub mod passenger;
