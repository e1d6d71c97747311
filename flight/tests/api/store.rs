//! The tables: bulk inserts, the newest availability, renamed reference data.

use crate::world::{code, day, flight, found};
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::{
    domain::reference::{Airport, City, DepartureTaxes},
    store::{
        MIGRATIONS, ReferenceTable, availability,
        flights::{self, FlightFilter, Naming},
    },
};
use shared::{
    events::SeatsState,
    money::{Currency, Money},
};
use testkit::TestDatabase;

#[actix_web::test]
async fn inserting_twice_adds_nothing() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let new = [
        flight("AE102", "LGW", day(30), "12:00", "G-AERB"),
        flight("AE100", "LHR", day(30), "10:00", "G-AERA"),
    ];
    let first = insert(&mut connection, &new).await;
    assert_eq!(first.len(), 2);
    let again = insert(&mut connection, &new).await;
    assert_eq!(again, []);
    let london = FlightFilter { origin: Some(code("LON")), ..FlightFilter::default() };
    let listed = flights::list(&mut connection, &london, None, 10, Utc::now()).await.unwrap();
    let numbers: Vec<&str> = listed.iter().map(|flight| flight.flight_number.as_str()).collect();
    assert_eq!(numbers, ["AE100", "AE102"], "by departure, from both airports of the city");
    assert_eq!(listed[0].fares.len(), 3);
    assert_eq!(City::insert(&mut connection, &[]).await.unwrap(), 0);
}

#[actix_web::test]
async fn availability_keeps_the_newest_version() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let made = insert(&mut connection, &[flight("AE100", "LHR", day(30), "10:00", "G-AERA")]).await;
    let state = |version, held: &[&str], sold: &[&str]| SeatsState {
        flight_id: made[0].id,
        version,
        held: held.iter().map(|seat| code(seat)).collect(),
        sold: sold.iter().map(|seat| code(seat)).collect(),
    };
    let unknown = SeatsState { flight_id: shared::ids::FlightId::new(), ..state(9, &[], &[]) };
    let batch = [state(2, &["4A"], &["1A"]), state(1, &[], &[]), unknown];
    availability::keep_newest(&mut connection, &batch).await.unwrap();
    availability::keep_newest(&mut connection, &[state(1, &["5A", "5B"], &[])]).await.unwrap();
    let seen = flights::with_seats(&mut connection, made).await.unwrap();
    assert_eq!(seen[0].seats_version, 2);
    let counts: Vec<_> =
        seen[0].cabins.iter().map(|cabin| (cabin.seats_total, cabin.seats_available)).collect();
    assert_eq!(counts, [(12, 11), (136, 135)]);
}

#[actix_web::test]
async fn a_renamed_city_is_told_with_its_flights() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    insert(&mut connection, &[flight("AE100", "LHR", day(30), "10:00", "G-AERA")]).await;
    let mut paris = City::find(&mut connection, &code("PAR")).await.unwrap().unwrap().value;
    paris.name = "Lutetia".into();
    assert_eq!(City::update(&mut connection, &paris).await.unwrap(), 2);
    let told = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::republish(connection, &[Naming::City(code("PAR"))]).await
        })
        .await
        .unwrap();
    assert_eq!((told.len(), told[0].version), (1, 2));
    assert_eq!(told[0].destination.city.name, "Lutetia");
}

#[actix_web::test]
async fn flights_carry_the_tax_of_their_origin() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let mut heathrow = Airport::find(&mut connection, &code("LHR")).await.unwrap().unwrap().value;
    let mut own = async |connection: &mut AsyncPgConnection, domestic, international| {
        heathrow.taxes = DepartureTaxes { domestic, international };
        Airport::update(connection, &heathrow).await.unwrap();
        let read = Airport::find(connection, &code("LHR")).await.unwrap().unwrap();
        assert_eq!(read.value, heathrow);
    };
    own(&mut connection, Some(0), Some(5794)).await;
    let mut within = flight("AE102", "LHR", day(30), "12:00", "G-AERB");
    within.destination = code("LGW");
    let new = [
        flight("AE100", "LHR", day(30), "10:00", "G-AERA"),
        within,
        flight("AE104", "LGW", day(31), "10:00", "G-AERA"),
    ];
    let made = insert(&mut connection, &new).await;
    let taxes = |flights: &[flight::domain::flight::Flight]| {
        let mut taxes: Vec<_> =
            flights.iter().map(|flight| (flight.flight_number.to_string(), flight.departure_tax)).collect();
        taxes.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        taxes.into_iter().map(|(_, tax)| tax).collect::<Vec<_>>()
    };
    let euros = |minor| Some(Money::new(minor, Currency::EUR));
    assert_eq!(taxes(&made), [euros(5794), euros(0), None]);

    own(&mut connection, None, Some(6000)).await;
    let told = connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::republish(connection, &[Naming::Airport(code("LHR"))]).await
        })
        .await
        .unwrap();
    assert_eq!(taxes(&told), [euros(6000), None]);
}

#[actix_web::test]
async fn no_tax_is_negative() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let mut heathrow = Airport::find(&mut connection, &code("LHR")).await.unwrap().unwrap().value;
    for (domestic, international) in [(Some(-1), None), (None, Some(-1))] {
        heathrow.taxes = DepartureTaxes { domestic, international };
        Airport::update(&mut connection, &heathrow).await.unwrap_err();
    }
}

async fn insert(
    connection: &mut AsyncPgConnection,
    new: &[flights::NewFlight],
) -> Vec<flight::domain::flight::Flight> {
    connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, new).await)
        .await
        .expect("flights")
}
