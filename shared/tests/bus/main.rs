//! The bus and the outbox, over real PostgreSQL and RabbitMQ.
//!
//! | module | what it tests |
//! |---|---|
//! | `conformance` | what both carriers promise, run for each of them |
//! | `declared` | work queues that are there before their consumers, for each carrier |
//! | `outbox` | events from the transaction to their consumers, for each carrier |
//! | `wakeups` | what wakes relays: nudges, notifications, polls |
//! | `relay` | the relay against failing carriers and databases |
//! | `process` | what only the carrier within one process can do: lose a runtime |
//! | `broker` | what only a broker can do: break, stall, and carry nonsense |
//! | `revocations` | verifiers that hear on the bus what was revoked, and read what they have missed |
//! | `fixture`, `probe`, `store` | what the tests are made of |
//!
//! Nothing here sleeps or tries again: tests wait for what a handler or the broker tells them, and a
//! generous time-out only makes them fail.

mod broker;
mod conformance;
mod declared;
mod fixture;
mod outbox;
mod probe;
mod process;
mod relay;
mod revocations;
mod store;
mod wakeups;

/// Runs each test of a module for both carriers.
macro_rules! for_both_carriers {
    ($suite:ident: $($test:ident),+ $(,)?) => {
        mod in_process {
            $(#[actix::test]
            async fn $test() {
                let fixture = crate::fixture::InProcessFixture::new();
                super::$test(&fixture).await;
                crate::fixture::Fixture::finish(&fixture).await;
            })+
        }

        mod amqp {
            $(#[actix::test]
            async fn $test() {
                let fixture = crate::fixture::AmqpFixture::new();
                super::$test(&fixture).await;
                crate::fixture::Fixture::finish(&fixture).await;
            })+
        }
    };
}

pub(crate) use for_both_carriers;
