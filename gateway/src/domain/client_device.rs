//! The device that a request comes from, as far as the request tells it.

use shared::http::ConnectionEnd;
use std::net::IpAddr;

/// Characters of the longest `User-Agent` that is kept.
const LONGEST_USER_AGENT: usize = 200;

/// What a request tells of the device that sent it. A user recognises a session by it; it proves nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientDevice {
    /// The program, from `User-Agent`: 200 characters at most.
    pub(crate) user_agent: Option<String>,
    /// The network address.
    pub(crate) address: Option<IpAddr>,
    /// Tells when its connection ends.
    pub(crate) connection: ConnectionEnd,
}

impl ClientDevice {
    /// A device with this `User-Agent` header. Its control characters are dropped, and a long one is cut.
    pub(crate) fn new(user_agent: Option<&str>, address: Option<IpAddr>) -> Self {
        let shown = |text: &str| {
            let shown = text.trim().chars().filter(|character| !character.is_control());
            shown.take(LONGEST_USER_AGENT).collect::<String>()
        };
        let user_agent = user_agent.map(shown).filter(|text| !text.is_empty());
        Self { user_agent, address, connection: ConnectionEnd::default() }
    }

    /// The address as the database keeps it.
    pub(crate) fn address_text(&self) -> Option<String> {
        self.address.map(|address| address.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_bounded_and_printable() {
        let kept = |text: &str| ClientDevice::new(Some(text), None).user_agent;
        assert_eq!(kept(" Firefox/140\u{7f}.0 ").as_deref(), Some("Firefox/140.0"));
        assert_eq!(kept(&"\u{e9}".repeat(300)), Some("\u{e9}".repeat(200)));
        assert_eq!(kept(" \t "), None);
        let address = "2001:db8::1".parse().ok();
        assert_eq!(ClientDevice::new(None, address).address_text().as_deref(), Some("2001:db8::1"));
    }
}
