//! How far apart two airports are, and how long a flight between them takes from block to block.

use crate::domain::reference::Airport;

/// Mean radius of the earth, kilometres (IUGG).
const EARTH_RADIUS_KM: f64 = 6371.0;

/// What moves an airplane, which decides its speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Propulsion {
    /// 860 km/h, high enough to meet the jet stream.
    Jet,
    /// 480 km/h, below the jet stream.
    Turboprop,
}

/// A leg between two airports on the great circle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GreatCircle {
    /// Kilometres.
    pub distance_km: f64,
    /// The course at the start: radians clockwise from north, so that its sine is positive eastwards.
    pub initial_bearing: f64,
    /// Degrees, the mean of both ends.
    pub mean_latitude: f64,
}

impl GreatCircle {
    /// The way from one airport to another (haversine formula).
    #[must_use]
    pub fn between(from: &Airport, to: &Airport) -> Self {
        let (from_latitude, to_latitude) = (from.latitude.to_radians(), to.latitude.to_radians());
        let east = (to.longitude - from.longitude).to_radians();
        let half = |angle: f64| (angle / 2.0).sin().powi(2);
        let haversine =
            half(to_latitude - from_latitude) + from_latitude.cos() * to_latitude.cos() * half(east);
        let x =
            from_latitude.cos() * to_latitude.sin() - from_latitude.sin() * to_latitude.cos() * east.cos();
        Self {
            distance_km: 2.0 * EARTH_RADIUS_KM * haversine.clamp(0.0, 1.0).sqrt().asin(),
            initial_bearing: (east.sin() * to_latitude.cos()).atan2(x),
            mean_latitude: f64::midpoint(from.latitude, to.latitude),
        }
    }

    /// Minutes from leaving the gate to reaching the other, a multiple of 5.
    ///
    /// The house formula: taxi, climb and approach in a fixed part, the rest at cruising speed, to
    /// which the westerlies of the middle latitudes add up to 65 km/h eastwards and take off as much
    /// westwards.
    #[must_use]
    pub fn block_minutes(&self, propulsion: Propulsion) -> i64 {
        let minutes = match propulsion {
            Propulsion::Turboprop => 35.0 + 60.0 * self.distance_km / 480.0,
            Propulsion::Jet => {
                let westerlies = ((self.mean_latitude.abs() - 15.0) / 25.0).clamp(0.0, 1.0);
                let speed = 860.0 + 65.0 * self.initial_bearing.sin() * westerlies;
                40.0 + 60.0 * self.distance_km / speed
            }
        };
        // At most half around the earth: far within an integer.
        (minutes / 5.0).ceil() as i64 * 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::airports::DemoPlaces;

    fn leg(from: &str, to: &str) -> GreatCircle {
        let places = DemoPlaces::read().unwrap();
        let airport =
            |code: &str| places.airports.iter().find(|airport| airport.iata.as_str() == code).unwrap();
        GreatCircle::between(airport(from), airport(to))
    }

    #[test]
    fn london_to_new_york_takes_longer_than_back() {
        let (out, back) = (leg("LHR", "JFK"), leg("JFK", "LHR"));
        assert!((out.distance_km - 5540.0).abs() < 2.0, "{}", out.distance_km);
        assert!((out.distance_km - back.distance_km).abs() < 1e-6);
        assert_eq!(out.block_minutes(Propulsion::Jet), 7 * 60 + 40);
        assert_eq!(back.block_minutes(Propulsion::Jet), 6 * 60 + 45);
    }

    #[test]
    fn short_and_slow_legs() {
        assert_eq!(leg("LHR", "CDG").block_minutes(Propulsion::Jet), 65);
        let hop = leg("CDG", "LYS");
        assert_eq!(hop.block_minutes(Propulsion::Turboprop) % 5, 0);
        assert!(hop.block_minutes(Propulsion::Turboprop) > hop.block_minutes(Propulsion::Jet));
    }

    #[test]
    fn there_is_no_jet_stream_near_the_equator() {
        let (out, back) = (leg("SIN", "CGK"), leg("CGK", "SIN"));
        assert_eq!(out.block_minutes(Propulsion::Jet), back.block_minutes(Propulsion::Jet));
    }
}
