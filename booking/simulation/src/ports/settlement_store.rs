//! The store of payments and refunds that are not settled, on the model of the database.

use crate::ports::instance_ports::InstancePorts;
use booking_engine::{
    ports::SettlementStore,
    saga::settlement::{UnsettledPayment, UnsettledRefund},
    store_error::StoreResult,
};
use chrono::TimeDelta;
use shared::ids::PaymentId;

impl SettlementStore for InstancePorts {
    async fn take_payments(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledPayment>> {
        let world = &self.world;
        world.hop().await;
        let mut database = world.reach_database()?;
        let clock = database.clock(world.now());
        let payments = database.take_payments(clock, idle, limit);
        world.record(|trace| trace.payments_taken(clock, (idle, limit), &payments));
        for left in &payments {
            world.count("sagas taken up");
            world.note(|| format!("instance {} takes up payment {}, {:?}", self.at, left.id, left.state));
        }
        Ok(payments)
    }

    async fn take_refunds(&self, idle: TimeDelta, limit: usize) -> StoreResult<Vec<UnsettledRefund>> {
        let world = &self.world;
        world.hop().await;
        let mut database = world.reach_database()?;
        let clock = database.clock(world.now());
        let refunds = database.take_refunds(clock, idle, limit);
        world.record(|trace| trace.refunds_taken(clock, (idle, limit), &refunds));
        Ok(refunds)
    }

    async fn mark_settled(&self, payment: PaymentId) -> StoreResult<()> {
        let world = &self.world;
        world.hop().await;
        world.reach_database()?.settle_payment(payment);
        world.record(|trace| trace.payment_settled(payment));
        Ok(())
    }

    async fn mark_refunded(&self, refund: &UnsettledRefund) -> StoreResult<()> {
        let world = &self.world;
        world.hop().await;
        world.reach_database()?.settle_refund(refund.id);
        world.record(|trace| trace.refund_settled(refund.payment_id));
        Ok(())
    }
}
