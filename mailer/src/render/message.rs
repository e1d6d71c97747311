//! The mail around a letter's parts (RFC 5322, MIME).

use super::Parts;
use lettre::{
    Address, Message,
    address::AddressError,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{HeaderName, HeaderValue},
    },
};

/// What all mails of an installation share.
#[derive(Debug, Clone)]
pub struct Letterhead {
    /// Who writes.
    pub from: Mailbox,
    /// Where answers go; to the writer where it is missing.
    pub reply_to: Option<Mailbox>,
}

/// Why there is no mail.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Nobody has such an address.
    #[error("the recipient's address is not valid")]
    Recipient(#[source] AddressError),
    /// The parts cannot be put together.
    #[error("the mail cannot be built")]
    Build(#[from] lettre::error::Error),
}

/// Builds the mail. `message_id` has its angle brackets.
///
/// # Errors
/// [`MessageError`]; trying again gives the same.
pub fn build(
    letterhead: &Letterhead,
    recipient: &str,
    subject: &str,
    message_id: &str,
    parts: Parts,
) -> Result<Message, MessageError> {
    let address: Address = recipient.parse().map_err(MessageError::Recipient)?;
    let auto_submitted =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let mut builder = Message::builder()
        .from(letterhead.from.clone())
        .to(Mailbox::new(None, address))
        .subject(subject)
        .message_id(Some(message_id.to_owned()))
        .date_now()
        .raw_header(auto_submitted);
    if let Some(reply_to) = &letterhead.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    // Documents will stand beside this one, in a multipart/mixed around it.
    let alternative = MultiPart::alternative()
        .singlepart(SinglePart::plain(parts.text))
        .singlepart(SinglePart::html(parts.html));
    Ok(builder.multipart(alternative)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_others_becomes_a_header() {
        let letterhead =
            Letterhead { from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(), reply_to: None };
        let parts = Parts { text: "t".into(), html: "<p>h</p>".into() };
        let mail =
            build(&letterhead, "a@b.example", "x\r\nBcc: all@b.example", "<a@b>", parts.clone()).unwrap();
        let raw = String::from_utf8(mail.formatted()).unwrap();
        assert!(!raw.lines().any(|line| line.starts_with("Bcc:")), "{raw}");
        for address in ["a@b.example\r\nBcc: c@d.example", "nobody", "", "a@b.example, c@d.example"] {
            let refused = build(&letterhead, address, "x", "<a@b>", parts.clone());
            assert!(matches!(refused, Err(MessageError::Recipient(_))), "{address}");
        }
    }
}
