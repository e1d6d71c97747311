//! Flights of the demo data, as a round needs them.

use crate::cluster::ServiceDatabase;
use anyhow::ensure;
use shared::ids::FlightId;

/// Flights that are on sale, in the order of their departure.
const ON_SALE: &str = "SELECT f.id::text AS words FROM flight.flights f \
    JOIN flight.fares p ON p.flight_id = f.id AND p.cabin = 'economy' AND p.brand = 'standard' \
    WHERE f.status = 'scheduled' AND f.departs_at BETWEEN now() + interval '10 days' AND now() + interval '50 days' \
    ORDER BY f.departs_at, f.id";

/// The flights, and which of them come next.
#[derive(Debug)]
pub struct DemoFlights {
    flights: Vec<FlightId>,
    next: usize,
}

impl DemoFlights {
    /// Reads which flights are on sale.
    ///
    /// # Errors
    /// Where there are none.
    pub async fn read(database: &ServiceDatabase) -> anyhow::Result<Self> {
        let ids = database.words(ON_SALE).await?;
        ensure!(!ids.is_empty(), "no demo flight is on sale");
        let flights = ids.iter().map(|id| id.parse()).collect::<Result<_, _>>()?;
        Ok(Self { flights, next: 0 })
    }

    /// The next ones; when all were taken, the first ones again, which have seats left.
    pub fn take(&mut self, count: usize) -> Vec<FlightId> {
        let taken = self.flights.iter().cycle().skip(self.next).take(count.min(self.flights.len()));
        let taken: Vec<_> = taken.copied().collect();
        self.next = (self.next + taken.len()) % self.flights.len();
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flights_are_taken_in_turn() {
        let flights: Vec<_> = (0..5).map(|_| FlightId::new()).collect();
        let mut demo = DemoFlights { flights: flights.clone(), next: 0 };
        assert_eq!(demo.take(3), flights[..3]);
        assert_eq!(demo.take(3), [flights[3], flights[4], flights[0]]);
        assert_eq!(demo.take(9).len(), 5, "none is taken twice in a round");
    }
}
