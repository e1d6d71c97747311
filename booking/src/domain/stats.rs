//! Figures of the business over a run of days.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde::Serialize;
use shared::{
    money::{Currency, Money},
    seat::Cabin,
};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Days of a period at most.
pub(crate) const LONGEST_DAYS: i64 = 366;
/// Days of a period when its beginning or end is not said.
const DEFAULT_DAYS: u64 = 30;

/// A run of days in UTC, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Period {
    pub(crate) from: NaiveDate,
    pub(crate) to: NaiveDate,
}

/// Why two dates are no period; the parameter that is to be blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidPeriod {
    #[error("must not be before from")]
    Reversed,
    #[error("must be at most {LONGEST_DAYS} days from from, both included")]
    TooLong,
    #[error("must be a date from 2000-01-01 to 2199-12-31")]
    OutOfRange,
}

impl Period {
    /// The period of what was asked for: 30 days up to today, up to `to`, or from `from` on.
    pub(crate) fn new(
        from: Option<NaiveDate>,
        to: Option<NaiveDate>,
        today: NaiveDate,
    ) -> Result<Self, InvalidPeriod> {
        let sane = |date: &NaiveDate| (2000..2200).contains(&chrono::Datelike::year(date));
        if !from.iter().chain(&to).all(sane) {
            return Err(InvalidPeriod::OutOfRange);
        }
        let others = Days::new(DEFAULT_DAYS - 1);
        let (from, to) = match (from, to) {
            (Some(from), Some(to)) => (from, to),
            (Some(from), None) => (from, from + others),
            (None, to) => {
                let to = to.unwrap_or(today);
                (to - others, to)
            }
        };
        match to.signed_duration_since(from).num_days() {
            days if days < 0 => Err(InvalidPeriod::Reversed),
            days if days >= LONGEST_DAYS => Err(InvalidPeriod::TooLong),
            _ => Ok(Self { from, to }),
        }
    }

    /// Its first instant.
    pub(crate) fn begins_at(self) -> DateTime<Utc> {
        self.from.and_time(NaiveTime::MIN).and_utc()
    }

    /// The first instant after it.
    pub(crate) fn ends_at(self) -> DateTime<Utc> {
        self.to.and_time(NaiveTime::MIN).and_utc() + TimeDelta::days(1)
    }

    fn days(self) -> impl Iterator<Item = NaiveDate> {
        self.from.iter_days().take_while(move |day| *day <= self.to)
    }
}

/// Seats of a cabin of the flights that depart in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CabinOccupancy {
    pub(crate) cabin: Cabin,
    pub(crate) capacity: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
}

/// What happened on a day; money in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct DayFigures {
    pub(crate) booked: i64,
    pub(crate) confirmed: i64,
    pub(crate) fare: i64,
    pub(crate) taxes: i64,
    pub(crate) refunded_fare: i64,
    pub(crate) refunded_taxes: i64,
}

/// The holds of now; the value in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct HoldFigures {
    pub(crate) bookings: i64,
    pub(crate) seats: i64,
    pub(crate) value: i64,
}

/// All that is counted.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Figures {
    /// Flights that depart in the period, cancelled ones apart.
    pub(crate) flights: i64,
    pub(crate) cancelled_flights: i64,
    pub(crate) cabins: Vec<CabinOccupancy>,
    /// Days without anything may be missing.
    pub(crate) days: BTreeMap<NaiveDate, DayFigures>,
    pub(crate) holds: HoldFigures,
}

/// Seats and how well they sell.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct SeatStats {
    /// Seats that can be sold.
    pub(crate) capacity: i64,
    /// Held, unpaid.
    pub(crate) held: i64,
    /// Sold.
    pub(crate) sold: i64,
    /// Sold seats per seat that can be sold, to four decimals; null where there are none.
    #[schema(example = 0.8125)]
    pub(crate) load_factor: Option<f64>,
}

impl SeatStats {
    fn new(capacity: i64, held: i64, sold: i64) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "seats in ten-thousandths are far below 2^52")]
        let load_factor = (capacity > 0).then(|| (sold * 10_000 / capacity) as f64 / 10_000.0);
        Self { capacity, held, sold, load_factor }
    }
}

/// Seats of a cabin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub(crate) struct CabinStats {
    /// The cabin.
    pub(crate) cabin: Cabin,
    #[serde(flatten)]
    pub(crate) seats: SeatStats,
}

/// The flights that depart in the period.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct FlightStats {
    /// How many, without the cancelled ones.
    pub(crate) count: i64,
    /// How many were cancelled; their seats do not count.
    pub(crate) cancelled: i64,
    /// All cabins together.
    pub(crate) seats: SeatStats,
    /// Each cabin by itself.
    pub(crate) cabins: Vec<CabinStats>,
}

/// Money in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Amounts {
    /// Fares.
    pub(crate) fare: Money,
    /// Taxes.
    pub(crate) taxes: Money,
    /// The sum.
    pub(crate) total: Money,
}

impl Amounts {
    fn new(fare: i64, taxes: i64, currency: Currency) -> Self {
        let money = |minor| Money::new(minor, currency);
        Self { fare: money(fare), taxes: money(taxes), total: money(fare + taxes) }
    }
}

/// The money of the period, by the day on which it was booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Revenue {
    /// What travellers paid.
    pub(crate) sales: Amounts,
    /// What was given back.
    pub(crate) refunds: Amounts,
    /// Sales less refunds.
    pub(crate) net: Amounts,
}

