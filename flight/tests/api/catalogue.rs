//! The catalogue and what feeds it, without a bus between them.

use crate::world::{code, day, flight, found};
use diesel_async::{AsyncConnection, AsyncPgConnection};
use flight::{
    actors::{availability_feed::SeatsFeed, catalogue::CatalogueHandle},
    store::{MIGRATIONS, availability, flights},
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
