//! The four services in one process, each on threads of its own.

use crate::{
    service_thread::ServiceThread,
    start_plan::{StartPlan, local},
};
use anyhow::Context;
use futures_util::future::join_all;
use shared::{
    auth::{KeySource, RevocationList},
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        in_process::InProcess,
        queues,
    },
    service::ServiceContext,
    threads::Priority,
};
use std::net::SocketAddr;

/// The running services.
pub struct EmbeddedServices {
    /// Stopped in this order: the way in first.
    running: Vec<ServiceThread>,
    buses: Vec<Bus>,
    /// Services with their addresses, the gateway first.
    pub addresses: Vec<(&'static str, SocketAddr)>,
}

impl EmbeddedServices {
    /// Starts them, each after those that it asks.
    ///
    /// # Errors
    /// When one of them does not start. Services that had started end with the process.
    pub async fn start(plan: &StartPlan) -> anyhow::Result<Self> {
        let keys = KeySource::in_process();
        let mut buses = ServiceBuses { plan, in_process: None, opened: Vec::new() };
        // The gateway fills both for all.
        let revocations = RevocationList::in_process();
        let mut around = |service| {
            let context = ServiceContext::new(buses.bus(service)?, keys.clone());
            anyhow::Ok(ServiceContext { revocations: revocations.clone(), ..context })
        };

        let context = around("booking")?;
        let config = plan.booking();
        let start = async move || booking::app::start(config, context).await;
        let booking = ServiceThread::start(("booking", Priority::Requests), start).await?;
        let context = around("flight")?;
        let config = plan.flight(booking.address)?;
        let start = async move || flight::app::start(config, context).await;
        let flight = ServiceThread::start(("flight", Priority::Requests), start).await?;
        let mailer = match plan.with_mailer {
            true => {
                let (context, config) = (around("mailer")?, plan.mailer());
                let start = async move || mailer::app::start(config, context).await;
                Some(ServiceThread::start(("mailer", Priority::Followers), start).await?)
            }
            false => None,
        };
        // Nobody listens there without the mailer, and the gateway's health says so.
        let mailer_address = mailer.as_ref().map_or(local(plan.ports.mailer), |mailer| mailer.address);
        let context = around("gateway")?;
        let config = plan.gateway(flight.address, booking.address, mailer_address)?;
        let start = async move || gateway::app::start(config, context).await;
        let gateway = ServiceThread::start(("gateway", Priority::Requests), start).await?;

        let mut addresses =
            vec![("gateway", gateway.address), ("flight", flight.address), ("booking", booking.address)];
        addresses.extend(mailer.as_ref().map(|mailer| ("mailer", mailer.address)));
        let running = [gateway, booking, flight].into_iter().chain(mailer).collect();
        Ok(Self { running, buses: buses.opened, addresses })
    }

    /// The gateway's address.
    #[must_use]
    pub fn gateway(&self) -> SocketAddr {
        self.address("gateway")
    }

    /// A service's address.
    ///
    /// # Panics
    /// For a name that is no service.
    #[must_use]
    pub fn address(&self, service: &str) -> SocketAddr {
        let found = self.addresses.iter().find(|(name, _)| *name == service);
        found.unwrap_or_else(|| unreachable!("{service} is no service")).1
    }

    /// Their buses: the one in the process, or the connection of each to the broker.
    #[must_use]
    pub fn buses(&self) -> &[Bus] {
        &self.buses
    }

    /// Stops them: what runs is finished, what is committed is published while all consumers still run,
    /// and then everything ends.
    pub async fn stop(self) {
        for service in &self.running {
            service.stop_serving().await;
        }
        join_all(self.running.iter().map(ServiceThread::finish_work)).await;
        for bus in self.buses {
            // What could not be published in time is not waited for any longer.
            bus.close().await;
        }
        for service in self.running {
            service.close().await;
        }
    }
}

/// One bus in the process for all, or a connection to the broker for each.
struct ServiceBuses<'a> {
    plan: &'a StartPlan,
    in_process: Option<Bus>,
    opened: Vec<Bus>,
}

impl ServiceBuses<'_> {
    fn bus(&mut self, service: &str) -> anyhow::Result<Bus> {
        let bus = match (&self.plan.broker, &self.in_process) {
            (None, Some(bus)) => return Ok(bus.clone()),
            (None, None) => {
                let bus = Bus::new(InProcess::with_queues(&self.plan.queues()));
                self.in_process = Some(bus.clone());
                bus
            }
            (Some(broker), _) => {
                let config = AmqpConfig {
                    prefix: broker.prefix.clone(),
                    queues: queues::ALL,
                    ..AmqpConfig::new(broker.url.clone(), service)
                };
                Bus::new(Amqp::connect(&config).context("RabbitMQ cannot be used")?)
            }
        };
        self.opened.push(bus.clone());
        Ok(bus)
    }
}
