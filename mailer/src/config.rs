//! The mailer's settings.

use crate::{
    actors::SenderTimes,
    render::{DkimSigner, Letterhead, mail_address},
    transport::SmtpTimeouts,
};
use lettre::message::Mailbox;
use secrecy::SecretString;
use serde::Deserialize;
use shared::{
    config::{ConfigError, ServiceConfig, load},
    email::EmailAddress,
};
use std::{path::PathBuf, time::Duration};

/// The prefix of the mailer's own variables.
const PREFIX: &str = "MAILER";

/// All settings, with the variables that set them. Each may also be given as `AEROBUS_<NAME>` or, as
/// a file with the value, `MAILER_<NAME>_FILE`.
#[derive(Clone, Deserialize)]
#[serde(default)]
pub struct Config {
    /// What every service has.
    #[serde(flatten)]
    pub service: ServiceConfig,
    /// `MAILER_SMTP_URL`: the mail server, `smtps://user:password@host`,
    /// `smtp://user:password@host?tls=required` (STARTTLS) or `smtp://host:port` (unencrypted). A user and
    /// password go unencrypted only where the URL ends with `?tls=none`. Exactly one of this and
    /// `MAILER_MAIL_DIR` must be set.
    pub smtp_url: Option<SecretString>,
    /// `MAILER_SMTP_CA`: certificates, in PEM, of authorities that the mail server's certificate may be signed by, beside
    /// those that browsers trust.
    pub smtp_ca: Option<String>,
    /// `MAILER_MAIL_DIR`: a folder that mails are written to as `.eml` files, instead of a server.
    pub mail_dir: Option<PathBuf>,
    /// `MAILER_MAIL_DIR_LETTERS`: letters that the folder keeps at most; older ones are removed. Absent: all.
    pub mail_dir_letters: Option<usize>,
    /// `MAILER_MAIL_FROM`: the sender of letters, a name with an address.
    pub mail_from: String,
    /// `MAILER_MAIL_REPLY_TO`: the address for answers.
    pub mail_reply_to: String,
    /// `MAILER_MAIL_DOMAIN`: the right side of Message-IDs; the domain of `MAILER_MAIL_FROM` by default.
    pub mail_domain: Option<String>,
    /// `MAILER_DKIM_KEY`: the private key that letters are signed with (DKIM), RSA or Ed25519: PEM, or the 32 octets of
    /// an Ed25519 key in Base64. Absent: letters are not signed.
    pub dkim_key: Option<SecretString>,
    /// `MAILER_DKIM_SELECTOR`: where the public key is published: `<selector>._domainkey.<domain>`. Wanted with a key.
    pub dkim_selector: Option<String>,
    /// `MAILER_DKIM_DOMAIN`: the domain that signs; the domain of `MAILER_MAIL_FROM` by default.
    pub dkim_domain: Option<String>,
    /// `MAILER_PUBLIC_URL`: the address that letters link to.
    pub public_url: String,
    /// `MAILER_SEND_CONCURRENCY`: connections to the mail server, which send a letter each at once, 1-100.
    pub send_concurrency: u32,
    /// `MAILER_CONNECT_TIMEOUT_MS`: the longest that a connection to the mail server may take, milliseconds, 10-600000.
    pub connect_timeout_ms: u64,
    /// `MAILER_ANSWER_TIMEOUT_MS`: the longest that the mail server may take for each answer but that to a whole mail:
    /// greeting, TLS, each command; milliseconds, 10-600000.
    pub answer_timeout_ms: u64,
    /// `MAILER_SEND_TIMEOUT_MS`: the longest that sending one letter may take, from the connection to the answer to the
    /// whole mail, milliseconds, 100-600000.
    pub send_timeout_ms: u64,
    /// `MAILER_RETRY_HOURS`: how long a letter is tried that the mail server does not take for now, or that finds no
    /// server, 1-720. Then it has failed, and staff may send it again.
    pub retry_hours: u64,
    /// `MAILER_QUEUE_POLL_MS`: how often the mailer looks for due letters that it was told nothing of, those of instances
    /// that crashed; milliseconds, 10-60000.
    pub queue_poll_ms: u64,
}

impl Default for Config {
    /// The one place of the defaults.
    fn default() -> Self {
        Self {
            service: ServiceConfig::default(),
            smtp_url: None,
            smtp_ca: None,
            mail_dir: None,
            mail_dir_letters: None,
            mail_from: "Aerobus <no-reply@aerobus.example>".to_owned(),
            mail_reply_to: "Aerobus service <service@aerobus.example>".to_owned(),
            mail_domain: None,
            dkim_key: None,
            dkim_selector: None,
            dkim_domain: None,
            public_url: "http://localhost:8080".to_owned(),
            send_concurrency: 8,
            connect_timeout_ms: 5000,
            answer_timeout_ms: 10_000,
            send_timeout_ms: 120_000,
            retry_hours: 24,
            queue_poll_ms: 5000,
        }
    }
}

/// Where mails go.
#[derive(Clone)]
pub enum Destination {
    /// To a mail server.
    Smtp(SecretString),
    /// Into a folder.
    Folder(PathBuf),
}

