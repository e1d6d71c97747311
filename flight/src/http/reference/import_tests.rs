use crate::{
    domain::reference::{
        AircraftType, Airline, Airplane, Airport, City, DepartureTaxes, SeatLayout, check_plan,
    },
    http::imports::round_trip::{code, name, through_a_file, zone},
};
use proptest::prelude::*;
use shared::{
    ids::SeatLayoutId,
    seat::{Cabin, CabinSection, SeatDesignator, SeatPlan},
};
use uuid::Uuid;

fn city() -> impl Strategy<Value = City> {
    (code("[A-Z]{3}"), name(), code("[A-Z]{2}"), zone()).prop_map(|(code, name, country, time_zone)| City {
        code,
        name,
        country,
        time_zone,
    })
}

fn airport() -> impl Strategy<Value = Airport> {
    let place = (-90.0..=90.0, -180.0..=180.0);
    let of_country = (code("[A-Z]{3}"), code("[A-Z]{2}"), zone());
    let taxes = (prop::option::of(0..=10_000_000_i64), prop::option::of(0..=10_000_000_i64));
    let more = (prop::option::of(code("[A-Z0-9]{4}")), name(), prop::option::of(1..=1440_u16), taxes);
    (code("[A-Z]{3}"), of_country, place, more).prop_map(|(iata, (city, country, time_zone), place, more)| {
        let (icao, name, min_connection_minutes, (domestic, international)) = more;
        Airport {
            iata,
            icao,
            name,
            city,
            country,
            time_zone,
            latitude: place.0,
            longitude: place.1,
            min_connection_minutes,
            taxes: DepartureTaxes { domestic, international },
        }
    })
}

fn airline() -> impl Strategy<Value = Airline> {
    (code("[A-Z][A-Z0-9]"), name(), code("[0-9]{3}")).prop_map(|(code, name, accounting_code)| Airline {
        code,
        name,
        accounting_code,
    })
}

fn aircraft_type() -> impl Strategy<Value = AircraftType> {
    (code("[A-Z0-9]{3}"), "[A-Z0-9]{2,4}", name()).prop_map(|(code, icao, name)| AircraftType {
        code,
        icao,
        name,
    })
}

/// Sections of one row and more, behind each other, with exit rows and blocked seats among theirs.
fn plan() -> impl Strategy<Value = SeatPlan> {
    let cabin = prop::sample::select(Cabin::ALL.to_vec());
    let columns = prop::sample::select(vec!["AC|DF", "ABC|DEF", "A|DG|K", "ABC|DEFG|HJK"]);
    let sections = prop::collection::vec((cabin, 0..3_u8, 1..9_u8, columns), 1..6);
    (sections, any::<prop::sample::Index>(), any::<bool>()).prop_map(|(sections, pick, has_more)| {
        let mut last = 0;
        let cabins: Vec<CabinSection> = sections
            .into_iter()
            .map(|(cabin, gap, rows, columns)| {
                let first = last + 1 + gap;
                last = first + rows - 1;
                CabinSection { cabin, rows: [first, last], columns: columns.parse().expect("columns") }
            })
            .collect();
        let mut plan = SeatPlan { cabins, exit_rows: Vec::new(), blocked_seats: Vec::new() };
        if has_more {
            let seats: Vec<SeatDesignator> = plan.seats().map(|(seat, _)| seat).collect();
            plan.exit_rows = vec![plan.cabins[0].rows[0]];
            plan.blocked_seats = vec![seats[pick.index(seats.len())]];
        }
        assert_eq!(check_plan(&plan), []);
        plan
    })
}

fn seat_layout() -> impl Strategy<Value = SeatLayout> {
    (any::<u128>(), name(), code("[A-Z0-9]{3}"), plan()).prop_map(|(id, name, aircraft_type, plan)| {
        SeatLayout { id: SeatLayoutId(Uuid::from_u128(id)), name, version: 1, aircraft_type, plan }
    })
}

fn airplane() -> impl Strategy<Value = Airplane> {
    let registration = code("[A-Z0-9][A-Z0-9-]{1,8}[A-Z0-9]");
    (registration, code("[A-Z][A-Z0-9]"), code("[A-Z0-9]{3}"), any::<u128>()).prop_map(
        |(registration, airline, aircraft_type, layout)| Airplane {
            registration,
            airline,
            aircraft_type,
            seat_layout_id: SeatLayoutId(Uuid::from_u128(layout)),
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn an_export_says_what_the_tables_have(
        cities in prop::collection::vec(city(), 0..5), airports in prop::collection::vec(airport(), 0..5),
        airlines in prop::collection::vec(airline(), 0..5), types in prop::collection::vec(aircraft_type(), 0..5),
        layouts in prop::collection::vec(seat_layout(), 0..5), airplanes in prop::collection::vec(airplane(), 0..5),
    ) {
        prop_assert_eq!(through_a_file(&cities), cities);
        prop_assert_eq!(through_a_file(&airports), airports);
        prop_assert_eq!(through_a_file(&airlines), airlines);
        prop_assert_eq!(through_a_file(&types), types);
        prop_assert_eq!(through_a_file(&layouts), layouts);
        prop_assert_eq!(through_a_file(&airplanes), airplanes);
    }
}
