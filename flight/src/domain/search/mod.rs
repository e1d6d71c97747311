//! Search: journeys of one to six slices with up to two connections each, their offers, and their order.
//!
//! A slice is a flight, or two or three that connect. An offer is one cabin and brand on all flights of a journey; all
//! of the party pay the same booking class on a flight.
//!
//! | file | what it holds |
//! |---|---|
//! | `query` | what is looked for, and the rules of the installation |
//! | `connections` | which flights make an itinerary of a slice |
//! | `party_prices` | what a party pays |
//! | `slice_options` | which itineraries of a slice are worth showing |
//! | `journeys` | the journeys, in order |
//! | `cheapest_journeys` | which itineraries a journey can have that is cheap enough |
//! | `itinerary`, `json` | what an answer looks like, and how it is written |
//! | `price_calendar` | the lowest price of each day |

mod cheapest_journeys;
mod connections;
#[cfg(test)]
mod example_tests;
mod itinerary;
mod journeys;
mod json;
mod party_prices;
mod price_calendar;
mod query;
#[cfg(test)]
mod reference;
mod slice_options;
#[cfg(test)]
mod tests;

pub use itinerary::{Itinerary, Offer, PassengerPrice, SliceView};
pub use journeys::{ItineraryId, Journey, Rank, search};
pub use json::page;
pub use party_prices::PartyPrices;
pub use price_calendar::{CalendarDay, price_calendar};
pub use query::{
    DEFAULT_CONNECTIONS, InvalidTimeOfDay, MOST_CONNECTIONS, MOST_SLICES, Party, Query, SearchRules, Slice,
    Sort, TimeOfDay, UnknownSort,
};
