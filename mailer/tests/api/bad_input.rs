//! What travellers and earlier releases have put into bookings, at the level of the bytes that are sent.

use crate::{
    bookings::{confirmation, confirmed},
    mailer_fixture::{Mail, RunningMailer, is},
};
use serde_json::Value;

/// Names, places and locators that somebody has thought about.
const TEXTS: [&str; 9] = [
    "Ada\r\nBcc: all@example.org",
    "Ada\nX-Evil: 1\n\n<b>a body</b>",
    "Ada\r\n.\r\nMAIL FROM:<evil@example.org>",
    "\u{0} \u{2028}Subject: x",
    "\"Ada\" <all@example.org>, 'x' \\",
    "=?utf-8?q?Ada=0D=0ABcc:_all@example.org?=",
    "👩\u{200d}✈️ Zoë",
    "محمد \u{202e}txt.exe",
    "<script>alert(1)</script>{{ 7 * 7 }}",
];

/// The names of a mail's header fields, in order.
fn fields(mail: &Mail) -> Vec<String> {
    let head = mail.raw.split("\r\n\r\n").next().unwrap_or_default();
    let first_lines = head.split("\r\n").filter(|line| !line.starts_with([' ', '\t']));
    first_lines.map(|line| line.split(':').next().unwrap_or_default().to_owned()).collect()
}

fn hostile(text: &str) -> Value {
    let mut booking = confirmed();
    booking["locator"] = text.into();
    booking["passengers"][0]["given_name"] = text.into();
    booking["passengers"][0]["family_name"] = text.into();
    booking["segments"][0]["origin"]["name"] = text.into();
    booking["segments"][0]["destination"]["city"]["name"] = text.into();
    booking
}

#[actix_web::test]
async fn no_text_of_a_booking_becomes_a_header_or_a_command() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    let plain = fields(&mailer.next_mail().await);
    let long = "x".repeat(300);
    for text in TEXTS.into_iter().chain([long.as_str()]) {
        mailer.world.publish(&confirmation(&hostile(text))).await;
        let received = mailer.sink.next(crate::mailer_fixture::DEADLINE).await;
        assert_eq!(received.to, ["ada@example.org"], "{text:?}");
        let mail = Mail::of(&received);
        assert_eq!(fields(&mail), plain, "{text:?}");
        assert!(received.raw.is_ascii(), "{text:?}");
        assert!(
            mail.raw.split("\r\n").all(|line| line.len() <= 998 && !line.contains(['\r', '\n'])),
            "{text:?}"
        );
        assert!(!mail.subject.chars().any(char::is_control), "{:?}", mail.subject);
        assert!(!mail.html.contains("<script>") && !mail.html.contains("<b>a body"), "{text:?}");
        assert!(!mail.text.contains(" 49"), "it is no template: {text:?}");
    }
    assert_eq!(mailer.sink.mails().len(), TEXTS.len() + 2);
}

#[actix_web::test]
async fn an_address_gets_its_letter_or_a_clear_failure() {
    let mailer = RunningMailer::start().await;
    let long_local = format!("{}@example.org", "a".repeat(65));
    let long = format!("ada@{}example.org", "label.".repeat(48));
    let longest = format!("{}@{}example.org", "a".repeat(64), "label.".repeat(29));
    let addresses: [(&str, Option<&str>); 14] = [
        ("ada@example.org", Some("ada@example.org")),
        ("o'neil+aerobus@example.org", Some("o'neil+aerobus@example.org")),
        ("ada@b\u{fc}cher.example", Some("ada@xn--bcher-kva.example")),
        ("ada@\u{4f8b}\u{5b50}.\u{6d4b}\u{8bd5}", Some("ada@xn--fsqu00a.xn--0zwm56d")),
        ("ada@xn--bcher-kva.example", Some("ada@xn--bcher-kva.example")),
        (&longest, Some(&longest)),
        ("ad\u{e4}@example.org", None),
        ("ada\u{1f600}@example.org", None),
        ("\"ada b\"@example.org", None),
        ("ada@example.org\r\nBcc: all@example.org", None),
        ("ada@example.org>\r\nRCPT TO:<all@example.org", None),
        ("ada@[127.0.0.1]", None),
        (&long_local, None),
        (&long, None),
    ];
    for (address, expected) in addresses {
        let mut booking = confirmed();
        booking["contact"]["email"] = address.into();
        mailer.world.publish(&confirmation(&booking)).await;
        let ended = |letters: &[Value]| is(&letters[0], "sent", 1) || is(&letters[0], "failed", 1);
        let letter = mailer.letters_once(ended).await.remove(0);
        let last = mailer.sink.mails().pop();
        match expected {
            Some(expected) => {
                let mail = last.expect("it was sent");
                assert_eq!((letter["status"].as_str(), mail.to), (Some("sent"), vec![expected.to_owned()]));
                assert_eq!(Mail::read(&mail.raw).header("To"), Some(expected));
            }
            None => {
                let reason = letter["last_error"].as_str().unwrap_or_default();
                assert!(
                    reason.starts_with("the recipient's address is not valid: it must "),
                    "{address:?}: {reason}"
                );
                assert_eq!(
                    (letter["status"].as_str(), letter["attempts"][0]["smtp_code"].as_i64()),
                    (Some("failed"), None)
                );
            }
        }
    }
    let sent = addresses.iter().filter(|(_, expected)| expected.is_some()).count();
    assert_eq!(mailer.sink.mails().len(), sent, "nothing else went out");
}
