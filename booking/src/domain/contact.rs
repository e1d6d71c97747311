//! How to reach the travellers.

use shared::http::Patch;
use std::str::FromStr;

/// An e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Email(String);

/// A telephone number in international form (E.164): `+` and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phone(String);

/// A text that is no address of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidContact {
    #[error("must be an e-mail address of 254 characters at most")]
    Email,
    #[error("must be a telephone number in international form, such as +33123456789")]
    Phone,
}

/// The contact of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    pub(crate) email: Email,
    pub(crate) phone: Option<Phone>,
}

/// A change of a contact; what is not mentioned stays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ContactPatch {
    pub(crate) email: Option<Email>,
    pub(crate) phone: Patch<Phone>,
}

impl ContactPatch {
    /// The contact after the change.
    pub(crate) fn apply(&self, present: &Contact) -> Contact {
        Contact {
            email: self.email.clone().unwrap_or_else(|| present.email.clone()),
            phone: self.phone.clone().apply(present.phone.clone()),
        }
    }
}

impl Email {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Email {
    type Err = InvalidContact;

    fn from_str(text: &str) -> Result<Self, InvalidContact> {
        let text = text.trim();
        // RFC 5321: a path has 256 characters with its angle brackets.
        let valid = text.len() <= 254 && garde::rules::email::apply(&text, ()).is_ok();
        if valid { Ok(Self(text.to_owned())) } else { Err(InvalidContact::Email) }
    }
}

impl Phone {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// One that was checked when it was stored.
    pub(crate) fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Phone {
    type Err = InvalidContact;

    /// Spaces, hyphens, dots and brackets between the digits are passed over.
    fn from_str(text: &str) -> Result<Self, InvalidContact> {
        let plain: String = text.trim().chars().filter(|c| !" -.()".contains(*c)).collect();
        let digits = plain.strip_prefix('+').ok_or(InvalidContact::Phone)?;
        let valid = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if valid { Ok(Self(plain)) } else { Err(InvalidContact::Phone) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contacts_are_checked() {
        assert!("ada@example.org".parse::<Email>().is_ok());
        for text in
            ["", "ada", "ada@", "@example.org", "a b@example.org", "ada@example.org\r\nBcc: x@example.org"]
        {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
        assert_eq!(
            "+33 (1) 23-45.67 89".parse::<Phone>().map(|phone| phone.0),
            Ok("+33123456789".to_owned())
        );
        for text in ["", "0123456789", "+1", "+0123456789", "+1234567890123456", "+12345678x"] {
            assert!(text.parse::<Phone>().is_err(), "{text:?}");
        }
    }
}
