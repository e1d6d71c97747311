//! A database, names on the broker, and a mail server of one test alone.

use crate::{broker, mailer_process::MailerProcess};
use diesel::{dsl::sql, sql_types::Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use mailer::MIGRATIONS;
use secrecy::ExposeSecret;
use shared::{
    bus::{
        Bus,
        amqp::{Amqp, AmqpConfig},
        queues,
    },
    events::Event,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use testkit::{SERVICE_TOKEN_SECRET, SmtpSink, TestDatabase, amqp_url, unique_prefix};

/// Longer than anything here takes: a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

/// The bound of each answer, where a test waits for it to pass. Long enough for a busy machine.
pub(crate) const ANSWER_TIMEOUT_MS: u64 = 1000;

/// All letters: their kind, status and attempts, as `booking_confirmed sent: deferred 451, sent 250`.
const LETTERS: &str = "(SELECT coalesce(string_agg(line, '; ' ORDER BY id), '') FROM (
    SELECT id, template || ' ' || coalesce(given_up, CASE WHEN letter_id IS NULL THEN 'sent' WHEN sending THEN 'sending' ELSE 'queued' END)
           || ':' || coalesce((SELECT ' ' || string_agg(concat_ws(' ', outcome, smtp_code), ', ' ORDER BY number)
                               FROM letter_attempts AS a WHERE a.letter_id = id), '') AS line
    FROM letters LEFT JOIN letter_queue ON letter_id = id) AS lines)";

/// See the module.
pub(crate) struct FaultWorld {
    pub(crate) database: TestDatabase,
    pub(crate) sink: SmtpSink,
    prefix: String,
    settings: BTreeMap<&'static str, String>,
    bus: Bus,
}

impl FaultWorld {
    pub(crate) async fn new() -> Self {
        Self::with(SmtpSink::start()).await
    }

