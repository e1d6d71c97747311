//! RabbitMQ below the services, where a start needs it.

use crate::{cli::UpOptions, installation::Installation, private_server::stop_server};
use anyhow::Context;
use secrecy::SecretString;
use servers::{RabbitMq, RabbitMqOptions};

/// RabbitMQ, ours or given.
pub(crate) struct Broker {
    server: Option<RabbitMq>,
    /// Its address, with the password.
    pub(crate) url: SecretString,
}

impl Broker {
    /// The broker that was asked for: a given one, a private one for separate processes, or none where
    /// the bus lies in the process.
    ///
    /// # Errors
    /// When the private server does not start.
    pub(crate) async fn open(
        options: &UpOptions,
        installation: &Installation,
    ) -> anyhow::Result<Option<Self>> {
        if let Some(url) = &options.amqp {
            return Ok(Some(Self { server: None, url: url.clone() }));
        }
        if !options.processes {
            return Ok(None);
        }
        let base_dir = installation.path().join("rabbitmq");
        let start = move || RabbitMq::start(RabbitMqOptions { base_dir, port: None });
        let server =
            tokio::task::spawn_blocking(start).await?.context("the private RabbitMQ does not start")?;
        let url = SecretString::from(server.url());
        Ok(Some(Self { server: Some(server), url }))
    }

    /// Stops the server where it is ours.
    pub(crate) async fn close(self) {
        if let Some(server) = self.server {
            stop_server(move || server.stop()).await;
        }
    }
}
