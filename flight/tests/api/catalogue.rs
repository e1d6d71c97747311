//! The catalogue and what feeds it, without a bus between them.

use crate::world::{code, day, flight, found};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::{
    actors::{availability_feed::SeatsFeed, catalogue::CatalogueHandle},
    domain::reference::Airport,
    store::{
        MIGRATIONS, ReferenceTable, availability,
        flights::{self, FlightChange, NewFlight},
    },
};
use shared::{
    bus::{Delivery, Disposition, Handler},
    db::Pool,
    events::{Event, EventType, SeatsState},
};
use testkit::TestDatabase;

#[actix_web::test]
async fn seats_that_only_the_work_queue_had_reach_the_catalogue() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let new = [flight("AE100", "LHR", day(30), "10:00", "G-AERA")];
    let made = connection
        .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &new).await)
        .await
        .unwrap();
    let pool = Pool::new(&database.config("flight"));
    let catalogue = CatalogueHandle::start(pool.clone());
    catalogue.loaded().await;
    let left = || {
        let index = catalogue.index().expect("an index");
        let flight = index.flights(&code("LHR"), &code("CDG"), day(30)).next().expect("the flight");
        flight.cabins().nth(1).expect("economy").seats_available
    };
    assert_eq!(left(), 136);

    let feed = SeatsFeed::start(pool, catalogue.clone());
    let state = |version, sold: &[&str]| SeatsState {
        flight_id: made[0].id,
        version,
        held: vec![],
        sold: sold.iter().map(|seat| code(seat)).collect(),
    };
    let delivery = |state: &SeatsState| Delivery {
        event: Event::new("booking", EventType::SeatsChanged, state.flight_id, state.version, state).into(),
        attempt: 1,
    };
    let batch = [delivery(&state(2, &["4A", "4B"])), delivery(&state(1, &["4A"]))];
    assert_eq!(feed.handle(&batch).await, [Disposition::Ack, Disposition::Ack]);
    assert_eq!(left(), 134);

    // What another instance has written, and nobody told.
    availability::keep_newest(&mut connection, &[state(3, &["4A", "4B", "4C"])]).await.unwrap();
    catalogue.synchronised().await.unwrap();
    assert_eq!(left(), 133);
}

#[actix_web::test]
async fn a_comparison_mends_what_no_message_told() {
    let database = TestDatabase::of("flight", MIGRATIONS).await;
    let mut connection = database.config("flight").connect().await.unwrap();
    found(&mut connection).await;
    let [first, second] = [("AE100", "G-AERA"), ("AE200", "G-AERB")]
        .map(|(number, airplane)| flight(number, "LHR", day(30), "10:00", airplane));
    let insert = async |connection: &mut AsyncPgConnection, new: NewFlight| {
        connection
            .transaction(async |connection: &mut AsyncPgConnection| flights::insert(connection, &[new]).await)
            .await
            .unwrap()
            .remove(0)
    };
    let gone = insert(&mut connection, first).await;
    let catalogue = CatalogueHandle::start(Pool::new(&database.config("flight")));
    catalogue.loaded().await;
    let shown = || {
        let index = catalogue.index().expect("an index");
        let shown = index.all().map(|flight| (flight.id, flight.version)).collect::<Vec<_>>();
        let airports = index.airports();
        (shown, airports.id(&code("LHR")).and_then(|id| airports.min_connection(id)))
    };
    assert_eq!(shown(), (vec![(gone.id, 1)], Some(45)));

    // Written by another instance, while this one heard nothing.
    let new = insert(&mut connection, second).await;
    let change = FlightChange { fares: Some(vec![]), ..FlightChange::default() };
    connection
        .transaction(async |connection: &mut AsyncPgConnection| {
            flights::update(connection, new.id, &change).await?;
            flights::delete(connection, &gone).await?;
            let mut heathrow = Airport::find(connection, &code("LHR")).await?.expect("Heathrow").value;
            heathrow.min_connection_minutes = Some(75);
            Airport::update(connection, &heathrow).await
        })
        .await
        .unwrap();
    catalogue.synchronised().await.unwrap();
    assert_eq!(shown(), (vec![(new.id, 2)], Some(75)));
}