    pub(crate) async fn with(sink: SmtpSink) -> Self {
        let database = TestDatabase::of("mailer", MIGRATIONS).await;
        let prefix = unique_prefix();
        let config = AmqpConfig {
            prefix: prefix.clone(),
            queues: queues::ALL,
            ..AmqpConfig::new(amqp_url().into(), "test")
        };
        let bus = Bus::new(Amqp::connect(&config).expect("a broker's URL"));
        let connected = async {
            while !bus.is_connected() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(DEADLINE, connected).await.expect("the broker of the tests answers");
        let access = database.config("mailer");
        let settings = BTreeMap::from([
            ("MAILER_HTTP_ADDRESS", "127.0.0.1:0".to_owned()),
            ("MAILER_HTTP_WORKERS", "1".to_owned()),
            ("MAILER_DATABASE_URL", access.url.expose_secret().to_owned()),
            ("MAILER_DATABASE_SCHEMA", access.schema),
            ("MAILER_AMQP_URL", amqp_url()),
            ("MAILER_AMQP_PREFIX", prefix.clone()),
            // Nobody is let in here, and nobody asks to be.
            ("MAILER_JWKS_URL", "http://127.0.0.1:1/".to_owned()),
            ("MAILER_SERVICE_TOKEN_SECRET", SERVICE_TOKEN_SECRET.to_owned()),
            ("MAILER_SMTP_URL", sink.url()),
            ("MAILER_ANSWER_TIMEOUT_MS", "10000".to_owned()),
            // Time that is moved behind the mailer's back is noticed at once.
            ("MAILER_QUEUE_POLL_MS", "20".to_owned()),
            ("MAILER_LOG_FORMAT", "text".to_owned()),
            ("MAILER_LOG_FILTER", "error".to_owned()),
        ]);
        Self { database, sink, prefix, settings, bus }
    }

    /// The same with another value of a variable.
    #[expect(clippy::needless_pass_by_value, reason = "callers hand over texts and numbers")]
    pub(crate) fn set(&mut self, name: &'static str, value: impl ToString) {
        self.settings.insert(name, value.to_string());
    }

    /// Starts a mailer.
    pub(crate) fn start(&self) -> MailerProcess {
        let settings: Vec<_> = self.settings.iter().map(|(name, value)| (*name, value.clone())).collect();
        MailerProcess::spawn(&settings)
    }

    /// Publishes an event; ready when the broker has it.
    pub(crate) async fn publish(&self, event: &Event) {
        self.bus.publish(Arc::new(event.clone())).await.expect("the broker takes it");
    }

    /// Publishes bytes that are no event.
    pub(crate) async fn publish_bytes(&self, kind: &str, bytes: &[u8]) {
        broker::publish(&self.prefix, kind, bytes).await;
    }

    /// A connection to the mailer's tables.
    pub(crate) async fn connection(&self) -> AsyncPgConnection {
        self.database.config("mailer").connect().await.expect("the test's database")
    }

    /// Changes the mailer's tables behind its back.
    pub(crate) async fn sql(&self, statement: &str) {
        let mut connection = self.connection().await;
        diesel::sql_query(statement).execute(&mut connection).await.expect("a good statement");
    }

    /// What an expression of SQL gives, as text.
    pub(crate) async fn text(&self, expression: &str) -> String {
        text(&mut self.connection().await, expression).await
    }

    /// Ready when an expression of SQL gives what is wanted.
    pub(crate) async fn once(&self, expression: &str, wanted: impl Fn(&str) -> bool) -> String {
        let mut connection = self.connection().await;
        let look = async {
            loop {
                let found = text(&mut connection, expression).await;
                if wanted(&found) {
                    return found;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        match tokio::time::timeout(DEADLINE, look).await {
            Ok(found) => found,
            Err(_) => panic!("not as wanted: {:?}", self.text(expression).await),
        }
    }

    /// Ready when all letters are so: `booking_confirmed sent: deferred 451, sent 250`, with `; ` between them.
    pub(crate) async fn letters_are(&self, wanted: &str) {
        self.letters_once(|found| found == wanted).await;
    }

    /// Ready when all letters are as wanted.
    pub(crate) async fn letters_once(&self, wanted: impl Fn(&str) -> bool) -> String {
        self.once(LETTERS, wanted).await
    }

    /// The words of the attempts, oldest first.
    pub(crate) async fn words(&self) -> String {
        self.text("(SELECT coalesce(string_agg(message, '; ' ORDER BY at), '') FROM letter_attempts)").await
    }

    /// The letters that were given up before they were any: their reasons.
    pub(crate) async fn dead_letters(&self) -> String {
        self.text("(SELECT coalesce(string_agg(reason, '; ' ORDER BY created_at), '') FROM dead_letters)")
            .await
    }

    /// Lets all that waits be due now.
    pub(crate) async fn pass_time(&self) {
        self.sql("UPDATE letter_queue SET next_attempt_at = now() WHERE NOT sending").await;
    }

    /// Lets the leases of instances that died end now.
    pub(crate) async fn end_leases(&self) {
        self.sql("UPDATE letter_queue SET next_attempt_at = now() WHERE sending").await;
    }

    /// How many mails the server has kept, and of how many letters.
    pub(crate) fn received(&self) -> (usize, usize) {
        let mails = self.sink.mails();
        let ids: std::collections::BTreeSet<_> = mails.iter().map(|mail| message_id(&mail.text())).collect();
        (mails.len(), ids.len())
    }
}

async fn text(connection: &mut AsyncPgConnection, expression: &str) -> String {
    diesel::select(sql::<Text>(&format!("({expression})::text")))
        .first(connection)
        .await
        .expect("an expression")
}

/// The Message-ID of a mail.
pub(crate) fn message_id(mail: &str) -> String {
    let line = mail.lines().find_map(|line| line.strip_prefix("Message-ID: "));
    line.expect("every mail has one").to_owned()
}
