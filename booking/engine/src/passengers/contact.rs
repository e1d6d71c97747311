//! The contact of a booking: email, telephone and language.

use shared_types::{email::EmailAddress, locale::Locale, patch::Patch};
use std::str::FromStr;

/// A telephone number in international form (E.164): `+` and 7 to 15 digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone(String);

/// The text is no telephone number in international form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("must be a telephone number in international form, such as +33123456789")]
pub struct InvalidPhone;

/// The contact of a booking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The address that letters go to.
    pub email: EmailAddress,
    /// The telephone number; `None`: the travellers gave none.
    pub phone: Option<Phone>,
    /// The language of letters; `None`: nobody told it.
    pub locale: Option<Locale>,
}

/// A change of a contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactPatch {
    /// The new address; `None`: it stays.
    pub email: Option<EmailAddress>,
    /// Sets, removes or keeps the telephone number.
    pub phone: Patch<Phone>,
    /// Sets, removes or keeps the language.
    pub locale: Patch<Locale>,
}

impl ContactPatch {
    /// The contact after the change.
    pub fn apply(&self, present: &Contact) -> Contact {
        Contact {
            email: self.email.clone().unwrap_or_else(|| present.email.clone()),
            phone: self.phone.clone().apply(present.phone.clone()),
            locale: self.locale.clone().apply(present.locale.clone()),
        }
    }
}

impl Phone {
    /// `+` and the digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A stored number, which was checked before it was stored.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl FromStr for Phone {
    type Err = InvalidPhone;

    /// Ignores spaces, hyphens, dots and brackets between the digits.
    fn from_str(text: &str) -> Result<Self, InvalidPhone> {
        let plain: String = text.trim().chars().filter(|c| !" -.()".contains(*c)).collect();
        let digits = plain.strip_prefix('+').ok_or(InvalidPhone)?;
        let valid = (7..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && !digits.starts_with('0');
        if valid { Ok(Self(plain)) } else { Err(InvalidPhone) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_are_checked() {
        assert_eq!(
            "+33 (1) 23-45.67 89".parse::<Phone>().map(|phone| phone.0),
            Ok("+33123456789".to_owned())
        );
        for text in ["", "0123456789", "+1", "+0123456789", "+1234567890123456", "+12345678x"] {
            assert!(text.parse::<Phone>().is_err(), "{text:?}");
        }
    }
}
