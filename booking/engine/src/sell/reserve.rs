//! Offers of all flights of an order, and seats on all of them or on none.

use crate::{
    booking::{
        hold::{Allowance, HoldTime},
        itinerary,
        priced_order::PricedOrder,
        refusal::{InvalidMember, Member, Refusal},
    },
    inventory::seat_inventory::{FareRequest, SeatRequest},
    passengers::party,
    ports::{Clock, FlightInventory, FlightOffer, RequestContext, ReserveError},
    sell::{
        check::check,
        order::Order,
        outcome::SalesAbort,
        sales::{Sales, SalesDeps},
    },
};
use shared_types::{
    fare::{PassengerType, SegmentPrice},
    ids::FlightId,
};

/// The offer of a flight.
type OfferOf<D> = <<D as SalesDeps>::Inventory as FlightInventory>::Offer;
/// A reservation of seats of a flight; it is released when this is dropped.
pub(crate) type ReservationOf<D> = <OfferOf<D> as FlightOffer>::Reservation;

/// The offers that an order was checked against and found good.
pub(crate) struct CheckedOffers<D: SalesDeps> {
    /// In the order of the segments.
    offers: Vec<OfferOf<D>>,
    /// How long the seats are to be held.
    pub(crate) hold: HoldTime,
    /// The versions of the flights that the order was checked against.
    versions: Vec<(FlightId, i64)>,
}

impl<D: SalesDeps> CheckedOffers<D> {
    /// Whether the order was checked against these versions: of others nobody knows whether times and ages are still
    /// good.
    pub(crate) fn are_of(&self, versions: &[(FlightId, i64)]) -> bool {
        versions.iter().all(|version| self.versions.contains(version))
    }
}

/// An order with its reservations, and the versions of the flights that its prices are of.
pub(crate) struct ReservedOrder<D: SalesDeps> {
    pub(crate) order: PricedOrder,
    pub(crate) priced_from: Vec<(FlightId, i64)>,
    pub(crate) reservations: Vec<ReservationOf<D>>,
}

impl<D: SalesDeps> Sales<D> {
    /// Looks each flight of an order up once, and checks the order against them. Nothing is refused because of flights
    /// that are not as they were.
    pub(crate) async fn offers(
        &self,
        order: &Order,
        context: RequestContext,
    ) -> Result<CheckedOffers<D>, SalesAbort> {
        let inventory = self.deps.inventory();
        let mut offers = Vec::with_capacity(order.segments.len());
        for segment in &order.segments {
            offers.push(inventory.offer(segment.flight_id, context).await?);
        }
        if let Ok(checked) = self.check_offers(order, offers) {
            return Ok(checked);
        }
        let mut offers = Vec::with_capacity(order.segments.len());
        for segment in &order.segments {
            offers.push(inventory.reload(segment.flight_id, context).await?);
        }
        self.check_offers(order, offers).map_err(SalesAbort::Refused)
    }

    fn check_offers(&self, order: &Order, offers: Vec<OfferOf<D>>) -> Result<CheckedOffers<D>, Refusal> {
        let flights: Vec<_> = offers.iter().map(FlightOffer::flight).collect();
        let hold = check(order, &flights, self.terms, self.deps.clock().utc())?;
        let versions = flights.iter().map(|flight| (flight.state.id, flight.state.version)).collect();
        Ok(CheckedOffers { offers, hold, versions })
    }

    /// Reserves seats of all flights, in the order of flight ids. When one refuses, the others are still asked, so that
    /// the client is told of everything that is in the way at once.
    pub(crate) async fn reserve(
        &self,
        order: &Order,
        checked: &CheckedOffers<D>,
        context: RequestContext,
    ) -> Result<ReservedOrder<D>, SalesAbort> {
        let mut priced = PricedOrder {
            owner: order.owner,
            currency: self.terms.currency,
            contact: order.contact.clone(),
            segments: order.unpriced_segments(),
            passengers: order.passengers.clone(),
        };
        let party: Vec<PassengerType> = order.passengers.iter().map(|passenger| passenger.kind).collect();
        let (mut reservations, mut priced_from, mut refusals) = (Vec::new(), Vec::new(), Vec::new());
        for index in order.by_flight() {
            let segment = &order.segments[index];
            let request = SeatRequest {
                owner: order.owner,
                exempt: order.allowance == Allowance::Unlimited,
                segment: index,
                cabin: segment.cabin,
                fare: Some(FareRequest {
                    brand: segment.brand,
                    currency: self.terms.currency,
                    party: party.clone(),
                }),
                wishes: party::wishes(&order.passengers, index),
            };
            let (grant, reservation) = match checked.offers[index].reserve(&request, context).await {
                Ok(reserved) => reserved,
                Err(ReserveError::Refused(refusal)) => {
                    refusals.push(refusal);
                    // Nobody has to wait for seats that will not be had.
                    reservations.clear();
                    continue;
                }
                Err(error) if refusals.is_empty() => return Err(error.into()),
                // What is known already is reason enough.
                Err(_) => break,
            };
            if !refusals.is_empty() {
                continue;
            }
            reservations.push(reservation);
            priced_from.push((segment.flight_id, grant.flight_version));
            for ((passenger, _), seat) in request.wishes.iter().zip(grant.seats) {
                priced.passengers[*passenger].seats[index] = Some(seat);
            }
            priced.segments[index].fare = grant.price.fare;
            priced.segments[index].taxes = grant.price.taxes;
        }
        if let Some(refusal) = itinerary::refusal(refusals) {
            return Err(SalesAbort::Refused(refusal));
        }
        check_total(&priced)?;
        Ok(ReservedOrder { order: priced, priced_from, reservations })
    }
}

/// What can be paid on each flight may be too much on all.
fn check_total(order: &PricedOrder) -> Result<(), SalesAbort> {
    let prices =
        order.segments.iter().map(|segment| SegmentPrice { fare: segment.fare, taxes: segment.taxes });
    let too_much = || {
        InvalidMember::new(Member::Segments, "the price of all together is beyond what can be represented")
    };
    let total = itinerary::total(prices);
    total.map(drop).ok_or_else(|| SalesAbort::Refused(Refusal::Invalid(vec![too_much()])))
}
