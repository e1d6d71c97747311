//! Payments that the provider has decided, and that the ledger cannot store at once.

use super::{NOT_NOTED, PaymentFixture, Played, eventually};
use diesel_async::{AsyncConnection, AsyncPgConnection, SimpleAsyncConnection};
use std::sync::atomic::Ordering;
use testkit::Answer;

/// Somebody who keeps the ledger from writing.
struct Lock(AsyncPgConnection);

impl Lock {
    async fn of(fixture: &PaymentFixture) -> Self {
        let mut connection = AsyncPgConnection::establish(&fixture.database.superuser_url()).await.unwrap();
        let lock = "BEGIN; SELECT FROM booking.flights FOR UPDATE";
        connection.batch_execute(lock).await.unwrap();
        Self(connection)
    }

    async fn release(mut self) {
        self.0.batch_execute("ROLLBACK").await.unwrap();
    }
}

/// Buys, and lets the provider authorise as soon as the ledger cannot write; `fault`: what comes then.
async fn buy_without_ledger(fixture: &PaymentFixture, fault: impl AsyncFnOnce()) -> (Answer, Lock) {
    let (client, body) = (fixture.client.clone(), fixture.body("Ada"));
    let buying = actix::spawn(async move { client.post("/api/v1/bookings", &body).await });
    fixture.played.begun.notified().await;
    let lock = Lock::of(fixture).await;
    fixture.played.released.notify_one();
    fault().await;
    (buying.await.unwrap(), lock)
}

/// Nobody takes it up as one that was left: it was not, by far not long enough ago.
async fn confirmed(fixture: &PaymentFixture) {
    eventually("the confirmation", async || fixture.sql("SELECT FROM bookings WHERE status = 1").await == 1)
        .await;
}

#[actix_web::test]
async fn an_authorised_payment_is_confirmed_as_soon_as_the_ledger_can() {
    let fixture = PaymentFixture::new(Played { gated: true.into(), ..Played::default() }).await;
    let (bought, lock) =
        buy_without_ledger(&fixture, async || fixture.sales.deps.ledgers.kill(fixture.flight.id).await).await;
    bought.expect_problem(504, "upstream_timeout");
    lock.release().await;
    confirmed(&fixture).await;
    assert_eq!(fixture.played.finds.load(Ordering::SeqCst), 0, "what it has said is known");
    fixture.all_captured(1).await;
    fixture.stop().await;
}

#[actix_web::test]
async fn a_ledger_that_is_only_busy_confirms_later() {
    let fixture = PaymentFixture::new(Played { gated: true.into(), ..Played::default() }).await;
    // It does not get its locks in time: nothing was lost.
    let (bought, lock) = buy_without_ledger(&fixture, async || {}).await;
    bought.expect_problem(504, "upstream_timeout");
    lock.release().await;
    confirmed(&fixture).await;
    fixture.all_captured(1).await;
    fixture.stop().await;
}

/// As an instance of the release before leaves it, which knows of no queue.
#[actix_web::test]
async fn a_refusal_that_is_still_queued_leaves_the_queue() {
    let fixture = PaymentFixture::new(Played::default()).await;
    fixture.buy("Ada").await.expect(201);
    fixture.all_captured(1).await;
    for statement in ["UPDATE payments SET state = 3", NOT_NOTED] {
        fixture.sql(statement).await;
    }
    eventually("the settlement", async || {
        fixture.sql("UPDATE unsettled_payments SET attempted_at = now() - interval '2 hours'").await;
        fixture.sql("SELECT FROM unsettled_payments").await == 0
    })
    .await;
    assert_eq!(fixture.sql("SELECT FROM payments WHERE state = 3").await, 1);
    fixture.stop().await;
}
