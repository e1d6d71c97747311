//! Stored bookings are as the service's own.

use bench::{cluster::ServiceDatabase, stored};
use booking::{app, config::Config};
use shared::{
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::{BookingState, SeatsState},
    ids::UserId,
    service::ServiceContext,
};
use testkit::{Client, SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};

#[actix_web::test]
async fn the_service_reads_them_as_its_own() {
    let database = TestDatabase::of("booking", booking::MIGRATIONS).await;
    let own = ServiceDatabase { config: database.config("booking") };
    stored::fill(&mut own.connect().await.unwrap(), 360).await.unwrap();

    let rows = own.rows().await.unwrap();
    for (table, count) in [("bookings", 360), ("seats", 360), ("ledger_entries", 1080), ("events", 362)] {
        assert_eq!(rows[table], count, "{table}");
    }
    let unbalanced = "SELECT count(*) AS number FROM (SELECT FROM ledger_entries GROUP BY cause HAVING sum(amount) <> 0) AS one";
    assert_eq!(own.number(unbalanced).await.unwrap(), 0);
    let old = "SELECT count(*) AS number FROM events WHERE time < now() - interval '7 days'";
    assert_eq!(own.number(old).await.unwrap(), 0);

    let told = "SELECT data::text AS words FROM events WHERE kind = 'booking.confirmed'";
    let told = own.words(told).await.unwrap();
    let states: Vec<BookingState> = told.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let seats = "SELECT data::text AS words FROM events WHERE kind = 'seats.changed'";
    for text in own.words(seats).await.unwrap() {
        let seats: SeatsState = serde_json::from_str(&text).unwrap();
        assert_eq!(seats.sold.len(), 180);
    }

    let issuer = TokenIssuer::new();
    let secret = SERVICE_TOKEN_SECRET.to_owned().into();
    let service = ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), &own.config, secret);
    let bus = Bus::new(InProcess::new());
    let context = ServiceContext::new(bus.clone(), issuer.keys());
    let running = app::start(Config::embedded(service), context).await.unwrap();
    let state = &states[7];
    let owner: UserId = state.owner_id;
    let client = Client::new(format!("http://{}", running.address)).with_token(&issuer.token(owner, &[]));
    let answer = client.get(&format!("/api/v1/bookings/{}", state.id)).await;
    assert_eq!(answer.status, 200);
    let shown: BookingState = serde_json::from_value(answer.json).unwrap();
    assert_eq!((&shown.segments, &shown.passengers), (&state.segments, &state.passengers));
    assert_eq!((&shown.price, &shown.payments), (&state.price, &state.payments));
    let flight = state.segments[0].flight_id;
    let map = client.get(&format!("/api/v1/flights/{flight}/seat-map")).await.expect(200);
    assert_eq!(map["counts"]["sold"], 180);
    running.stop().await;
    bus.close().await;
}
