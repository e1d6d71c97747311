//! RabbitMQ goes away while people book.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use serde_json::json;
use servers::{RabbitMq, RabbitMqOptions};
use std::collections::BTreeSet;

const BEFORE: usize = 3;
const DURING: usize = 12;

#[actix_web::test]
async fn bookings_go_on_without_the_broker_and_every_mail_arrives_once_after_it() {
    let folder = tempfile::tempdir().unwrap();
    let base_dir = folder.path().join("rabbitmq");
    let start = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
    let mut broker = tokio::task::spawn_blocking(start).await.unwrap().expect("a broker of our own");
    let system = RunningSystem::over(&broker.url()).await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;

    let mut locators = BTreeSet::new();
    let mut sell = async |count: usize, first_row: usize| {
        for number in 0..count {
            let seat = format!("{}A", first_row + number);
            let mut body = booking(&flight, Some(&seat), Some("tok_visa"));
            body["passengers"][0]["given_name"] =
                json!(format!("Ada {}", char::from(b'A' + (first_row + number) as u8)));
            let booked = book(&admin, &body).await.expect(201);
            assert_eq!(booked["status"], "confirmed");
            locators.insert(booked["locator"].as_str().unwrap().to_owned());
        }
    };
    sell(BEFORE, 1).await;
    broker = tokio::task::spawn_blocking(move || {
        broker.shut_down().expect("the broker stops");
        broker
    })
    .await
    .unwrap();
    sell(DURING, 1 + BEFORE).await;
    broker = tokio::task::spawn_blocking(move || {
        broker.restart().expect("the broker starts again");
        broker
    })
    .await
    .unwrap();

    // One mail for each booking; a second one for any of them would come among these.
    let mut mailed = Vec::new();
    while mailed.len() < BEFORE + DURING {
        let text = system.smtp.next(PATIENCE).await.text();
        mailed.extend(locators.iter().filter(|locator| text.contains(locator.as_str())).cloned());
    }
    let once: BTreeSet<String> = mailed.iter().cloned().collect();
    assert_eq!(once, locators, "every booking has its mail");
    assert_eq!(mailed.len(), once.len(), "and none has two");
    let sent = admin.get("/api/v1/admin/mail?template=booking_confirmed&limit=200").await.expect(200);
    assert_eq!(sent["data"].as_array().unwrap().len(), BEFORE + DURING);
    system.stop().await;
    drop(broker);
}
