//! Keys that were bound anew while a payment under them was still unsettled.

use super::{Claim, Command, LedgerFixture, claim, done};
use booking_engine::{
    booking::{idempotency::Key, record::Booking},
    payment::record::PaymentOrder,
};
use shared::ids::PaymentId;

/// A purchase in one call under the same key, and its payment.
fn purchase(booking: Booking) -> (Command, PaymentId) {
    let payment = PaymentOrder { id: PaymentId::new(), method: "card".into(), token: "tok_visa".into() };
    let id = payment.id;
    let Command::Claim(claimed) = claim(booking) else { unreachable!() };
    let key = Key { scope: vec![1], body: vec![2] };
    (Command::Claim(Box::new(Claim { payment: Some(payment), key: Some(key), ..*claimed })), id)
}

#[actix::test]
async fn a_late_answer_does_not_land_under_the_key_of_another_booking() {
    let fixture = LedgerFixture::new().await;
    let [first, second, third] = ["4A", "4B", "4C"].map(|seat| fixture.booking(&[seat]));
    let ids = [first.id, second.id, third.id];
    let mut payments = Vec::new();
    for booking in [first, second, third] {
        // Nobody has heard of the payment before for a day.
        fixture.superuser("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'").await;
        let (command, payment) = purchase(booking);
        done(&fixture.batch(&[command]).await[0]);
        payments.push(payment);
    }
    let answered = "idempotency_keys WHERE status IS NOT NULL";
    let confirm = Command::Confirm { booking: ids[0], payment: payments[0] };
    let decline = Command::Decline { booking: ids[1], payment: payments[1], void: false };
    for late in [confirm, decline] {
        done(&fixture.batch(&[late]).await[0]);
        assert_eq!(fixture.count(answered).await, 0, "the key is the third booking's");
    }
    let own = Command::Confirm { booking: ids[2], payment: payments[2] };
    done(&fixture.batch(&[own]).await[0]);
    let id = ids[2];
    assert_eq!(
        fixture.count(&format!("{answered} AND booking_id = '{id}' AND response LIKE '%{id}%'")).await,
        1
    );
    fixture.stop();
}
