//! The mail around a letter's parts (RFC 5322, MIME).

use super::{DkimSigner, LetterDocument, LetterParts};
use lettre::{
    Address, Message,
    address::{AddressError, Envelope},
    message::{
        Attachment, Body, Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use shared::email::{EmailAddress, InvalidEmail};

/// The longest line that a mail may have (RFC 5322, 2.1.1), without its end.
const LINE_LIMIT: usize = 998;

/// A mail as it goes over the wire.
#[derive(Debug, Clone)]
pub(crate) struct RenderedMail {
    /// Who writes to whom.
    pub(crate) envelope: Envelope,
    /// Header and body.
    pub(crate) bytes: Vec<u8>,
}

/// What all mails of an installation share.
#[derive(Debug, Clone)]
pub(crate) struct Letterhead {
    /// Who writes.
    pub(crate) from: Mailbox,
    /// Where answers go; to the writer where it is missing.
    pub(crate) reply_to: Option<Mailbox>,
    /// What signs mails, where they are signed.
    pub(crate) dkim: Option<DkimSigner>,
}

/// Why there is no mail.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MessageError {
    /// Nobody has such an address. An event of an earlier release may carry one.
    #[error("the recipient's address is not valid: it {0}")]
    Recipient(InvalidEmail),
    /// The address is one, but no mail can carry it; never in practice.
    #[error("the recipient's address cannot be written")]
    Unwritable(#[from] AddressError),
    /// The parts cannot be put together.
    #[error("the mail cannot be built")]
    Build(#[from] lettre::error::Error),
}

/// Builds the mail. `message_id` has its angle brackets.
///
/// # Errors
/// [`MessageError`]; trying again gives the same.
pub(crate) fn build_message(
    letterhead: &Letterhead,
    recipient: &str,
    subject: &str,
    message_id: &str,
    parts: &LetterParts,
    documents: Vec<LetterDocument>,
) -> Result<RenderedMail, MessageError> {
    let address = mail_address(&recipient.parse().map_err(MessageError::Recipient)?)?;
    let auto_submitted =
        HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned());
    let mut builder = Message::builder()
        .from(letterhead.from.clone())
        .to(Mailbox::new(None, address))
        // A text that looks like an encoded word (RFC 2047) would be read as what it encodes.
        .subject(subject.replace("=?", "= ?"))
        .message_id(Some(message_id.to_owned()))
        .date_now()
        .raw_header(auto_submitted);
    if let Some(reply_to) = &letterhead.reply_to {
        builder = builder.reply_to(reply_to.clone());
    }
    let alternative = MultiPart::alternative()
        .singlepart(part(ContentType::TEXT_PLAIN, &parts.text))
        .singlepart(part(ContentType::TEXT_HTML, &parts.html));
    let mut message = match documents.is_empty() {
        true => builder.multipart(alternative)?,
        false => {
            let mixed = MultiPart::mixed().multipart(alternative);
            builder
                .multipart(documents.into_iter().fold(mixed, |mixed, one| mixed.singlepart(attached(one))))?
        }
    };
    if let Some(dkim) = &letterhead.dkim {
        dkim.sign(&mut message);
    }
    Ok(RenderedMail { envelope: message.envelope().clone(), bytes: message.formatted() })
}

/// A part of a mail. A text of ASCII in lines that a mail may have stands there as it is: encoding it, as lettre would do
/// from 76 characters a line on, takes longer than to fill its template in, and makes it a fifth longer.
fn part(kind: ContentType, text: &str) -> SinglePart {
    let (text, longest) = with_crlf(text);
    let builder = SinglePart::builder().header(kind);
    if longest <= LINE_LIMIT && text.is_ascii() {
        builder.body(Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit))
    } else {
        builder.body(text)
    }
}

/// A document as a part of a mail. Mail clients offer the calendar for the own one by its `method` (RFC 5546, 4).
fn attached(document: LetterDocument) -> SinglePart {
    let attachment = Attachment::new(document.file_name().to_owned());
    let (kind, body) = match document {
        LetterDocument::Ticket(pdf) => ("application/pdf", Body::new(pdf)),
        LetterDocument::Calendar(calendar) => {
            ("text/calendar; method=PUBLISH; charset=utf-8", Body::new(calendar))
        }
    };
    // Both are types: parsing them never fails.
    let kind = ContentType::parse(kind).unwrap_or(ContentType::TEXT_PLAIN);
    attachment.body(body, kind)
}

/// The text with the line ends of mails, and the length of its longest line.
fn with_crlf(text: &str) -> (String, usize) {
    let mut lines = String::with_capacity(text.len() + text.len() / 16);
    let mut longest = 0;
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            lines.push_str("\r\n");
        }
        let line = line.strip_suffix('\r').unwrap_or(line);
        longest = longest.max(line.len());
        lines.push_str(line);
    }
    (lines, longest)
}

