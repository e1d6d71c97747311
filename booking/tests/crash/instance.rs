//! The service as a process that can be killed.

use crate::{keys::Keys, requests::UserClient};
use secrecy::ExposeSecret;
use servers::{OnOwnerDeath, spawn_bound};
use shared::db::DatabaseConfig;
use std::{
    net::{SocketAddr, TcpListener},
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use testkit::SERVICE_TOKEN_SECRET;

/// How long a process may take to start or to die before a test fails.
const PROCESS_TIMEOUT: Duration = Duration::from_secs(30);

/// Where nobody listens: an address for what a test does without.
const NOWHERE: &str = "amqp://nobody:nothing@127.0.0.1:1/%2f";

/// How processes are set.
#[derive(Clone)]
pub(crate) struct Settings {
    variables: Vec<(&'static str, String)>,
}

impl Settings {
    /// Over a database, verifying with these keys, without a broker.
    pub(crate) fn new(database: &DatabaseConfig, keys: &Keys) -> Self {
        let variables = vec![
            ("BOOKING_HTTP_WORKERS", "1".to_owned()),
            // More than a small machine would have.
            ("BOOKING_LEDGER_SHARDS", "2".to_owned()),
            ("BOOKING_DATABASE_URL", database.url.expose_secret().to_owned()),
            ("BOOKING_DATABASE_SCHEMA", database.schema.clone()),
            ("BOOKING_AMQP_URL", NOWHERE.to_owned()),
            ("BOOKING_JWKS_URL", keys.url.clone()),
            ("BOOKING_SERVICE_TOKEN_SECRET", SERVICE_TOKEN_SECRET.to_owned()),
            ("BOOKING_PAYMENT_PROVIDER", "sandbox".to_owned()),
            ("BOOKING_LOG_FORMAT", "text".to_owned()),
            ("BOOKING_LOG_FILTER", "error".to_owned()),
        ];
        Self { variables }
    }

    /// The same with another variable, or another value of one.
    pub(crate) fn with(mut self, name: &'static str, value: &impl ToString) -> Self {
        self.variables.retain(|(present, _)| *present != name);
        self.variables.push((name, value.to_string()));
        self
    }
}

/// A process of the service. Dropping it kills it.
pub(crate) struct InstanceProcess {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl InstanceProcess {
    /// Starts a process on a free port; it need not be ready.
    pub(crate) fn spawn(settings: &Settings) -> Self {
        Self::spawn_at(settings, free_address())
    }

    fn spawn_at(settings: &Settings, address: SocketAddr) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aerobus-booking"));
        command.envs(settings.variables.iter().map(|(name, value)| (name, value)));
        command.env("BOOKING_HTTP_ADDRESS", address.to_string()).stdin(Stdio::null());
        Self { child: spawn_bound(command, OnOwnerDeath::Kill).unwrap(), address }
    }

    /// Starts a process; ready when it serves.
    pub(crate) async fn start(settings: &Settings) -> Self {
        let instance = Self::spawn(settings);
        instance.ready().await;
        instance
    }

    /// Waits until it serves.
    pub(crate) async fn ready(&self) {
        let probe = UserClient::new(self.address, "");
        let deadline = Instant::now() + PROCESS_TIMEOUT;
        while probe.get("/health/ready").await.map(|answer| answer.status) != Ok(200) {
            assert!(Instant::now() < deadline, "a process did not become ready");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Restarts it after its death, at the same address; it need not be ready.
    pub(crate) fn respawn(&mut self, settings: &Settings) {
        *self = Self::spawn_at(settings, self.address);
    }

    /// Waits until it has died by its own hand, as by `kill -9`.
    pub(crate) async fn has_died(&mut self) {
        let deadline = Instant::now() + PROCESS_TIMEOUT;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert_eq!(status.signal(), Some(9), "it ended by itself: {status}");
                return;
            }
            assert!(Instant::now() < deadline, "the kill point was never passed");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Drop for InstanceProcess {
    fn drop(&mut self) {
        // Both fail only where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A free port on loopback: taken once, so that it is not given out again at once.
fn free_address() -> SocketAddr {
    TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap()
}
