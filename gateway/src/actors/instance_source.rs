//! Where the instances of a service are: fixed addresses, and host names that are resolved again and again.

use futures_util::future::{LocalBoxFuture, join_all};
use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
};
use url::{Host, Url};

/// Where an instance listens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct InstanceAddress {
    socket: SocketAddr,
    /// The configured host with its port: what `Host` says in requests.
    host: String,
}

impl InstanceAddress {
    pub(super) fn socket(&self) -> SocketAddr {
        self.socket
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// As a base address; always one in practice.
    pub(super) fn base(&self) -> Option<Url> {
        Url::parse(&self.to_string()).ok()
    }
}

impl fmt::Display for InstanceAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "http://{}", self.socket)
    }
}

/// Looks host names up.
pub(super) trait Resolver {
    /// The present addresses of a name, with this port.
    fn resolve(&self, name: String, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>>;
}

/// The resolver of the operating system, on a thread for blocking work. It ends by its own time limits.
pub(super) struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: String, port: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move { Ok(tokio::net::lookup_host((name, port)).await?.collect()) })
    }
}

/// One configured address.
struct ConfiguredAddress {
    host: String,
    port: u16,
    /// The name to resolve; `None` for an IP address.
    name: Option<String>,
    /// The last addresses that the name had, sorted.
    known: Vec<SocketAddr>,
}

impl ConfiguredAddress {
    fn new(url: &Url) -> Self {
        let port = url.port_or_known_default().unwrap_or(80);
        let fixed = |ip: IpAddr| (None, vec![SocketAddr::new(ip, port)]);
        let (name, known) = match url.host() {
            Some(Host::Ipv4(ip)) => fixed(ip.into()),
            Some(Host::Ipv6(ip)) => fixed(ip.into()),
            Some(Host::Domain(name)) => (Some(name.to_owned()), Vec::new()),
            None => (None, Vec::new()),
        };
        Self { host: url.authority().to_owned(), port, name, known }
    }
}

/// What the resolver said of each name, by the position of its address.
pub(super) type Resolution = Vec<(usize, io::Result<Vec<SocketAddr>>)>;

/// The addresses of a service's instances.
pub(super) struct InstanceSource {
    configured: Vec<ConfiguredAddress>,
    resolver: Rc<dyn Resolver>,
}

impl InstanceSource {
    /// The source of these base addresses. A name has no addresses before its first resolution.
    pub(super) fn new(bases: &[Url], resolver: Rc<dyn Resolver>) -> Self {
        Self { configured: bases.iter().map(ConfiguredAddress::new).collect(), resolver }
    }

    /// Whether any address is a name.
    pub(super) fn has_names(&self) -> bool {
        self.configured.iter().any(|address| address.name.is_some())
    }

    /// Whether a name has no address yet.
    pub(super) fn is_incomplete(&self) -> bool {
        self.configured.iter().any(|address| address.known.is_empty())
    }

    /// Resolves all names.
    pub(super) fn resolve(&self) -> LocalBoxFuture<'static, Resolution> {
        let lookups = self.configured.iter().enumerate().filter_map(|(index, address)| {
            let resolving = self.resolver.resolve(address.name.clone()?, address.port);
            Some(async move { (index, resolving.await) })
        });
        Box::pin(join_all(lookups.collect::<Vec<_>>()))
    }

    /// Takes what the resolver said. A failure, and an answer without an address, leaves the last good set.
    pub(super) fn learn(&mut self, resolution: Resolution) {
        for (index, answer) in resolution {
            let address = &mut self.configured[index];
            match answer.map(one_family) {
                Ok(found) if !found.is_empty() => address.known = found,
                Ok(_) => tracing::warn!(upstream.host = address.host, "A host name has no address"),
                Err(error) => {
                    tracing::warn!(upstream.host = address.host, error.message = %error, "A host name could not be resolved");
                }
            }
        }
    }

    /// All instances, each once.
    pub(super) fn addresses(&self) -> Vec<InstanceAddress> {
        let each = self.configured.iter().flat_map(|address| {
            address.known.iter().map(|socket| InstanceAddress { socket: *socket, host: address.host.clone() })
        });
        let mut addresses: Vec<InstanceAddress> = each.collect();
        addresses.sort();
        addresses.dedup_by_key(|address| address.socket);
        addresses
    }
}

/// The IPv4 addresses, or the IPv6 addresses where there are no others: a host with both is one instance.
fn one_family(mut addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    if addresses.iter().any(SocketAddr::is_ipv4) {
        addresses.retain(SocketAddr::is_ipv4);
    }
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use std::cell::RefCell;

    /// A resolver whose answer a test changes; `None`: it fails.
    #[derive(Default)]
    pub(in crate::actors) struct ScriptedResolver(pub(in crate::actors) RefCell<Option<Vec<SocketAddr>>>);

    impl Resolver for ScriptedResolver {
        fn resolve(&self, _: String, _: u16) -> LocalBoxFuture<'static, io::Result<Vec<SocketAddr>>> {
            let answer = self.0.borrow().clone().ok_or_else(|| io::Error::other("no name server"));
            Box::pin(std::future::ready(answer))
        }
    }

    fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    async fn resolved(source: &mut InstanceSource) -> Vec<String> {
        let resolution = source.resolve().await;
        source.learn(resolution);
        source.addresses().iter().map(ToString::to_string).collect()
    }

    #[actix_web::test]
    async fn names_are_followed_and_a_failure_changes_nothing() {
        let resolver = Rc::new(ScriptedResolver::default());
        let bases = ["http://10.0.0.1:80", "http://booking.internal:8082"].map(|url| url.parse().unwrap());
        let mut source = InstanceSource::new(&bases, resolver.clone());
        assert!(source.has_names() && source.is_incomplete());
        assert_eq!(resolved(&mut source).await, ["http://10.0.0.1:80"]);
        for (answer, instances) in [
            (Some(&["10.0.0.3:8082", "10.0.0.2:8082", "10.0.0.3:8082"][..]), &["2", "3"][..]),
            (None, &["2", "3"]),
            (Some(&[]), &["2", "3"]),
            (Some(&["10.0.0.3:8082", "10.0.0.4:8082"]), &["3", "4"]),
        ] {
            *resolver.0.borrow_mut() = answer.map(sockets);
            let expected = instances.iter().map(|last| format!("http://10.0.0.{last}:8082"));
            let all: Vec<String> = ["http://10.0.0.1:80".to_owned()].into_iter().chain(expected).collect();
            assert_eq!(resolved(&mut source).await, all);
        }
        assert!(!source.is_incomplete());
        assert_eq!(source.addresses()[1].host(), "booking.internal:8082");
    }

    #[test]
    fn a_host_of_both_families_is_one_instance() {
        assert_eq!(one_family(sockets(&["[::1]:80", "127.0.0.1:80"])), sockets(&["127.0.0.1:80"]));
        assert_eq!(one_family(sockets(&["[::2]:80", "[::1]:80"])), sockets(&["[::1]:80", "[::2]:80"]));
    }

    #[test]
    fn an_ip_address_needs_no_resolution_and_counts_once() {
        let bases =
            ["http://[::1]", "http://10.0.0.1:81", "http://10.0.0.1:81"].map(|url| url.parse().unwrap());
        let source = InstanceSource::new(&bases, Rc::new(SystemResolver));
        assert!(!source.has_names() && !source.is_incomplete());
        let addresses: Vec<String> = source.addresses().iter().map(ToString::to_string).collect();
        assert_eq!(addresses, ["http://10.0.0.1:81", "http://[::1]:80"]);
    }
}