impl Config {
    /// Reads the environment.
    ///
    /// # Errors
    /// [`ConfigError`] with the name of the variable that is missing or wrong.
    pub fn load() -> Result<Self, ConfigError> {
        let defaults = [("http_address", "0.0.0.0:8083"), ("database_schema", "mailer")];
        let config: Self = load(PREFIX, &defaults)?;
        config.check()?;
        Ok(config)
    }

    /// Defaults around what the caller has: for the one-process mode and tests.
    #[must_use]
    pub fn embedded(service: ServiceConfig, destination: Destination) -> Self {
        let (smtp_url, mail_dir) = match destination {
            Destination::Smtp(url) => (Some(url), None),
            Destination::Folder(path) => (None, Some(path)),
        };
        Self { service, smtp_url, mail_dir, ..Self::default() }
    }

    fn check(&self) -> Result<(), ConfigError> {
        self.destination()?;
        self.letterhead()?;
        if self.mail_dir_letters == Some(0) {
            return Err(invalid("MAIL_DIR_LETTERS", "must be at least 1"));
        }
        if !(1..=100).contains(&self.send_concurrency) {
            return Err(invalid("SEND_CONCURRENCY", "must be from 1 to 100"));
        }
        self.check_times()
    }

    fn check_times(&self) -> Result<(), ConfigError> {
        for (name, value, least, most) in [
            ("CONNECT_TIMEOUT_MS", self.connect_timeout_ms, 10, 600_000),
            ("ANSWER_TIMEOUT_MS", self.answer_timeout_ms, 10, 600_000),
            ("SEND_TIMEOUT_MS", self.send_timeout_ms, 100, 600_000),
            ("RETRY_HOURS", self.retry_hours, 1, 720),
            ("QUEUE_POLL_MS", self.queue_poll_ms, 10, 60_000),
        ] {
            if !(least..=most).contains(&value) {
                return Err(invalid(name, &format!("must be from {least} to {most}")));
            }
        }
        Ok(())
    }

    /// Where mails go.
    ///
    /// # Errors
    /// When both or none are set.
    pub(crate) fn destination(&self) -> Result<Destination, ConfigError> {
        match (&self.smtp_url, &self.mail_dir) {
            (Some(url), None) => Ok(Destination::Smtp(url.clone())),
            (None, Some(path)) => Ok(Destination::Folder(path.clone())),
            (None, None) => Err(ConfigError::Missing("MAILER_SMTP_URL (or MAILER_MAIL_DIR)".to_owned())),
            (Some(_), Some(_)) => {
                Err(invalid("SMTP_URL", "MAILER_MAIL_DIR is set too, and only one of them may be"))
            }
        }
    }

    /// What all mails share.
    ///
    /// # Errors
    /// When an address is none.
    pub(crate) fn letterhead(&self) -> Result<Letterhead, ConfigError> {
        let mailbox = |name: &str, text: &str| {
            mailbox(text)
                .ok_or_else(|| invalid(name, "expected an address such as Aerobus <mail@example.org>"))
        };
        let from = mailbox("MAIL_FROM", &self.mail_from)?;
        let dkim = self.dkim(from.email.domain())?;
        Ok(Letterhead { from, reply_to: Some(mailbox("MAIL_REPLY_TO", &self.mail_reply_to)?), dkim })
    }

    /// What signs letters, where they are signed.
    fn dkim(&self, sender_domain: &str) -> Result<Option<DkimSigner>, ConfigError> {
        let Some(key) = &self.dkim_key else {
            return match (&self.dkim_selector, &self.dkim_domain) {
                (None, None) => Ok(None),
                _ => Err(ConfigError::Missing("MAILER_DKIM_KEY".to_owned())),
            };
        };
        let selector = self.dkim_selector.as_deref();
        let selector = selector.ok_or_else(|| ConfigError::Missing("MAILER_DKIM_SELECTOR".to_owned()))?;
        let domain = self.dkim_domain.as_deref().unwrap_or(sender_domain);
        for (name, value) in [("DKIM_SELECTOR", selector), ("DKIM_DOMAIN", domain)] {
            if !is_plain_domain(value) {
                return Err(invalid(name, "expected letters, digits, hyphens and dots"));
            }
        }
        let signer = DkimSigner::new(selector, domain, key);
        Ok(Some(signer.map_err(|error| invalid("DKIM_KEY", &error.to_string()))?))
    }

    /// The right side of Message-IDs, in characters that may stand there.
    ///
    /// # Errors
    /// When it is taken from an address that is none, or is no domain.
    pub(crate) fn message_domain(&self) -> Result<String, ConfigError> {
        let domain = match &self.mail_domain {
            Some(domain) => domain.clone(),
            None => self.letterhead()?.from.email.domain().to_owned(),
        };
        let valid = is_plain_domain(&domain);
        if valid { Ok(domain) } else { Err(invalid("MAIL_DOMAIN", "expected a domain such as example.org")) }
    }

    /// Connections to the mail server.
    pub(crate) fn connections(&self) -> usize {
        usize::try_from(self.send_concurrency).unwrap_or(1)
    }

