//! The tables: bulk inserts, the newest availability, renamed reference data.

use crate::world::{code, day, flight, found};
use chrono::Utc;
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::{
    domain::reference::City,
    store::{
        MIGRATIONS, ReferenceTable, availability,
        flights::{self, FlightFilter, Naming},
    },
};
use shared::events::SeatsState;
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
            flights::republish(connection, &Naming::City(code("PAR"))).await
        })
        .await
        .unwrap();
    assert_eq!((told.len(), told[0].version), (1, 2));
    assert_eq!(told[0].destination.city.name, "Lutetia");
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
