//! Two hundred clients, two booking processes, and everything dies once.

mod checks;
mod deaths;
mod record;
mod system;
mod traveller;

use crate::requests::UserClient;
use futures_util::future::join_all;
use rand::{SeedableRng, rngs::StdRng};
use record::Record;
use shared::ids::UserId;
use std::{cell::Cell, rc::Rc, time::Duration};
use system::System;
use traveller::LoadTraveller;

const CLIENTS: usize = 200;
const FLIGHTS: usize = 40;
/// How long the load runs undisturbed before, between and after the deaths.
const QUIET: Duration = Duration::from_secs(3);

#[actix_web::test]
async fn nothing_acknowledged_is_lost_when_processes_and_servers_are_killed_under_load() {
    let mut system = System::start(FLIGHTS).await;
    system.warm_up().await;
    let seed = std::env::var("AEROBUS_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(rand::random);
    println!("seed {seed} (AEROBUS_TEST_SEED={seed} runs these clients again)");

    let (record, stopping) = (Rc::new(Record::default()), Rc::new(Cell::new(false)));
    let flights = Rc::new(system.flights.clone());
    let http = UserClient::new(system.addresses()[0], "");
    let travellers = (0..CLIENTS).map(|number| {
        let traveller = LoadTraveller {
            number,
            random: StdRng::seed_from_u64(seed.wrapping_add(number as u64)),
            client: http.with_token(&system.keys.token(UserId::new(), &[])),
            instances: system.addresses(),
            at: 0,
            flights: flights.clone(),
            record: record.clone(),
            stopping: stopping.clone(),
            made: 0,
        };
        actix_web::rt::spawn(traveller.run())
    });
    let travellers: Vec<_> = travellers.collect();

    let deaths = deaths::all(&mut system, QUIET).await;
    stopping.set(true);
    for traveller in join_all(travellers).await {
        traveller.unwrap();
    }
    deaths::print(&deaths, &record, QUIET);
    checks::until_all_is_settled(&system).await;
    let found = checks::LoadFindings::read(&system).await;
    found.print(&system, &record);
    found.check(&record);
    checks::invariants(&system).await;
    deaths::check(&deaths, &record, QUIET);
    system.stop().await;
}