    /// The longest that sending one letter may take.
    pub(crate) fn send_timeout(&self) -> Duration {
        Duration::from_millis(self.send_timeout_ms)
    }

    /// Bounds of what is asked of the mail server. What is sent within less time has no use for longer ones.
    pub(crate) fn smtp_timeouts(&self) -> SmtpTimeouts {
        let bound = |milliseconds| Duration::from_millis(milliseconds).min(self.send_timeout());
        SmtpTimeouts { connect: bound(self.connect_timeout_ms), answer: bound(self.answer_timeout_ms) }
    }

    /// The times that the sender goes by.
    pub(crate) fn sender_times(&self) -> SenderTimes {
        SenderTimes {
            poll: Duration::from_millis(self.queue_poll_ms),
            retry: Duration::from_secs(self.retry_hours * 3600),
        }
    }
}

/// Whether a text has only the characters of domain names in ASCII.
fn is_plain_domain(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
    !text.is_empty() && text.chars().all(plain)
}

/// A name, which may be missing, with an address of the grammar that all services share.
fn mailbox(text: &str) -> Option<Mailbox> {
    let (name, address) = match text.trim().strip_suffix('>') {
        Some(named) => {
            let (name, address) = named.rsplit_once('<')?;
            // Quotes and escapes of names are lettre's matter; of the address it would take more than we do.
            let named: Mailbox = format!("{name}<name@example.org>").parse().ok()?;
            (named.name, address)
        }
        None => (None, text),
    };
    let address: EmailAddress = address.parse().ok()?;
    Some(Mailbox::new(name, mail_address(&address).ok()?))
}

fn invalid(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { variable: format!("{PREFIX}_{name}"), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::db::{DatabaseConfig, Plans};

    fn config(destination: Destination) -> Config {
        let database = DatabaseConfig {
            url: "postgres://x".to_owned().into(),
            schema: "mailer".into(),
            pool_size: 1,
            plans: Plans::default(),
        };
        let address = "127.0.0.1:0".parse().unwrap();
        Config::embedded(ServiceConfig::embedded(address, &database, "secret".to_owned().into()), destination)
    }

    #[test]
    fn mails_go_to_exactly_one_place() {
        let folder = config(Destination::Folder("mail".into()));
        assert!(folder.check().is_ok());
        assert_eq!(folder.message_domain().unwrap(), "aerobus.example");
        let none = Config { mail_dir: None, ..folder.clone() };
        assert_eq!(none.check().unwrap_err().to_string(), "MAILER_SMTP_URL (or MAILER_MAIL_DIR) is not set");
        let both = Config { smtp_url: Some("smtp://x".to_owned().into()), ..folder };
        let told = both.check().unwrap_err().to_string();
        assert!(told.contains("MAILER_SMTP_URL") && told.contains("MAILER_MAIL_DIR"), "{told}");
    }

    #[test]
    fn a_sender_of_another_script_is_written_in_ascii() {
        let from = |text: &str| {
            let config = Config { mail_from: text.into(), ..config(Destination::Folder("mail".into())) };
            (config.letterhead().unwrap().from, config.message_domain().unwrap())
        };
        let (mailbox, domain) = from("\"B\u{fc}cher, Nina\" <nina@b\u{fc}cher.example>");
        assert_eq!(mailbox.name.as_deref(), Some("B\u{fc}cher, Nina"));
        assert_eq!(mailbox.email.to_string(), "nina@xn--bcher-kva.example");
        assert_eq!(domain, "xn--bcher-kva.example");
        for text in ["mail@example.org", "<mail@example.org>", " Aerobus <mail@example.org> "] {
            assert_eq!(from(text).0.email.to_string(), "mail@example.org", "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let good = config(Destination::Folder("mail".into()));
        let told = |config: Config| {
            config.check().and_then(|()| config.message_domain().map(drop)).unwrap_err().to_string()
        };
        assert!(told(Config { mail_from: "nobody".into(), ..good.clone() }).contains("MAILER_MAIL_FROM"));
        assert!(
            told(Config { mail_reply_to: "a@b, c@d".into(), ..good.clone() })
                .contains("MAILER_MAIL_REPLY_TO")
        );
        for address in ["a..b@example.org", "x@[127.0.0.1]", "Aerobus <mail@localhost>", "<a@b.example> c"] {
            let config = Config { mail_from: address.into(), ..good.clone() };
            assert!(told(config).contains("MAILER_MAIL_FROM"), "{address}");
        }
        assert!(
            told(Config { mail_domain: Some("x>\r\n".into()), ..good.clone() })
                .contains("MAILER_MAIL_DOMAIN")
        );
        assert!(
            told(Config { mail_dir_letters: Some(0), ..good.clone() }).contains("MAILER_MAIL_DIR_LETTERS")
        );
        assert!(told(Config { send_concurrency: 0, ..good.clone() }).contains("MAILER_SEND_CONCURRENCY"));
        assert!(told(Config { send_timeout_ms: 1, ..good.clone() }).contains("MAILER_SEND_TIMEOUT_MS"));
        assert!(told(Config { queue_poll_ms: 0, ..good }).contains("MAILER_QUEUE_POLL_MS"));
    }
}
