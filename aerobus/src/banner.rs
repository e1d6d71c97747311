//! What a newcomer sees when everything runs.

use crate::installation::Administrator;
use chrono::{Days, NaiveDate};
use secrecy::ExposeSecret;
use std::{fmt::Write, path::Path};

/// What the start has to tell.
pub(crate) struct StartBanner<'a> {
    /// Port of the gateway.
    pub(crate) port: u16,
    /// Services with their ports.
    pub(crate) services: Vec<(&'static str, u16)>,
    /// Who may do everything.
    pub(crate) administrator: &'a Administrator,
    /// Whether the password is told: only at the first start, and only to a terminal. Elsewhere the banner is
    /// kept, in a log or a file.
    pub(crate) tells_password: bool,
    /// The installation's folder.
    pub(crate) installation: &'a Path,
    /// Where letters lie, where they are written to files.
    pub(crate) mail: Option<&'a Path>,
    /// Today, for the search of tomorrow's flights.
    pub(crate) today: NaiveDate,
}

impl StartBanner<'_> {
    /// The text, ending in three commands that can be pasted.
    pub(crate) fn text(&self) -> String {
        let base = format!("http://127.0.0.1:{}", self.port);
        let mut text = String::from("\nAerobus is ready.\n\n");
        let mut line = |name: &str, value: &str| {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "  {name:<15}{value}");
        };
        line("gateway", &base);
        line("API guide", &format!("{base}/api/docs"));
        for (service, port) in &self.services {
            line(service, &format!("http://127.0.0.1:{port}"));
        }
        if let Some(mail) = self.mail {
            line("mail", &mail.display().to_string());
        }
        line("administrator", &self.administrator.email);
        let kept = self.installation.join("admin.json");
        if self.tells_password {
            let password = self.administrator.password.expose_secret();
            line("password", &format!("{password}   (kept in {})", kept.display()));
        } else {
            line("password", &format!("kept in {}", kept.display()));
        }
        let date = self.today.checked_add_days(Days::new(1)).unwrap_or(self.today);
        let _ = write!(
            text,
            r#"
Paste these to search, register and log in:

  curl -s '{base}/api/v1/search?origin=LHR&destination=JFK&date={date}&limit=1'

  curl -s {base}/api/v1/auth/register -H 'content-type: application/json' -d '{{"email":"ada@aerobus.example","password":"correct horse","given_name":"Ada","family_name":"Lovelace"}}'

  curl -s {base}/api/v1/auth/login -H 'content-type: application/json' -d '{{"email":"ada@aerobus.example","password":"correct horse"}}'

Ctrl-C stops everything.
"#
        );
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_told_only_where_it_may_be() {
        let administrator =
            Administrator { email: "admin@aerobus.example".into(), password: "hush".to_owned().into() };
        let banner = |tells_password| {
            let installation = Path::new("/srv/aerobus");
            let banner = StartBanner {
                port: 8080,
                services: vec![("flight", 8081)],
                administrator: &administrator,
                tells_password,
                installation,
                mail: None,
                today: NaiveDate::default(),
            };
            banner.text()
        };
        assert!(banner(true).contains("hush"));
        assert!(!banner(false).contains("hush"));
        assert!(banner(false).contains("kept in /srv/aerobus/admin.json"));
        assert!(banner(false).contains("date=1970-01-02"));
    }
}
