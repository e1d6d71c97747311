//! Flights, their seats and prices.
//!
//! | file | rule |
//! |---|---|
//! | [`flight`] | whether a flight can be booked |
//! | [`seat_inventory`] | what an allocator knows of the seats of a flight, and what it decides from it |
//! | [`assignment`] | which seats a party gets |
//! | [`price`] | what a party pays on a flight |
//! | [`seat_map`] | the cabin as travellers see it |

pub mod assignment;
pub mod flight;
pub mod price;
pub mod seat_inventory;
pub mod seat_map;
