//! Where the broker is: `amqp://user:password@host:port/vhost`.

use amqprs::connection::OpenConnectionArguments;
use secrecy::{ExposeSecret, SecretString};
use url::Url;

/// A URL that names no broker. Says nothing of the URL, which has a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAmqpUrl {
    /// Not a URL with a host.
    #[error("not a URL with a host")]
    Url,
    /// Another scheme: TLS is not built in; terminate it beside the broker or the service.
    #[error("the scheme must be amqp")]
    Scheme,
    /// User, password or virtual host are not UTF-8 or too long.
    #[error("the user, the password or the virtual host cannot be read")]
    Part,
}

/// A heartbeat in each direction every 10 s: a silent broker or network is found dead within 20 s.
const HEARTBEAT: u16 = 10;

/// Reads a URL as RabbitMQ's URI specification has it. (The reader of `amqprs` does not decode
/// passwords in every case, and its errors quote them.)
pub(super) fn parse(url: &SecretString) -> Result<OpenConnectionArguments, InvalidAmqpUrl> {
    let url = Url::parse(url.expose_secret()).map_err(|_| InvalidAmqpUrl::Url)?;
    if url.scheme() != "amqp" {
        return Err(InvalidAmqpUrl::Scheme);
    }
    let host = url.host_str().filter(|host| !host.is_empty()).ok_or(InvalidAmqpUrl::Url)?;
    let user = if url.username().is_empty() { "guest".to_owned() } else { decode(url.username())? };
    let password = url.password().map_or_else(|| Ok("guest".to_owned()), decode)?;
    let virtual_host = match url.path().trim_start_matches('/') {
        "" => "/".to_owned(),
        path => decode(path)?,
    };
    // AMQP's short strings; amqprs panics on longer ones.
    if virtual_host.len() > 255 {
        return Err(InvalidAmqpUrl::Part);
    }
    let port = url.port().unwrap_or(5672);
    let mut arguments = OpenConnectionArguments::new(host, port, &user, &password);
    arguments.virtual_host(&virtual_host).heartbeat(HEARTBEAT);
    Ok(arguments)
}

/// Undoes percent-encoding (RFC 3986, 2.1).
fn decode(text: &str) -> Result<String, InvalidAmqpUrl> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        let escape = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                bytes.push(high << 4 | low);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).map_err(|_| InvalidAmqpUrl::Part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use amqprs::security::SecurityCredentials;

    fn parsed(url: &str) -> Result<OpenConnectionArguments, InvalidAmqpUrl> {
        parse(&SecretString::from(url))
    }

    #[test]
    fn parts_are_decoded_and_have_defaults() {
        let all = parsed("amqp://us%40er:p%2Fa+s%25s@broker:5673/a%2fb").unwrap();
        assert_eq!((all.get_host(), all.get_port(), all.get_virtual_host()), ("broker", 5673, "a/b"));
        assert!(*all.get_credentials() == SecurityCredentials::new_plain("us@er", "p/a+s%s"));
        for url in ["amqp://127.0.0.1", "amqp://127.0.0.1/"] {
            let least = parsed(url).unwrap();
            assert_eq!(
                (least.get_host(), least.get_port(), least.get_virtual_host()),
                ("127.0.0.1", 5672, "/")
            );
            assert!(*least.get_credentials() == SecurityCredentials::new_plain("guest", "guest"));
        }
    }

    #[test]
    fn what_names_no_broker_is_refused_without_quoting_it() {
        assert_eq!(parsed("nonsense").err(), Some(InvalidAmqpUrl::Url));
        assert_eq!(parsed("amqps://u:p@host").err(), Some(InvalidAmqpUrl::Scheme));
        assert_eq!(parsed("amqp://u:%ff@host").err(), Some(InvalidAmqpUrl::Part));
        assert!(!InvalidAmqpUrl::Part.to_string().contains('%'));
    }
}
