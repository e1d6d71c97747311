//! The state of a booking: the resource of the HTTP contract and the data of the `booking.*` events.

use super::Station;
use crate::{
    fare::{Brand, PassengerType},
    flight_time::FlightTime,
    iata::FlightNumber,
    ids::{BookingId, FlightId, PassengerId, PaymentId, RefundId, UserId},
    money::Money,
    seat::{Cabin, SeatDesignator},
};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a booking, or a segment of it, is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingStatus {
    /// Seats are kept until the hold's end.
    Held,
    /// Paid and ticketed.
    Confirmed,
    /// Given up by the traveller, the staff or the airline.
    Cancelled,
    /// The hold ran out unpaid.
    Expired,
}

/// Where the money of a booking is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingPaymentStatus {
    /// Nothing was paid yet.
    Awaiting,
    /// A payment is under way and not settled.
    Processing,
    /// Paid in full.
    Paid,
    /// Paid, and a part given back.
    PartlyRefunded,
    /// Paid, and all given back.
    Refunded,
}

/// Where one payment is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaymentStatus {
    /// Started and not settled.
    Pending,
    /// The money was taken.
    Captured,
    /// The provider refused, or it was voided.
    Declined,
}

/// What its caller may do with a booking now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BookingAction {
    /// Pay the hold.
    Pay,
    /// Cancel.
    Cancel,
    /// Move to other seats.
    ChangeSeats,
    /// Change the contact.
    ChangeContact,
    /// Correct a passenger's name.
    ChangeNames,
}

/// One flight of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingSegment {
    /// The flight.
    pub flight_id: FlightId,
    /// Its number.
    pub flight_number: FlightNumber,
    /// The name of its airline; null where an earlier release did not tell it.
    #[serde(default)]
    pub airline: Option<String>,
    /// From where.
    pub origin: Station,
    /// To where.
    pub destination: Station,
    /// When it leaves.
    pub departure: FlightTime,
    /// When it arrives.
    pub arrival: FlightTime,
    /// The cabin booked.
    pub cabin: Cabin,
    /// The fare's brand.
    pub brand: Brand,
    /// Where the segment is in its life.
    pub status: BookingStatus,
}

/// A seat of a passenger on a flight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookedSeat {
    /// The flight.
    pub flight_id: FlightId,
    /// The seat.
    #[schema(value_type = String, example = "12A")]
    pub designator: SeatDesignator,
}

/// A passenger of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingPassenger {
    /// Its id.
    pub id: PassengerId,
    /// By age at the last flight.
    pub r#type: PassengerType,
    /// Given names.
    pub given_name: String,
    /// Family name.
    pub family_name: String,
    /// Date of birth; null in a look-up without a login.
    pub born_on: Option<NaiveDate>,
    /// 13 digits, once ticketed.
    pub ticket_number: Option<String>,
    /// One a segment; none for an infant.
    pub seats: Vec<BookedSeat>,
}

/// How to reach the travellers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingContact {
    /// Where letters go.
    pub email: String,
    /// In international form.
    pub phone: Option<String>,
    /// The language of letters, a BCP 47 tag: that of the booking, else that of its account when it was made. Null, or
    /// absent from what earlier releases told, where neither is known.
    #[serde(default)]
    pub locale: Option<String>,
}

/// What a booking costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingPrice {
    /// Fares of all passengers.
    pub fare: Money,
    /// Taxes of all passengers.
    pub taxes: Money,
    /// The sum.
    pub total: Money,
}

/// A payment of a booking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingPayment {
    /// Its id, known to the provider.
    pub id: PaymentId,
    /// `card`.
    pub method: String,
    /// How much.
    pub amount: Money,
    /// Where it is.
    pub status: PaymentStatus,
    /// When it was started.
    pub created_at: DateTime<Utc>,
}

/// Money given back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingRefund {
    /// Its id.
    pub id: RefundId,
    /// How much.
    pub amount: Money,
    /// Why.
    pub reason: String,
    /// `pending` or `settled`.
    pub status: String,
    /// When it was decided.
    pub created_at: DateTime<Utc>,
}

/// A booking in full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BookingState {
    /// Its id.
    pub id: BookingId,
    /// The six characters that travellers keep.
    pub locator: String,
    /// Who made it.
    pub owner_id: UserId,
    /// Where it is in its life.
    pub status: BookingStatus,
    /// Where its money is.
    pub payment_status: BookingPaymentStatus,
    /// When the hold ends; null unless held.
    pub hold_expires_at: Option<DateTime<Utc>>,
    /// The flights, in the order of travel.
    pub segments: Vec<BookingSegment>,
    /// The travellers.
    pub passengers: Vec<BookingPassenger>,
    /// How to reach them; null in a look-up without a login.
    pub contact: Option<BookingContact>,
    /// What it costs.
    pub price: BookingPrice,
    /// Payments, oldest first.
    pub payments: Vec<BookingPayment>,
    /// Refunds, oldest first.
    pub refunds: Vec<BookingRefund>,
    /// What may be done now.
    pub available_actions: Vec<BookingAction>,
    /// Grows with each change.
    pub version: i64,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it was changed last.
    pub updated_at: DateTime<Utc>,
}
