//! Who travels together, and how to reach them.
//!
//! | file | rule |
//! |---|---|
//! | [`passenger`] | a person on a booking, and when two are the same |
//! | [`party`] | which passengers may travel together, and which seats they want |
//! | [`contact`] | how the travellers are reached |
//! | `former_names` | how earlier releases compared names |

pub mod contact;
mod former_names;
pub mod party;
pub mod passenger;
