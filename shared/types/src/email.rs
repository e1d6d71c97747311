//! E-mail addresses: one grammar for accounts, contacts and letters.
//!
//! An address is a dot-atom (RFC 5322, 3.2.3) before the `@` and a domain name with a dot behind it. Quoted local
//! parts and address literals are refused: forms take them for slips, and many mail servers do not deliver to them.
//! Domain names are checked by UTS #46 and kept in ASCII (A-labels), so that every mail server can be asked for them.

use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};
use serde::Deserialize;
use std::{fmt, str::FromStr};

/// The longest address that SMTP can carry (RFC 5321, 4.5.3.1.3), octets.
const LONGEST: usize = 254;
/// The longest local part that SMTP can carry (RFC 5321, 4.5.3.1.1), octets.
const LONGEST_LOCAL_PART: usize = 64;

/// Why a text is no e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidEmail {
    /// It has no `@`.
    #[error("must be an e-mail address such as ada@example.org")]
    Form,
    /// What stands before the `@` is no dot-atom, or is too long.
    #[error(
        "must have 1 to 64 letters (a to z), digits and characters of !#$%&'*+-/=?^_`{{|}}~ before the @, with single dots between them"
    )]
    LocalPart,
    /// What stands behind the `@` is no domain name with a dot.
    #[error("must have a domain name such as example.org behind the @")]
    Domain,
    /// It is too long for a mail server.
    #[error("must be an e-mail address of 254 characters at most")]
    Length,
}

/// An e-mail address. ASCII only: a domain that was written in another script is kept in its A-labels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// An address that was checked when it was stored, perhaps by the looser grammar of an earlier release.
    #[must_use]
    pub fn stored(text: String) -> Self {
        Self(text)
    }

    /// The address, capitals as they were written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address in lower case. Accounts are unique by it, and two addresses are compared by it.
    #[must_use]
    pub fn key(&self) -> String {
        self.0.to_lowercase()
    }

    /// The key of a text that should be an address. A text outside of the grammar is only put into lower case: an
    /// earlier release may have stored it as an address.
    #[must_use]
    pub fn key_of(text: &str) -> String {
        text.parse().map_or_else(|_| text.trim().to_lowercase(), |address: Self| address.key())
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmail;

    /// Spaces around the address are passed over.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.trim().rsplit_once('@').ok_or(InvalidEmail::Form)?;
        if !is_dot_atom(local) || local.len() > LONGEST_LOCAL_PART {
            return Err(InvalidEmail::LocalPart);
        }
        let ascii = ascii_domain(domain)?;
        // A domain in ASCII keeps the capitals of its owner.
        let domain = if domain.is_ascii() { domain } else { ascii.as_str() };
        let address = format!("{local}@{domain}");
        if address.len() > LONGEST { Err(InvalidEmail::Length) } else { Ok(Self(address)) }
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;

    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

fn is_dot_atom(text: &str) -> bool {
    let is_atext = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    text.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atext))
}

