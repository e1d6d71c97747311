//! A mailer with all that it needs, of one test alone.

use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use mail_parser::{MessageParser, MimeHeaders};
use mailer::{
    MIGRATIONS, app,
    config::{Config, Destination},
};
use serde_json::Value;
use shared::{
    auth::Permission,
    bus::{Bus, in_process::InProcess},
    config::ServiceConfig,
    events::Event,
    ids::UserId,
    service::{Running, ServiceContext},
};
use std::{sync::Arc, time::Duration};
use testkit::{Client, ReceivedMail, SERVICE_TOKEN_SECRET, SmtpSink, TestDatabase, TokenIssuer};

/// Longer than anything here takes: a test that waits so long has failed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// A database, a bus and keys, for one mailer or several.
pub(crate) struct MailerFixture {
    pub(crate) database: TestDatabase,
    pub(crate) bus: InProcess,
    pub(crate) issuer: TokenIssuer,
}

impl MailerFixture {
    pub(crate) async fn new() -> Self {
        let database = TestDatabase::of("mailer", MIGRATIONS).await;
        Self { database, bus: InProcess::new(), issuer: TokenIssuer::new() }
    }

    pub(crate) fn config(&self, destination: Destination) -> Config {
        let database = self.database.config("mailer");
        let address = "127.0.0.1:0".parse().expect("an address");
        let service = ServiceConfig::embedded(address, &database, SERVICE_TOKEN_SECRET.to_owned().into());
        // Time that is moved behind the mailer's back is noticed at once.
        Config { queue_poll_ms: 20, ..Config::embedded(service, destination) }
    }

    /// A mailer; on `bus`, which is another one where it shall hear nothing.
    pub(crate) async fn start_on(&self, bus: &InProcess, config: Config) -> Running {
        let context = ServiceContext::new(Bus::new(bus.clone()), self.issuer.keys());
        app::start(config, context).await.expect("the mailer starts")
    }

    pub(crate) async fn start(&self, config: Config) -> Running {
        self.start_on(&self.bus, config).await
    }

    /// Publishes an event; ready when the mailer has committed what it makes of it.
    pub(crate) async fn publish(&self, event: &Event) {
        Bus::new(self.bus.clone()).publish(Arc::new(event.clone())).await.expect("a bus that is open");
    }

    pub(crate) fn client(&self, mailer: &Running, permissions: &[Permission]) -> Client {
        let token = self.issuer.token(UserId::new(), permissions);
        Client::new(format!("http://{}", mailer.address)).with_token(&token)
    }

    /// A client of an administrator.
    pub(crate) fn admin(&self, mailer: &Running) -> Client {
        self.client(mailer, &[Permission::MailRead, Permission::MailResend])
    }

    /// Changes the mailer's tables behind its back; gives the number of rows.
    pub(crate) async fn sql(&self, statement: &str) -> usize {
        let mut connection = self.database.config("mailer").connect().await.expect("the test's database");
        diesel::sql_query(statement).execute(&mut connection).await.expect("a good statement")
    }

    /// Runs the statements of a migration.
    pub(crate) async fn migrate(&self, statements: &str) {
        let mut connection = self.database.config("mailer").connect().await.expect("the test's database");
        connection.batch_execute(statements).await.expect("a good migration");
    }

    /// Lets all that waits be due now.
    pub(crate) async fn pass_time(&self) {
        self.sql("UPDATE letter_queue SET next_attempt_at = now() WHERE NOT sending").await;
    }
}

/// A mailer that sends to an SMTP server.
pub(crate) struct RunningMailer {
    pub(crate) world: MailerFixture,
    pub(crate) sink: SmtpSink,
    pub(crate) running: Running,
    pub(crate) admin: Client,
}

impl RunningMailer {
    pub(crate) async fn start() -> Self {
        let (world, sink) = (MailerFixture::new().await, SmtpSink::start());
        let config = world.config(Destination::Smtp(sink.url().into()));
        Self::with(world, sink, config).await
    }

    pub(crate) async fn with(world: MailerFixture, sink: SmtpSink, config: Config) -> Self {
        let running = world.start(config).await;
        let admin = world.admin(&running);
        Self { world, sink, running, admin }
    }

    pub(crate) async fn next_mail(&self) -> Mail {
        Mail::of(&self.sink.next(DEADLINE).await)
    }

    /// All letters, newest first.
    pub(crate) async fn letters(&self) -> Vec<Value> {
        let list = self.admin.get("/api/v1/admin/mail").await.expect(200);
        list["data"].as_array().expect("a list").clone()
    }

    /// All letters, newest first, once they are as wanted.
    pub(crate) async fn letters_once(&self, wanted: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let look = async {
            loop {
                let letters = self.letters().await;
                if wanted(&letters) {
                    return letters;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        match tokio::time::timeout(DEADLINE, look).await {
            Ok(letters) => letters,
            Err(_) => panic!("letters are not as wanted: {:?}", self.letters().await),
        }
    }

    /// The only letter, once it has this status and this many attempts.
    pub(crate) async fn letter_with(&self, status: &str, attempts: usize) -> Value {
        let wanted = |letters: &[Value]| matches!(letters, [one] if is(one, status, attempts));
        self.letters_once(wanted).await.remove(0)
    }
}

/// Whether a letter has this status and this many attempts.
pub(crate) fn is(letter: &Value, status: &str, attempts: usize) -> bool {
    letter["status"] == status && letter["attempts"].as_array().is_some_and(|all| all.len() == attempts)
}

/// A mail, read.
pub(crate) struct Mail {
    pub(crate) raw: String,
    pub(crate) subject: String,
    pub(crate) message_id: String,
    pub(crate) text: String,
    pub(crate) html: String,
    /// The types of its parts, outer ones first.
    pub(crate) parts: Vec<String>,
    attachments: Vec<(String, Vec<u8>)>,
}

impl Mail {
    pub(crate) fn of(received: &ReceivedMail) -> Self {
        Self::read(&received.raw)
    }

    pub(crate) fn read(raw: &[u8]) -> Self {
        let parsed = MessageParser::default().parse(raw).expect("a mail");
        let kind = |part: &mail_parser::MessagePart<'_>| {
            let kind = part.content_type().expect("a part has a type");
            format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default())
        };
        let attachments = parsed
            .attachments()
            .map(|part| (part.attachment_name().unwrap_or_default().to_owned(), part.contents().to_vec()));
        Self {
            raw: String::from_utf8_lossy(raw).into_owned(),
            subject: parsed.subject().unwrap_or_default().to_owned(),
            message_id: parsed.message_id().unwrap_or_default().to_owned(),
            text: parsed.body_text(0).unwrap_or_default().into_owned(),
            html: parsed.body_html(0).unwrap_or_default().into_owned(),
            parts: parsed.parts.iter().map(kind).collect(),
            attachments: attachments.collect(),
        }
    }

    /// The content of an attached file.
    pub(crate) fn attachment(&self, name: &str) -> &[u8] {
        let found = self.attachments.iter().find(|(file, _)| file == name);
        &found.unwrap_or_else(|| panic!("{name} is missing")).1
    }

    /// A header as it stands in the mail.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let head = self.raw.split("\r\n\r\n").next()?;
        head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}
