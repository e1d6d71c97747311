//! Devices that a user has logged in from before.

use super::client_device::ClientDevice;
use shared::http::network_of;
use std::net::{IpAddr, Ipv6Addr};

/// What a device is recognised by: its network, and the kind of its program. A client writes its `User-Agent` itself, so
/// the program makes an alert more likely, and permits nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KnownDevice {
    /// The network, as text.
    pub(crate) network: String,
    /// The `User-Agent` without versions, so that an update makes no other device of it.
    pub(crate) program: String,
}

/// The network that failures of a device are counted by. A connection without an address (a Unix socket) has the
/// unspecified one.
pub(crate) fn network(device: &ClientDevice) -> IpAddr {
    network_of(device.address.unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED)))
}

impl From<&ClientDevice> for KnownDevice {
    fn from(device: &ClientDevice) -> Self {
        Self {
            network: network(device).to_string(),
            program: without_versions(device.user_agent.as_deref().unwrap_or_default()),
        }
    }
}

/// The words of a `User-Agent`, each up to its slash; numbers alone are left out.
fn without_versions(user_agent: &str) -> String {
    let words = user_agent.split_whitespace().filter_map(|word| word.split('/').next());
    let named = words.filter(|word| word.chars().any(char::is_alphabetic));
    named.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(user_agent: &str, address: &str) -> KnownDevice {
        KnownDevice::from(&ClientDevice::new(Some(user_agent), address.parse().ok()))
    }

    #[test]
    fn an_update_is_the_same_device_and_another_network_is_another() {
        let chrome = |version: &str| {
            format!("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/{version} Safari/537.36")
        };
        let device = known(&chrome("131.0.0.0"), "10.0.0.1");
        assert_eq!(device.program, "Mozilla (X11; Linux x86_64) AppleWebKit Chrome Safari");
        assert_eq!(device, known(&chrome("132.1"), "::ffff:10.0.0.1"));
        assert_ne!(device, known(&chrome("131.0.0.0"), "10.0.0.2"));
        assert_ne!(device, known("curl/8.5.0", "10.0.0.1"));
        assert_eq!(known("curl/8", "2001:db8::1"), known("curl/9", "2001:db8::2"));
        let bare = KnownDevice::from(&ClientDevice::default());
        assert_eq!((bare.network.as_str(), bare.program.as_str()), ("::", ""));
    }
}