/// A domain name in ASCII and lower case. Checked as strictly as registries do: letters, digits and hyphens only,
/// hyphens where they may stand, labels of 63 octets and 253 in all at most.
fn ascii_domain(domain: &str) -> Result<String, InvalidEmail> {
    let checked =
        Uts46::new().to_ascii(domain.as_bytes(), AsciiDenyList::STD3, Hyphens::Check, DnsLength::Verify);
    let ascii = checked.map_err(|_| InvalidEmail::Domain)?;
    // A last label of digits would make it an IP address (RFC 3696, 2).
    match ascii.rsplit_once('.') {
        Some((_, last)) if !last.bytes().all(|byte| byte.is_ascii_digit()) => Ok(ascii.into_owned()),
        _ => Err(InvalidEmail::Domain),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Result<String, InvalidEmail> {
        text.parse().map(|address: EmailAddress| address.0)
    }

    #[test]
    fn addresses_are_kept_as_they_are_written_and_domains_in_ascii() {
        for text in [
            "ada@example.org",
            "Ada.Lovelace+tag@Example.org",
            "!#$%&'*+-/=?^_`{|}~@example.org",
            "1@2.example",
            "ada@xn--bcher-kva.example",
            "ada@a-b.c0.museum",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        assert_eq!(read(" ada@example.org ").as_deref(), Ok("ada@example.org"));
        for text in ["nina@b\u{fc}cher.example", "nina@bu\u{308}cher.example", "nina@B\u{dc}CHER.example"] {
            assert_eq!(read(text).as_deref(), Ok("nina@xn--bcher-kva.example"), "{text:?}");
        }
        assert_eq!(read("x@\u{4f8b}\u{5b50}.\u{6d4b}\u{8bd5}").as_deref(), Ok("x@xn--fsqu00a.xn--0zwm56d"));
    }

    #[test]
    fn texts_that_are_no_addresses_are_refused() {
        for text in ["", "ada", "ada.example.org"] {
            assert_eq!(read(text), Err(InvalidEmail::Form), "{text:?}");
        }
        let long = format!("{}@example.org", "a".repeat(65));
        for text in [
            "@example.org",
            "n..ina@example.org",
            ".nina@example.org",
            "nina.@example.org",
            "\"nina\"@example.org",
            "ni na@example.org",
            "ada@home@example.org",
            "n\u{ef}na@example.org",
            "a\r\nBcc: b@example.org",
            "Ada <ada@example.org",
            "ada@example.org\r\nBcc: x@example.org",
            &long,
        ] {
            assert_eq!(read(text), Err(InvalidEmail::LocalPart), "{text:?}");
        }
        let long = format!("ada@{}.org", "b".repeat(64));
        for text in [
            "ada@",
            "ada@localhost",
            "x@[127.0.0.1]",
            "x@[IPv6:::1]",
            "x@127.0.0.1",
            "x@1.2.3.4",
            "x@a.b.9",
            "ada@example.org.",
            "ada@.example.org",
            "ada@example..org",
            "ada@-a.example",
            "ada@a-.example",
            "ada@ab--c.example",
            "ada@a_b.example",
            "ada@a b.example",
            "ada@xn--a.example",
            "ada@xn--.example",
            "ada@example.org\u{0}",
            "ada@example.org\r\nBcc:",
            "ada@example.org>",
            &long,
        ] {
            assert_eq!(read(text), Err(InvalidEmail::Domain), "{text:?}");
        }
    }

    #[test]
    fn octets_are_counted_in_ascii() {
        let labels = |last: usize| format!("{0}.{0}.{0}.{1}", "b".repeat(60), "c".repeat(last));
        let local = "a".repeat(64);
        // 64 + 1 + 3 * 61 + 6
        assert!(read(&format!("{local}@{}", labels(6))).is_ok());
        assert_eq!(read(&format!("{local}@{}", labels(7))), Err(InvalidEmail::Length));
        // 30 letters, which take 2 octets each as they are written, and more as A-labels.
        let label = "\u{fc}".repeat(30);
        let wide = format!("{local}@{label}.{label}.{label}.example");
        let length = read(&wide).map(|address| address.len());
        assert!(length.is_ok_and(|length| length <= LONGEST), "{length:?}");
        let wider = format!("{local}@{label}.{label}.{label}.{label}.{label}.{label}.example");
        assert_eq!(read(&wider), Err(InvalidEmail::Length));
    }

    #[test]
    fn one_address_is_one_account_in_every_spelling() {
        let key = |text: &str| text.parse::<EmailAddress>().map(|address| address.key());
        let known = key("Nina@b\u{fc}cher.example");
        for spelling in
            ["nina@XN--BCHER-KVA.example", "NINA@B\u{dc}CHER.EXAMPLE", "nina@b\u{fc}cher\u{3002}example"]
        {
            assert_eq!(key(spelling), known, "{spelling:?}");
            assert_eq!(Ok(EmailAddress::key_of(spelling)), known);
        }
        assert_eq!(EmailAddress::key_of(" Root@Localhost "), "root@localhost");
    }

    proptest! {
        #[test]
        fn an_address_is_one_word_of_ascii_and_reads_as_itself(
            text in "\\PC*@\\PC*|[\\x00-\\x7f]*@[a-z.]*|[a-z.]{1,9}@([a-z\u{df}-\u{ff}\u{3b1}-\u{3c9}\u{5d0}-\u{5ea}0-9-]{1,20}[.]){1,4}[a-z]{2,9}",
        ) {
            if let Ok(address) = text.parse::<EmailAddress>() {
                prop_assert!(address.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(address.as_str().matches('@').count(), 1);
                prop_assert!(address.as_str().len() <= LONGEST);
                prop_assert_eq!(address.as_str().parse(), Ok(address.clone()));
                prop_assert_eq!(EmailAddress::key_of(&address.key()), address.key());
            }
        }
    }
}
