//! The client's address where others stand before the gateway: proxies, which its operator names by their networks, and
//! the pages' server, which proves itself by its service token.

use actix_web::{HttpRequest, web};
use shared::auth::{ServiceTokens, WEB};
use std::{net::IpAddr, str::FromStr};

/// A text that is neither an address nor a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address (10.0.0.1) or a network (10.0.0.0/8)")]
pub struct InvalidNetwork;

/// An IP network, `10.0.0.0/8`; an address alone is a network of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl Network {
    /// Whether an address is in it.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let same = |left: u128, right: u128, bits: u32| {
            let shift = bits - self.prefix;
            // A shift by all bits, of the network of everything, leaves nothing to compare.
            left.checked_shr(shift).unwrap_or(0) == right.checked_shr(shift).unwrap_or(0)
        };
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => same(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => same(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl FromStr for Network {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidNetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Ok(bits), str::parse).map_err(|_| InvalidNetwork)?;
        if prefix > bits { Err(InvalidNetwork) } else { Ok(Self { address, prefix }) }
    }
}

/// The proxies whose `X-Forwarded-For` is believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Vec<Network>);

impl TrustedProxies {
    /// These networks.
    #[must_use]
    pub fn new(networks: Vec<Network>) -> Self {
        Self(networks)
    }

    /// The client's address; `None` where the connection has none (tests, Unix sockets).
    ///
    /// Each proxy appends whom it saw, so the list is read from its end, for as long as a trusted proxy
    /// wrote what stands there: the first that is none of ours is the client. What stands before it
    /// may be invented. The pages' server counts as one more of ours: it names the browser's address.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let mut client = request.peer_addr()?.ip().to_canonical();
        let mut is_for_browser = is_from_pages(request);
        if !is_for_browser && !self.trusts(client) {
            return Some(client);
        }
        let headers: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
        let entries = headers.iter().rev().flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.trusts(client) && !std::mem::take(&mut is_for_browser) {
                break;
            }
            // What cannot be read is no address: the proxy that passed it on is the last one known.
            let Ok(before) = entry.trim().parse::<IpAddr>() else { break };
            client = before.to_canonical();
        }
        Some(client)
    }

    /// Whether a trusted proxy says that the client speaks TLS.
    #[must_use]
    pub fn saw_tls(&self, request: &HttpRequest) -> bool {
        let says_so = request.headers().get("x-forwarded-proto").is_some_and(|told| told == "https");
        says_so && request.peer_addr().is_some_and(|peer| self.trusts(peer.ip()))
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

/// Whether the pages' server sends the request, as its service token proves.
fn is_from_pages(request: &HttpRequest) -> bool {
    let tokens = request.app_data::<web::Data<ServiceTokens>>();
    tokens.and_then(|tokens| tokens.forwarder(request)).is_some_and(|service| service == WEB)
}

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    /// Reads a list, separated by commas; an empty one is nobody.
    fn from_str(list: &str) -> Result<Self, InvalidNetwork> {
        let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use shared::auth::{GATEWAY, LastingToken, SERVICE_TOKEN};

    fn client(trusted: &str, peer: &str, forwarded: &[&str]) -> String {
        let mut request = TestRequest::get().peer_addr(format!("{peer}:1234").parse().unwrap());
        for value in forwarded {
            request = request.append_header(("x-forwarded-for", *value));
        }
        let proxies: TrustedProxies = trusted.parse().unwrap();
        proxies.client(&request.to_http_request()).unwrap().to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("", "10.0.0.1", &["1.1.1.1"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", "10.0.0.2", &["1.1.1.1"]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &["9.9.9.9, 1.1.1.1"]), "1.1.1.1");
        assert_eq!(client("10.0.0.0/8, ::1", "[::1]", &["9.9.9.9, 1.1.1.1", "10.2.3.4"]), "1.1.1.1");
        assert_eq!(client("10.0.0.0/8", "10.0.0.1", &["10.0.0.3,10.0.0.2"]), "10.0.0.3");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &["1.1.1.1, unknown"]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", "10.0.0.1", &[]), "10.0.0.1");
        assert_eq!(client("10.0.0.1", "[::ffff:10.0.0.1]", &["2001:db8::1"]), "2001:db8::1");
    }

    #[test]
    fn the_pages_server_names_the_browser_and_nobody_else_does() {
        let tokens = ServiceTokens::new("one secret of thirty-two characters".to_owned().into());
        let others = ServiceTokens::new("another secret of thirty-two letters".to_owned().into());
        let client = |proof: Option<(&ServiceTokens, &'static str)>, trusted: &str, forwarded: &str| {
            let mut request = TestRequest::get()
                .peer_addr("10.0.0.1:1234".parse().unwrap())
                .insert_header(("x-forwarded-for", forwarded))
                .app_data(web::Data::new(tokens.clone()));
            if let Some((tokens, service)) = proof {
                let token = LastingToken::new(tokens.clone(), service).value().unwrap();
                request = request.insert_header((SERVICE_TOKEN, token));
            }
            let proxies: TrustedProxies = trusted.parse().unwrap();
            proxies.client(&request.to_http_request()).unwrap().to_string()
        };
        assert_eq!(client(Some((&tokens, WEB)), "", "198.51.100.7"), "198.51.100.7");
        assert_eq!(client(Some((&tokens, WEB)), "", "2001:db8::1"), "2001:db8::1");
        // A browser invents what stands before its own address.
        assert_eq!(client(Some((&tokens, WEB)), "", "1.1.1.1, 198.51.100.7"), "198.51.100.7");
        // A load balancer between the pages' server and the gateway appends the address of the former.
        assert_eq!(client(Some((&tokens, WEB)), "10.0.0.1", "198.51.100.7, 10.9.9.9"), "198.51.100.7");
        assert_eq!(client(Some((&tokens, WEB)), "", "nonsense"), "10.0.0.1");
        for forged in [None, Some((&tokens, GATEWAY)), Some((&tokens, "flight")), Some((&others, WEB))] {
            assert_eq!(client(forged, "", "198.51.100.7"), "10.0.0.1");
        }
    }

    #[test]
    fn only_trusted_proxies_tell_of_tls() {
        let told = |trusted: &str, told: &'static str| {
            let request = TestRequest::get()
                .peer_addr("10.0.0.1:1234".parse().unwrap())
                .insert_header(("x-forwarded-proto", told))
                .to_http_request();
            trusted.parse::<TrustedProxies>().unwrap().saw_tls(&request)
        };
        assert!(told("10.0.0.0/8", "https") && !told("10.0.0.0/8", "http") && !told("10.0.0.2", "https"));
    }

    #[test]
    fn networks_hold_what_they_should() {
        let holds = |network: &str, address: &str| {
            network.parse::<Network>().unwrap().contains(address.parse().unwrap())
        };
        assert!(holds("10.1.0.0/16", "10.1.255.255") && !holds("10.1.0.0/16", "10.2.0.0"));
        assert!(holds("0.0.0.0/0", "1.2.3.4") && !holds("0.0.0.0/0", "::2"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1") && !holds("2001:db8::/32", "2001:db9::1"));
        assert!(holds("::/0", "::1"));
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/x", "host", "10.0.0.0/"] {
            assert_eq!(text.parse::<Network>(), Err(InvalidNetwork), "{text}");
        }
    }
}
