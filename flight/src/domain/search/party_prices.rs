//! What a party pays: on a flight, and for several flights together.

use super::query::{Query, SearchRules};
use crate::domain::timetable::IndexedFlight;
use chrono::{DateTime, Utc};
use shared::{
    fare::{Brand, FlightFare, PassengerType, SegmentPrice},
    seat::Cabin,
};

/// The cabins with the brands.
pub(super) const OFFERS: usize = Cabin::ALL.len() * Brand::ALL.len();

/// The place of a cabin and brand among [`OFFERS`].
fn place(cabin: Cabin, brand: Brand) -> usize {
    cabin as usize * Brand::ALL.len() + brand as usize
}

/// The cabin and brand at a place.
fn at_place(place: usize) -> (Cabin, Brand) {
    (Cabin::ALL[place / Brand::ALL.len()], Brand::ALL[place % Brand::ALL.len()])
}

/// What a party pays in each cabin and brand that is on offer for it, in minor units of the sale currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartyPrices {
    /// A bit for each offer.
    offered: u16,
    /// 0 where nothing is offered.
    totals: [i64; OFFERS],
}

impl PartyPrices {
    /// Nothing is on offer.
    const NONE: Self = Self { offered: 0, totals: [0; OFFERS] };

    /// What a flight offers to the party of a query.
    #[must_use]
    pub fn of_flight(flight: &IndexedFlight, query: &Query, rules: &SearchRules, now: DateTime<Utc>) -> Self {
        let mut prices = Self::NONE;
        let (mut cabin, mut class) = (None, None);
        for fare in &flight.fares.fares {
            if query.cabin.is_some_and(|wanted| wanted != fare.cabin)
                || fare.base_price.currency != rules.currency
            {
                continue;
            }
            // Fares are by cabin: the class is found once for each.
            if cabin != Some(fare.cabin) {
                let seats =
                    flight.cabin(fare.cabin).filter(|seats| seats.seats_available >= query.party.seats());
                cabin = Some(fare.cabin);
                class = seats.map(|seats| flight.class(seats, query.party.seats(), now));
            }
            let total = class.and_then(|class| {
                query.party.types().try_fold(0_i64, |sum, (passenger, count)| {
                    let one = flight.price(fare, class, passenger).ok()?;
                    sum.checked_add(one.total().checked_mul(i64::from(count))?)
                })
            });
            if let Some(total) = total {
                let place = place(fare.cabin, fare.brand);
                prices.offered |= 1 << place;
                prices.totals[place] = total;
            }
        }
        prices
    }

    /// What is offered on both, which is one journey.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = Self { offered: self.offered & other.offered, totals: [0; OFFERS] };
        for place in 0..OFFERS {
            match self.totals[place].checked_add(other.totals[place]) {
                Some(total) => both.totals[place] = total,
                // What cannot be represented cannot be sold.
                None => both.offered &= !(1 << place),
            }
        }
        both
    }

    /// The same without the offers above a total.
    #[must_use]
    pub fn up_to(mut self, most: Option<i64>) -> Self {
        let Some(most) = most else { return self };
        for place in 0..OFFERS {
            if self.totals[place] > most {
                self.offered &= !(1 << place);
            }
        }
        self
    }

    /// The total of the offer at a place; `None` where it is not offered.
    #[must_use]
    pub(super) fn total(&self, place: usize) -> Option<i64> {
        (self.offered & (1 << place) != 0).then(|| self.totals[place])
    }

    /// The lowest total; `None` where nothing is offered.
    #[must_use]
    pub fn cheapest(&self) -> Option<i64> {
        self.offers().map(|(_, _, total)| total).min()
    }

    /// Whether it offers everything that the other one does, nothing of it dearer.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        let cheap =
            |place: usize| other.offered & (1 << place) == 0 || self.totals[place] <= other.totals[place];
        self.offered & other.offered == other.offered && (0..OFFERS).all(cheap)
    }

    /// What is offered, by cabin and brand.
    pub fn offers(&self) -> impl Iterator<Item = (Cabin, Brand, i64)> + '_ {
        let places = (0..OFFERS).filter(|place| self.offered & (1 << place) != 0);
        places.map(|place| {
            let (cabin, brand) = at_place(place);
            (cabin, brand, self.totals[place])
        })
    }

    /// How many offers there are, and what they cost together: what covers something else is not behind it by this.
    #[must_use]
    pub fn weight(&self) -> (std::cmp::Reverse<u32>, i128) {
        let sum = self.offers().map(|(_, _, total)| i128::from(total)).sum();
        (std::cmp::Reverse(self.offered.count_ones()), sum)
    }
}

/// The fare of a cabin and brand of a flight.
pub(super) fn fare_of(flight: &IndexedFlight, cabin: Cabin, brand: Brand) -> Option<&FlightFare> {
    flight.fares.fares.iter().find(|fare| fare.cabin == cabin && fare.brand == brand)
}

/// What one passenger of a party pays on several flights together.
pub(super) fn price_of_one<'a>(
    mut flights: impl Iterator<Item = &'a IndexedFlight>,
    (cabin, brand): (Cabin, Brand),
    passenger: PassengerType,
    (party_seats, now): (u32, DateTime<Utc>),
) -> SegmentPrice {
    // What is offered has a price whose sum can be represented.
    flights
        .try_fold(SegmentPrice { fare: 0, taxes: 0 }, |sum, flight| {
            let class = flight.class(flight.cabin(cabin)?, party_seats, now);
            let one = flight.price(fare_of(flight, cabin, brand)?, class, passenger).ok()?;
            Some(SegmentPrice { fare: sum.fare + one.fare, taxes: sum.taxes + one.taxes })
        })
        .unwrap_or(SegmentPrice { fare: 0, taxes: 0 })
}
