//! Flights, their seats and prices.
//!
//! | file | rule |
//! |---|---|
//! | [`flight`] | whether a flight can be booked |
//! | [`seat_inventory`] | an allocator's knowledge of the seats of a flight, and its decisions |
//! | [`assignment`] | the seats that a party gets |
//! | [`reseating`] | the seats of the passengers when another airplane flies |
//! | [`price`] | the price of a party on a flight |
//! | [`seat_map`] | the cabin as travellers see it |

pub mod assignment;
pub mod flight;
pub(crate) mod price;
pub mod reseating;
pub mod seat_inventory;
pub mod seat_map;
