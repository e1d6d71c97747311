use super::*;
use crate::{MIGRATIONS, actors::payment::Sandbox, app, config::Config};
use booking_engine::{
    ports::{FlightInventory, FlightOffer, RequestContext},
    samples,
};
use shared::{
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::Event,
    service::ServiceContext,
};
use testkit::{SERVICE_TOKEN_SECRET, TestDatabase, TokenIssuer};

fn delivery(state: &FlightState) -> Delivery {
    let event = Event::new("flight", EventType::FlightPublished, state.id, state.version, state);
    Delivery { event: event.into(), attempt: 1 }
}

#[actix_web::test]
async fn flights_that_cannot_be_stored_are_not_sold() {
    let database = TestDatabase::of("booking", MIGRATIONS).await;
    let (bus, issuer) = (Bus::new(InProcess::new()), TokenIssuer::new());
    let secret = SERVICE_TOKEN_SECRET.to_owned().into();
    let service = ServiceConfig::embedded(([127, 0, 0, 1], 0).into(), &database.config("booking"), secret);
    let context = ServiceContext::new(bus.clone(), issuer.keys());
    let sandbox = |config: &Config, pool: &Pool| {
        Ok(Arc::new(Sandbox::start(config.service.database(), pool.clone())) as Arc<_>)
    };
    let (running, sales) = app::start_with(Config::embedded(service), context, sandbox).await.unwrap();
    let disruptions = DisruptionDesk::start(
        sales.deps.keys.0.clone(),
        sales.deps.ledgers.clone(),
        sales.deps.desk.clone(),
        std::time::Duration::from_secs(3600),
    );
    let feed = FlightFeed::new(sales.deps.keys.0.clone(), sales.deps.directory.clone(), disruptions);
    let version = async |id| {
        // Its answer comes after the earlier updates.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        let (directory, context) = (&sales.deps.directory, RequestContext::of_our_own(deadline));
        directory.seat_map(id, context).await.unwrap();
        directory.offer(id, context).await.unwrap().flight().state.version
    };

    let (mut bad, mut good) = (samples::flight(), samples::flight());
    assert_eq!(feed.handle(&[delivery(&bad), delivery(&good)]).await, [Disposition::Ack, Disposition::Ack]);
    assert_eq!((version(bad.id).await, version(good.id).await), (1, 1));
    (bad.version, good.version) = (2, 2);
    // No text of the database holds this.
    bad.reason = Some("\0".to_owned());
    let dispositions = feed.handle(&[delivery(&bad), delivery(&good)]).await;
    assert!(matches!(dispositions[..], [Disposition::Retry(_), Disposition::Ack]), "{dispositions:?}");
    assert_eq!((version(bad.id).await, version(good.id).await), (1, 2));
    running.stop().await;
    bus.close().await;
}
