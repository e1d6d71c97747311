//! A mail server's URL.

use super::implicit_tls::{ImplicitTls, ImplicitTlsError};
use lettre::transport::smtp::{
    authentication::Credentials,
    client::{Certificate, TlsParameters},
};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::{ExposeSecret, SecretString};
use url::{Url, form_urlencoded};

/// The URL is none that a mail server could have. The URL itself is not told: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum InvalidSmtpUrl {
    /// Not `smtp://` or `smtps://` with a host.
    #[error("not an SMTP URL such as smtps://user:password@mail.example.org")]
    Form,
    /// An unknown `tls` or another parameter.
    #[error(
        "the only parameter of an SMTP URL is tls=required, tls=opportunistic or tls=none, and of smtp:// only"
    )]
    Parameter,
    /// A password that would leave, or could be made to leave, without encryption.
    #[error(
        "it has a user and password that may be sent unencrypted: use smtps:// or ?tls=required, \
         or allow it with ?tls=none"
    )]
    Unencrypted,
    /// TLS cannot be set up for this host.
    #[error("TLS cannot be used with this host")]
    Tls(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The certificates of authorities cannot be read.
    #[error("the certificates of MAILER_SMTP_CA are not valid: expected PEM")]
    Authorities,
}

impl From<lettre::transport::smtp::Error> for InvalidSmtpUrl {
    fn from(error: lettre::transport::smtp::Error) -> Self {
        Self::Tls(error.into())
    }
}

impl From<ImplicitTlsError> for InvalidSmtpUrl {
    fn from(error: ImplicitTlsError) -> Self {
        Self::Tls(error.into())
    }
}

/// How a connection is encrypted.
#[derive(Clone)]
pub(super) enum SmtpEncryption {
    /// Not at all.
    None,
    /// From its first byte.
    Implicit(ImplicitTls),
    /// By STARTTLS, or not used.
    Required(TlsParameters),
    /// By STARTTLS where the server offers it.
    Opportunistic(TlsParameters),
}

/// A mail server.
pub(crate) struct SmtpEndpoint {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) encryption: SmtpEncryption,
    pub(super) credentials: Option<Credentials>,
}

impl SmtpEndpoint {
    /// Reads `smtps://[user:password@]host[:port]` or `smtp://...[?tls=required|opportunistic|none]`. User and
    /// password are percent-encoded; ports are 465, 587 for `smtp://` with credentials or TLS, else 25.
    ///
    /// Credentials need TLS, or `tls=none`, to this machine as well: another user of it may listen on the
    /// port while the mail server is down. Opportunistic TLS does not count: an attacker on the way can
    /// remove the server's offer.
    ///
    /// `authorities` are certificates in PEM of authorities that are trusted beside those that browsers trust.
    ///
    /// # Errors
    /// [`InvalidSmtpUrl`].
    pub(crate) fn parse(url: &SecretString, authorities: Option<&str>) -> Result<Self, InvalidSmtpUrl> {
        let authorities = authorities.map_or(Ok(Vec::new()), read_authorities)?;
        let url = Url::parse(url.expose_secret()).map_err(|_| InvalidSmtpUrl::Form)?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidSmtpUrl::Form)?.to_owned();
        let parameters: Vec<_> = url.query_pairs().collect();
        let tls = match parameters.as_slice() {
            [] => None,
            [(name, value)] if name == "tls" => Some(value.as_ref()),
            _ => return Err(InvalidSmtpUrl::Parameter),
        };
        let parameters_of = || start_tls(host.clone(), &authorities);
        let encryption = match (url.scheme(), tls) {
            ("smtps", None) => SmtpEncryption::Implicit(ImplicitTls::new(host.clone(), &authorities)?),
            ("smtp", None | Some("none")) => SmtpEncryption::None,
            ("smtp", Some("required")) => SmtpEncryption::Required(parameters_of()?),
            ("smtp", Some("opportunistic")) => SmtpEncryption::Opportunistic(parameters_of()?),
            ("smtp" | "smtps", Some(_)) => return Err(InvalidSmtpUrl::Parameter),
            _ => return Err(InvalidSmtpUrl::Form),
        };
        let credentials = (!url.username().is_empty())
            .then(|| Credentials::new(decode(url.username()), decode(url.password().unwrap_or_default())));
        let may_be_read = matches!(encryption, SmtpEncryption::None | SmtpEncryption::Opportunistic(_));
        if credentials.is_some() && may_be_read && tls != Some("none") {
            return Err(InvalidSmtpUrl::Unencrypted);
        }
        let usual = match &encryption {
            SmtpEncryption::Implicit(_) => 465,
            SmtpEncryption::None if credentials.is_none() => 25,
            _ => 587,
        };
        let port = url.port().unwrap_or(usual);
        Ok(Self { host, port, encryption, credentials })
    }
}

