//! localstripe: a Python program that plays Stripe's API, in a process of its own.
//!
//! It knows payment intents, cards that are good, refused (`pm_card_chargeCustomerFail`) or want their
//! holder (3-D Secure), captures, cancellations and refunds. It does not know idempotency keys: what must
//! not happen twice has to be prevented by who calls it.

use super::Client;
use serde_json::{Value, json};
use servers::{OnOwnerDeath, spawn_bound};
use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// The program that starts it.
const PROGRAM: &str = include_str!("localstripe.py");
/// A card whose bank wants to see the cardholder.
const CHALLENGED: &str = "4000002500003155";

/// One process; it ends with this value, and with the test.
pub struct Localstripe {
    process: Child,
    url: String,
}

impl Localstripe {
    /// The secret key that it is called with; it takes any.
    pub const SECRET_KEY: &str = "sk_test_localstripe";

    /// Starts it.
    ///
    /// # Panics
    /// When it is not installed, or does not start.
    #[must_use]
    pub fn start() -> Self {
        let python = std::env::var("AEROBUS_TEST_LOCALSTRIPE").expect(
            "AEROBUS_TEST_LOCALSTRIPE names the Python that has localstripe: ./dev test installs it and sets it",
        );
        let mut command = Command::new(&python);
        command.args(["-c", PROGRAM]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = spawn_bound(command, OnOwnerDeath::Kill)
            .unwrap_or_else(|error| panic!("localstripe cannot be started with {python}: {error}"));
        let mut port = String::new();
        let output = process.stdout.take().expect("its output is piped");
        BufReader::new(output).read_line(&mut port).expect("localstripe tells its port");
        let port: u16 = port.trim().parse().expect("localstripe has started; its errors stand above");
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }

    /// Its base URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A client that may do everything there.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.url()).with_token(Self::SECRET_KEY)
    }

    /// All payment intents, with their charges and refunds.
    pub async fn intents(&self) -> Vec<Value> {
        let list = self.client().get("/v1/payment_intents?limit=1000").await.expect(200);
        list["data"].as_array().cloned().unwrap_or_default()
    }

    /// A payment method whose bank wants to see the cardholder.
    pub async fn challenged_card(&self) -> String {
        let card = json!({"number": CHALLENGED, "exp_month": "12", "exp_year": "2030", "cvc": "123"});
        let method = json!({"type": "card", "card": card});
        let method = self.client().post("/v1/payment_methods", &method).await.expect(200);
        method["id"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Localstripe {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
