//! The client's address, for a service behind the gateway.
//!
//! The gateway names the address, and proves itself: an address of a connection proves nothing, for any process of the
//! same machine has it. Before the gateway stand load balancers, whose networks its own settings name.

use crate::auth::{GATEWAY, ServiceTokens};
use actix_web::{FromRequest, HttpRequest, dev::Payload, web};
use std::{
    convert::Infallible,
    future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// What counts as one client: the address, of IPv6 the network of 64 bits. Who has an IPv6 address has 2^64
/// of them.
#[must_use]
pub fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn addresses_are_one_client_exactly_if_nobody_else_has_them(one in any::<u128>(), other in any::<u128>()) {
            let v6 = |bits: u128| IpAddr::V6(Ipv6Addr::from_bits(bits));
            let v4 = |bits: u128| IpAddr::V4(Ipv4Addr::from_bits(u32::try_from(bits >> 96).unwrap()));
            // The same 64 bits and any others: one client.
            let sibling = (one & !u128::from(u64::MAX)) | (other & u128::from(u64::MAX));
            prop_assert_eq!(network_of(v6(one)), network_of(v6(sibling)));
            prop_assert_eq!(network_of(v6(one)) == network_of(v6(other)), one >> 64 == other >> 64);
            // An address of IPv4 is itself, however it is written, and never one of IPv6.
            let IpAddr::V4(address) = v4(one) else { unreachable!("it is of IPv4") };
            prop_assert_eq!(network_of(address.to_ipv6_mapped().into()), IpAddr::V4(address));
            prop_assert_eq!(network_of(v4(one)) == network_of(v4(other)), v4(one) == v4(other));
            prop_assert_eq!(network_of(network_of(v6(one))), network_of(v6(one)));
        }
    }

    #[test]
    fn a_network_of_64_bits_is_one_client() {
        let network = |text: &str| network_of(text.parse().unwrap()).to_string();
        assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(network("::ffff:10.0.0.1"), "10.0.0.1");
        assert_ne!(network("10.0.0.1"), network("10.0.0.2"));
    }
}