/// The certificates of a text in PEM, of which there must be one.
fn read_authorities(pem: &str) -> Result<Vec<CertificateDer<'static>>, InvalidSmtpUrl> {
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem.as_bytes()).collect();
    read.ok().filter(|all| !all.is_empty()).ok_or(InvalidSmtpUrl::Authorities)
}

/// What STARTTLS needs.
fn start_tls(host: String, authorities: &[CertificateDer<'static>]) -> Result<TlsParameters, InvalidSmtpUrl> {
    let mut parameters = TlsParameters::builder(host);
    for authority in authorities {
        parameters = parameters.add_root_certificate(Certificate::from_der(authority.to_vec())?);
    }
    Ok(parameters.build_rustls()?)
}

/// Undoes percent-encoding.
fn decode(text: &str) -> String {
    // A form's decoding, but for its plus sign, which stands for itself in a URL's authority.
    let query = format!("x={}", text.replace('+', "%2B").replace('&', "%26"));
    form_urlencoded::parse(query.as_bytes()).map(|(_, value)| value.into_owned()).next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(url: &str) -> Result<SmtpEndpoint, InvalidSmtpUrl> {
        SmtpEndpoint::parse(&url.to_owned().into(), None)
    }

    #[test]
    fn urls_tell_host_port_encryption_and_credentials() {
        let server = parse("smtp://127.0.0.1:2525").unwrap();
        assert_eq!((server.host.as_str(), server.port), ("127.0.0.1", 2525));
        assert!(matches!(server.encryption, SmtpEncryption::None) && server.credentials.is_none());
        let server = parse("smtps://a%40b:p%2Bq+%26r@mail.example.org").unwrap();
        assert!(matches!(server.encryption, SmtpEncryption::Implicit(_)) && server.port == 465);
        assert!(server.credentials == Some(Credentials::new("a@b".into(), "p+q+&r".into())));
        let server = parse("smtp://mail.example.org?tls=required").unwrap();
        assert!(matches!(server.encryption, SmtpEncryption::Required(_)) && server.port == 587);
        assert!(matches!(
            parse("smtp://h?tls=opportunistic").unwrap().encryption,
            SmtpEncryption::Opportunistic(_)
        ));
        assert_eq!(parse("smtp://mail.example.org").unwrap().port, 25);
    }

    #[test]
    fn credentials_leave_unencrypted_only_where_the_url_says_so() {
        for url in [
            "smtp://nina:hush@mail.example.org",
            "smtp://nina@mail.example.org:2525",
            "smtp://nina:hush@127.0.0.1",
            "smtp://nina:hush@mail.example.org?tls=opportunistic",
        ] {
            let refused = parse(url).err().unwrap();
            assert!(matches!(refused, InvalidSmtpUrl::Unencrypted), "{url}");
            assert!(!refused.to_string().contains("hush"), "{refused}");
        }
        let server = parse("smtp://nina:hush@mail.example.org?tls=none").unwrap();
        assert!(matches!(server.encryption, SmtpEncryption::None) && server.credentials.is_some());
        assert_eq!(server.port, 587);
        for url in ["smtp://nina:hush@mail.example.org?tls=required", "smtps://nina:hush@mail.example.org"] {
            assert!(parse(url).is_ok(), "{url}");
        }
    }

    #[test]
    fn certificates_of_authorities_are_pem() {
        for pem in ["", "a certificate", "-----BEGIN CERTIFICATE-----\nAAAA"] {
            let refused = SmtpEndpoint::parse(&"smtps://h".to_owned().into(), Some(pem)).err();
            assert!(matches!(refused, Some(InvalidSmtpUrl::Authorities)), "{pem:?}");
        }
    }

    #[test]
    fn what_is_none_is_refused() {
        for url in ["", "http://localhost", "localhost:25", "smtp://"] {
            assert!(matches!(parse(url), Err(InvalidSmtpUrl::Form)), "{url}");
        }
        for url in [
            "smtp://h?tls=yes",
            "smtps://h?tls=required",
            "smtps://h?tls=none",
            "smtp://h?starttls=true",
            "smtp://h?tls=required&x=1",
        ] {
            assert!(matches!(parse(url), Err(InvalidSmtpUrl::Parameter)), "{url}");
        }
    }
}
