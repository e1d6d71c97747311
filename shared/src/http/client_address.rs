//! The client's address where proxies stand before a service.
//!
//! Before the gateway stand load balancers, which its operator names by their networks ([`TrustedProxies`]).
//! Before the other services stands the gateway, which proves itself ([`ClientAddress`]): an address proves
//! nothing, for any process of the same machine has it.

use crate::auth::{GATEWAY, ServiceTokens};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use std::{
    convert::Infallible,
    future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

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

/// What counts as one client: the address, of IPv6 the network of 64 bits. Who has an IPv6 address has 2^64
/// of them.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
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
    /// may be invented.
    #[must_use]
    pub fn client(&self, request: &HttpRequest) -> Option<IpAddr> {
        let mut client = request.peer_addr()?.ip().to_canonical();
        let headers: Vec<_> = request.headers().get_all("x-forwarded-for").collect();
        let entries = headers.iter().rev().flat_map(|value| value.to_str().unwrap_or_default().rsplit(','));
        for entry in entries {
            if !self.trusts(client) {
                break;
            }
            // What cannot be read is no address: the proxy that passed it on is the last one known.
            let Ok(before) = entry.trim().parse::<IpAddr>() else { break };
            client = before.to_canonical();
        }
        Some(client)
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }
}

impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    /// Reads a list, separated by commas; an empty one is nobody.
    fn from_str(list: &str) -> Result<Self, InvalidNetwork> {
        let texts = list.split(',').map(str::trim).filter(|text| !text.is_empty());
        texts.map(str::parse).collect::<Result<_, _>>().map(Self)
    }
}

/// The client's address, as a service behind the gateway knows it: an extractor, or [`ClientAddress::of`].
///
/// Where the gateway has proved itself by its service token, the address that it names in `X-Forwarded-For`; else
/// the address of the connection, whatever headers say. The app needs [`ServiceTokens`] as data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientAddress(pub IpAddr);

impl ClientAddress {
    /// Of this request. A connection without an address (tests, Unix sockets) has the unspecified one.
    #[must_use]
    pub fn of(request: &HttpRequest) -> Self {
        let peer = || request.peer_addr().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.ip());
        Self(Self::forwarded(request).unwrap_or_else(peer).to_canonical())
    }

    /// The address that the gateway names.
    fn forwarded(request: &HttpRequest) -> Option<IpAddr> {
        let named = request.headers().get("x-forwarded-for")?.to_str().ok()?.parse().ok()?;
        let tokens = request.app_data::<web::Data<ServiceTokens>>()?;
        (tokens.forwarder(request)? == GATEWAY).then_some(named)
    }
}

impl FromRequest for ClientAddress {
    type Error = Infallible;
    type Future = future::Ready<Result<Self, Infallible>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        future::ready(Ok(Self::of(request)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::{LastingToken, SERVICE_TOKEN};
    use actix_web::test::TestRequest;

    #[test]
    fn the_gateway_is_believed_and_nobody_else() {
        let tokens = ServiceTokens::new("one secret of thirty-two characters".to_owned().into());
        let of = |service: Option<(&ServiceTokens, &'static str)>, forwarded: &str| {
            let mut request = TestRequest::get().peer_addr("127.0.0.1:1234".parse().unwrap());
            if let Some((tokens, service)) = service {
                let token = LastingToken::new(tokens.clone(), service).value().unwrap();
                request = request.insert_header((SERVICE_TOKEN, token));
            }
            let request = request
                .insert_header(("x-forwarded-for", forwarded))
                .app_data(web::Data::new(tokens.clone()))
                .to_http_request();
            ClientAddress::of(&request).0.to_string()
        };
        assert_eq!(of(Some((&tokens, GATEWAY)), "198.51.100.7"), "198.51.100.7");
        assert_eq!(of(Some((&tokens, GATEWAY)), "2001:db8::1"), "2001:db8::1");
        assert_eq!(of(Some((&tokens, GATEWAY)), "::ffff:198.51.100.7"), "198.51.100.7");
        // The gateway names one address, never a list.
        assert_eq!(of(Some((&tokens, GATEWAY)), "1.1.1.1, 198.51.100.7"), "127.0.0.1");
        assert_eq!(of(None, "198.51.100.7"), "127.0.0.1");
        assert_eq!(of(Some((&tokens, "flight")), "198.51.100.7"), "127.0.0.1");
        let others = ServiceTokens::new("another secret of thirty-two letters".to_owned().into());
        assert_eq!(of(Some((&others, GATEWAY)), "198.51.100.7"), "127.0.0.1");
        let bare = TestRequest::get().insert_header(("x-forwarded-for", "1.1.1.1")).to_http_request();
        assert_eq!(ClientAddress::of(&bare).0, IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    }

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
    fn a_network_of_64_bits_is_one_client() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:10.0.0.1"), "10.0.0.1");
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
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