/// The holds of now, whatever the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct HoldStats {
    /// Bookings that are held.
    pub(crate) bookings: i64,
    /// Seats that they hold, over all their flights.
    pub(crate) seats: i64,
    /// What they would bring.
    pub(crate) value: Money,
}

/// A day of the period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Pace {
    /// The day, UTC.
    pub(crate) date: NaiveDate,
    /// Bookings made, whatever became of them.
    pub(crate) booked: i64,
    /// Bookings paid and confirmed.
    pub(crate) confirmed: i64,
    /// What travellers paid.
    pub(crate) sales: Money,
    /// What was given back.
    pub(crate) refunds: Money,
}

/// Figures of the business.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Stats {
    /// The first day, UTC.
    pub(crate) from: NaiveDate,
    /// The last day, UTC.
    pub(crate) to: NaiveDate,
    /// The flights that depart in the period.
    pub(crate) flights: FlightStats,
    /// The money booked in the period.
    pub(crate) revenue: Revenue,
    /// The holds of now.
    pub(crate) holds: HoldStats,
    /// Every day of the period.
    pub(crate) pace: Vec<Pace>,
}

impl Stats {
    /// What the figures say.
    pub(crate) fn new(period: Period, figures: &Figures, currency: Currency) -> Self {
        let sum = |of: fn(&CabinOccupancy) -> i64| figures.cabins.iter().map(of).sum();
        let total = |of: fn(&DayFigures) -> i64| figures.days.values().map(of).sum::<i64>();
        let (fare, taxes) = (total(|day| day.fare), total(|day| day.taxes));
        let (back, taxes_back) = (total(|day| day.refunded_fare), total(|day| day.refunded_taxes));
        let money = |minor| Money::new(minor, currency);
        let pace = |date: NaiveDate| {
            let day = figures.days.get(&date).copied().unwrap_or_default();
            Pace {
                date,
                booked: day.booked,
                confirmed: day.confirmed,
                sales: money(day.fare + day.taxes),
                refunds: money(day.refunded_fare + day.refunded_taxes),
            }
        };
        let of_cabin = |one: &CabinOccupancy| CabinStats {
            cabin: one.cabin,
            seats: SeatStats::new(one.capacity, one.held, one.sold),
        };
        Self {
            from: period.from,
            to: period.to,
            flights: FlightStats {
                count: figures.flights,
                cancelled: figures.cancelled_flights,
                seats: SeatStats::new(sum(|one| one.capacity), sum(|one| one.held), sum(|one| one.sold)),
                cabins: figures.cabins.iter().map(of_cabin).collect(),
            },
            revenue: Revenue {
                sales: Amounts::new(fare, taxes, currency),
                refunds: Amounts::new(back, taxes_back, currency),
                net: Amounts::new(fare - back, taxes - taxes_back, currency),
            },
            holds: HoldStats {
                bookings: figures.holds.bookings,
                seats: figures.holds.seats,
                value: money(figures.holds.value),
            },
            pace: period.days().map(pace).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    #[test]
    fn periods_have_ends_and_a_length() {
        let period = |from: &str, to: &str| {
            let read = |text: &str| (!text.is_empty()).then(|| date(text));
            Period::new(read(from), read(to), date("2026-11-22"))
        };
        let days = |from, to| Ok(Period { from: date(from), to: date(to) });
        assert_eq!(period("", ""), days("2026-10-24", "2026-11-22"));
        assert_eq!(period("2026-12-01", ""), days("2026-12-01", "2026-12-30"));
        assert_eq!(period("", "2026-01-30"), days("2026-01-01", "2026-01-30"));
        assert_eq!(period("2024-01-01", "2024-12-31"), days("2024-01-01", "2024-12-31"));
        assert_eq!(period("2026-01-01", "2027-01-02"), Err(InvalidPeriod::TooLong));
        assert_eq!(period("2026-01-02", "2026-01-01"), Err(InvalidPeriod::Reversed));
        assert_eq!(period("1999-12-31", ""), Err(InvalidPeriod::OutOfRange));
        let one = period("2026-01-01", "2026-01-01").unwrap();
        assert_eq!(one.ends_at() - one.begins_at(), TimeDelta::days(1));
    }

    #[test]
    fn figures_are_added_up_and_no_day_is_left_out() {
        let period = Period { from: date("2026-01-01"), to: date("2026-01-03") };
        let day = DayFigures {
            booked: 3,
            confirmed: 2,
            fare: 6572,
            taxes: 2400,
            refunded_fare: 0,
            refunded_taxes: 2400,
        };
        let seats = |cabin, capacity, sold| CabinOccupancy { cabin, capacity, held: 1, sold };
        let figures = Figures {
            flights: 1,
            cabins: vec![seats(Cabin::Economy, 120, 90), seats(Cabin::Business, 0, 0)],
            days: BTreeMap::from([(date("2026-01-02"), day)]),
            ..Figures::default()
        };
        let stats = Stats::new(period, &figures, Currency::EUR);
        assert_eq!(
            stats.flights.seats,
            SeatStats { capacity: 120, held: 2, sold: 90, load_factor: Some(0.75) }
        );
        assert_eq!(stats.flights.cabins[1].seats.load_factor, None);
        assert_eq!(stats.revenue.net.total.amount(), "65.72");
        assert_eq!(stats.revenue.refunds.taxes.amount(), "24.00");
        let booked: Vec<_> = stats.pace.iter().map(|day| (day.booked, day.sales.minor)).collect();
        assert_eq!(booked, [(0, 0), (3, 8972), (0, 0)]);
    }
}
