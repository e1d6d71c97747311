//! The seats that a party gets: the named ones, and for the others seats together.
//!
//! The rules, the most important first:
//! 1. No traveller gets a seat that is taken, blocked, in another cabin, or in an exit row without permission.
//! 2. A party gets seats if there are enough.
//! 3. No child sits in a row without an adult of the party, unless all places would have one.
//! 4. The party, with its named seats, sits side by side; else in one row; else in the fewest adjacent rows.
//! 5. Exit rows are used last.
//! 6. No single free seat is left between taken ones, unless all places of equal rank would leave one.
//! 7. Children sit beside adults.
//!
//! The allocator runs it for each claim. So a cabin is a [`CabinLayout`] that is built once, and its free seats are an
//! [`Occupancy`] with one word for each row.
//!
//! | file | content |
//! |---|---|
//! | [`wish`] | wishes, and why they are not met |
//! | [`assign`] | the order of the rules |
//! | [`layout`] | the cabin, and its free seats |
//! | [`search`] | the best place for a party |
//! | [`row`] | the best seats of a row |
//! | [`people`] | the seats of the place among the travellers |

mod assign;
mod layout;
mod people;
mod row;
mod search;
#[cfg(test)]
mod tests;
mod wish;

pub(crate) use layout::{CabinLayout, Occupancy, Spot};
pub use wish::Wish;
pub(crate) use wish::{NoSeats, SeatFault};