/// An address as mails carry it.
///
/// # Errors
/// Never for an address of the grammar that all services share, as a test shows.
pub(crate) fn mail_address(address: &EmailAddress) -> Result<Address, AddressError> {
    address.as_str().parse()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// A contact that booking has accepted gets its letter.
        #[test]
        fn every_address_can_be_written_to(
            local in "[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,20}([.][A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,14}){0,3}",
            domain in "([a-z0-9\u{df}-\u{f6}\u{f8}-\u{ff}\u{3b1}-\u{3c9}\u{5d0}-\u{5ea}\u{4e00}-\u{4e20}-]{1,20}[.\u{3002}]){1,6}[a-zA-Z]{2,9}|[\\PC]{1,30}[.][a-z]{2,9}|[a-z0-9.-]{1,60}",
        ) {
            let text = format!("{local}@{domain}");
            if let Ok(address) = text.parse::<EmailAddress>() {
                let letterhead =
                    Letterhead { from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(), reply_to: None, dkim: None };
                let parts = LetterParts { text: "t".into(), html: "<p>h</p>".into() };
                let mail = build_message(&letterhead, address.as_str(), "x", "<a@b>", &parts, Vec::new());
                prop_assert!(mail.is_ok(), "{text:?}: {:?}", mail.err());
                let envelope = mail.map(|mail| mail.envelope.to().to_vec()).unwrap_or_default();
                prop_assert_eq!(envelope.iter().map(ToString::to_string).collect::<Vec<_>>(), [address.as_str()]);
            }
        }
    }

    #[test]
    fn no_text_of_others_becomes_a_header() {
        let letterhead = Letterhead {
            from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(),
            reply_to: None,
            dkim: None,
        };
        let parts = LetterParts { text: "t".into(), html: "<p>h</p>".into() };
        let mail =
            build_message(&letterhead, "a@b.example", "x\r\nBcc: all@b.example", "<a@b>", &parts, Vec::new())
                .unwrap();
        let raw = String::from_utf8(mail.bytes).unwrap();
        assert!(!raw.lines().any(|line| line.starts_with("Bcc:")), "{raw}");
        for address in [
            "a@b.example\r\nBcc: c@d.example",
            "nobody",
            "",
            "a@b.example, c@d.example",
            "n..ina@example.org",
            "x@[127.0.0.1]",
        ] {
            let refused = build_message(&letterhead, address, "x", "<a@b>", &parts, Vec::new());
            assert!(matches!(refused, Err(MessageError::Recipient(_))), "{address}");
        }
    }

    #[test]
    fn a_text_is_encoded_only_where_it_must_be() {
        let letterhead = Letterhead {
            from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(),
            reply_to: None,
            dkim: None,
        };
        let mail = |text: &str| {
            let parts = LetterParts { text: text.to_owned(), html: "<p>h</p>".into() };
            let mail = build_message(&letterhead, "a@b.example", "x", "<a@b>", &parts, Vec::new()).unwrap();
            let read = mail_parser::MessageParser::default().parse(&mail.bytes).unwrap().into_owned();
            assert_eq!(
                read.body_text(0).unwrap().trim_end(),
                text.replace("\r\n", "\n").replace('\n', "\r\n")
            );
            String::from_utf8(mail.bytes).unwrap()
        };
        let plain = format!("Dear Ada\n.\nseat = 12A\r\n{}", "x".repeat(LINE_LIMIT));
        let raw = mail(&plain);
        assert_eq!(raw.matches("Content-Transfer-Encoding: 7bit").count(), 2, "{raw}");
        assert!(raw.lines().all(|line| line.len() <= LINE_LIMIT) && raw.is_ascii());
        for encoded in ["Dear Zo\u{eb}".to_owned(), "x".repeat(LINE_LIMIT + 1)] {
            let raw = mail(&encoded);
            assert!(raw.contains("Content-Transfer-Encoding: quoted-printable"), "{raw}");
            assert!(raw.lines().all(|line| line.len() <= 76) && raw.is_ascii());
        }
    }
}
