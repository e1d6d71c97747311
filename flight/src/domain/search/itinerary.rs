//! An itinerary, as the contract shows it. Answers are written by [`json`](super::json) straight from the index; these
//! types say what they look like, for the document and the tests.

use crate::domain::{conditions::Conditions, flight::FlightView};
use serde::Serialize;
use shared::{
    events::Station,
    fare::{Brand, PassengerType},
    money::Money,
    seat::Cabin,
};
use std::sync::Arc;
use utoipa::ToSchema;

/// What one passenger of a type pays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PassengerPrice {
    /// The type.
    pub r#type: PassengerType,
    /// How many of them travel.
    pub count: u32,
    /// The fare of one of them, on all flights.
    pub fare: Money,
    /// The taxes of one of them, on all flights.
    pub taxes: Money,
    /// What one of them pays.
    pub total: Money,
}

/// A cabin and brand on all flights of a journey.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// The cabin.
    pub cabin: Cabin,
    /// The brand.
    pub brand: Brand,
    /// What the whole party pays for the whole journey.
    pub total: Money,
    /// What one passenger of each type pays.
    pub per_passenger: Vec<PassengerPrice>,
    /// What the tickets allow.
    pub conditions: Conditions,
    /// Seats left in the cabin of the fullest flight.
    pub seats_left: u32,
}

/// One way of an itinerary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SliceView {
    /// From where.
    #[schema(value_type = Station)]
    pub origin: Arc<Station>,
    /// To where.
    #[schema(value_type = Station)]
    pub destination: Arc<Station>,
    /// Elapsed minutes from the first departure to the last arrival.
    pub duration_minutes: i64,
    /// Changes of airplane.
    pub connections: usize,
    /// Its flights.
    pub segments: Vec<FlightView>,
}

/// A journey with its offers, the cheapest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Itinerary {
    /// The ids of its flights, joined by `.` within a slice and by `~` between slices.
    pub id: String,
    /// The ways.
    pub slices: Vec<SliceView>,
    /// What can be bought.
    pub offers: Vec<Offer>,
}
