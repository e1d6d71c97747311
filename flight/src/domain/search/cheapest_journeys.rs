//! What the cheapest journeys cost that have a certain itinerary: so that none is thrown out of a slice that a journey needs, and
//! none kept that no journey can have.

use super::{party_prices::OFFERS, slice_options::SliceOption};

/// The itineraries of the slices, of which no journey needs to be told before all are looked at.
pub(super) type Lists<'a> = [Vec<SliceOption<'a>>];

/// What is known of the itineraries of one slice, by their places in its list.
type Totals = Vec<Option<i64>>;

/// The least that a journey in one offer costs.
struct OfferTotals {
    offer: usize,
    /// Slice by slice: from an itinerary to the end of the journey, this itinerary among it.
    onward: Vec<Totals>,
    /// Slice by slice: from the first slice up to an itinerary, this one not.
    before: Vec<Totals>,
}

/// The places of a list's itineraries in the order of travel.
struct TravelOrder {
    by_departure: Vec<usize>,
    by_arrival: Vec<usize>,
}

impl TravelOrder {
    fn of(list: &[SliceOption<'_>]) -> Self {
        let mut by_departure: Vec<usize> = (0..list.len()).collect();
        let mut by_arrival = by_departure.clone();
        by_departure.sort_unstable_by_key(|place| list[*place].departs());
        by_arrival.sort_unstable_by_key(|place| list[*place].arrives());
        Self { by_departure, by_arrival }
    }
}

impl OfferTotals {
    fn new(lists: &Lists<'_>, orders: &[TravelOrder], offer: usize) -> Self {
        let mut totals = Self { offer, onward: Vec::new(), before: Vec::new() };
        for number in 0..lists.len() {
            let before = totals.before_slice(lists, orders, number);
            totals.before.push(before);
        }
        // Filled from the last slice to the first.
        totals.onward = vec![Totals::new(); lists.len()];
        for number in (0..lists.len()).rev() {
            totals.onward[number] = totals.onward_from_slice(lists, orders, number);
        }
        totals
    }

    /// Both orders are walked once: the itineraries that have arrived before an itinerary leaves only become more.
    fn before_slice(&self, lists: &Lists<'_>, orders: &[TravelOrder], number: usize) -> Totals {
        let list = &lists[number];
        let Some(former) = number.checked_sub(1) else { return vec![Some(0); list.len()] };
        let mut arrived = orders[former].by_arrival.iter().peekable();
        let (mut least, mut totals) = (None, vec![None; list.len()]);
        for place in &orders[number].by_departure {
            while let Some(there) =
                arrived.next_if(|there| lists[former][**there].arrives() < list[*place].departs())
            {
                let own = lists[former][*there].prices.total(self.offer);
                least = lower(least, sum(self.before[former][*there], own));
            }
            totals[*place] = least;
        }
        totals
    }

    fn onward_from_slice(&self, lists: &Lists<'_>, orders: &[TravelOrder], number: usize) -> Totals {
        let list = &lists[number];
        let own = |place: usize| list[place].prices.total(self.offer);
        let next = number + 1;
        if next == lists.len() {
            return (0..list.len()).map(own).collect();
        }
        let mut leaves = orders[next].by_departure.iter().rev().peekable();
        let (mut least, mut totals) = (None, vec![None; list.len()]);
        for place in orders[number].by_arrival.iter().rev() {
            while let Some(there) =
                leaves.next_if(|there| lists[next][**there].departs() > list[*place].arrives())
            {
                least = lower(least, self.onward[next][*there]);
            }
            totals[*place] = sum(own(*place), least);
        }
        totals
    }

    /// The least that a journey with this itinerary costs.
    fn through(&self, number: usize, place: usize) -> Option<i64> {
        sum(self.before[number][place], self.onward[number][place])
    }

    /// The least that a journey costs.
    fn least(&self) -> Option<i64> {
        self.onward.first()?.iter().flatten().min().copied()
    }

    /// The itineraries of the cheapest journey.
    fn cheapest<'a>(&self, lists: &Lists<'a>) -> Vec<SliceOption<'a>> {
        let mut journey: Vec<SliceOption<'a>> = Vec::new();
        for (list, onward) in lists.iter().zip(&self.onward) {
            let arrived = journey.last().map_or(i64::MIN, SliceOption::arrives);
            let next = list.iter().zip(onward).filter(|(option, _)| option.departs() > arrived);
            let cheapest = next.filter_map(|(option, total)| Some((option, (*total)?)));
            journey.extend(cheapest.min_by_key(|(_, total)| *total).map(|(option, _)| *option));
        }
        journey
    }
}

/// Takes out of the lists what no journey has whose total in one offer is `most` at most; gives the itineraries of the cheapest
/// journey, one of each slice, or nothing where there is no journey.
pub(super) fn keep_affordable<'a>(lists: &mut Lists<'a>, most: Option<i64>) -> Vec<SliceOption<'a>> {
    let most = most.unwrap_or(i64::MAX);
    let orders: Vec<TravelOrder> = lists.iter().map(|list| TravelOrder::of(list)).collect();
    let offers: Vec<OfferTotals> = (0..OFFERS).map(|offer| OfferTotals::new(lists, &orders, offer)).collect();
    let cheapest = offers.iter().filter_map(|offer| Some((offer, offer.least()?)));
    let cheapest = cheapest.filter(|(_, least)| *least <= most).min_by_key(|(_, least)| *least);
    let journey = cheapest.map_or_else(Vec::new, |(offer, _)| offer.cheapest(lists));
    for (number, list) in lists.iter_mut().enumerate() {
        let mut place = 0..;
        list.retain(|_| {
            let Some(place) = place.next() else { return false };
            offers.iter().any(|offer| offer.through(number, place).is_some_and(|least| least <= most))
        });
    }
    journey
}

/// `None` where one of them is not to be had, or the sum cannot be represented.
fn sum(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one?.checked_add(other?)
}

fn lower(one: Option<i64>, other: Option<i64>) -> Option<i64> {
    one.into_iter().chain(other).min()
}
