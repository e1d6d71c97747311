//! Signatures as receivers verify them: by code of its own, with ring in the place of the signer's cryptography.

use super::{DkimSigner, LetterParts, Letterhead, build_message, dkim::InvalidDkimKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use ed25519_dalek::pkcs8::DecodePrivateKey as _;
use ring::{
    digest::{SHA256, digest},
    signature::{ED25519, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
};
use rsa::{
    RsaPrivateKey,
    pkcs1::{EncodeRsaPrivateKey, EncodeRsaPublicKey, LineEnding},
};

// Of these tests alone.
const RSA: &str = include_str!("../../tests/data/dkim-rsa.pem");
const RSA_SHORT: &str = include_str!("../../tests/data/dkim-rsa-short.pem");
const ED25519_KEY: &str = include_str!("../../tests/data/dkim-ed25519.pem");

/// A mail that is signed with this key.
fn signed(key: &str) -> String {
    let dkim = DkimSigner::new("letters", "aerobus.example", &key.to_owned().into()).unwrap();
    let letterhead = Letterhead {
        from: "Aerobus <no-reply@aerobus.example>".parse().unwrap(),
        reply_to: Some("Zo\u{eb} <service@aerobus.example>".parse().unwrap()),
        dkim: Some(dkim),
    };
    let parts = LetterParts { text: "Dear  Ada \n\t x\n.\n\n\n".into(), html: "<p>Zo\u{eb}</p>\n".into() };
    // Folded, encoded, and with spaces that the relaxed form joins.
    let subject = format!("Booking  confirmed: {} \u{2708}", "K7XQ2M, CDG-JFK ".repeat(12));
    let mail =
        build_message(&letterhead, "ada@example.org", &subject, "<a@aerobus.example>", &parts, Vec::new())
            .unwrap();
    String::from_utf8(mail.bytes).unwrap()
}

/// The fields of a mail's header, folds included.
fn fields(head: &str) -> Vec<(&str, String)> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in head.split("\r\n") {
        match line.starts_with([' ', '\t']).then(|| fields.last_mut()).flatten() {
            Some((_, value)) => value.push_str(line),
            None => {
                let (name, value) = line.split_once(':').unwrap();
                fields.push((name, value.to_owned()));
            }
        }
    }
    fields
}

/// RFC 6376, 3.4.2.
fn relaxed_field(name: &str, value: &str) -> String {
    let words: Vec<&str> = value.split([' ', '\t']).filter(|word| !word.is_empty()).collect();
    format!("{}:{}", name.to_lowercase(), words.join(" "))
}

/// RFC 6376, 3.4.4.
fn relaxed_body(body: &str) -> String {
    let line = |line: &str| {
        let mut kept = String::new();
        for c in line.trim_end_matches([' ', '\t']).chars() {
            let space = matches!(c, ' ' | '\t');
            if !(space && kept.ends_with(' ')) {
                kept.push(if space { ' ' } else { c });
            }
        }
        kept + "\r\n"
    };
    let lines: Vec<String> = body.split("\r\n").map(line).collect();
    let last = lines.iter().rposition(|line| line != "\r\n").map_or(0, |last| last + 1);
    lines[..last].concat()
}

/// Whether the signature of a mail holds under a key.
fn verifies(mail: &str, key: &UnparsedPublicKey<Vec<u8>>) -> bool {
    let (head, body) = mail.split_once("\r\n\r\n").unwrap();
    let fields = fields(head);
    let (name, signature) = fields.iter().find(|(name, _)| *name == "DKIM-Signature").unwrap();
    let tag = |wanted: &str| {
        let tags = signature.split(';').filter_map(|tag| tag.trim().split_once('='));
        let value = tags.into_iter().find(|(name, _)| *name == wanted).unwrap().1;
        value.split_whitespace().collect::<String>()
    };
    assert_eq!(
        (tag("d"), tag("s"), tag("c")),
        ("aerobus.example".into(), "letters".into(), "relaxed/relaxed".into())
    );
    if tag("bh") != STANDARD.encode(digest(&SHA256, relaxed_body(body).as_bytes())) {
        return false;
    }
    let mut text = String::new();
    for wanted in tag("h").split(':') {
        if let Some((name, value)) = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted)) {
            text += &(relaxed_field(name, value) + "\r\n");
        }
    }
    let (before, _) = signature.rsplit_once("b=").unwrap();
    text += &relaxed_field(name, &format!("{before}b="));
    let given = STANDARD.decode(tag("b")).unwrap();
    match tag("a").as_str() {
        // RFC 8463: it signs the hash.
        "ed25519-sha256" => key.verify(digest(&SHA256, text.as_bytes()).as_ref(), &given).is_ok(),
        "rsa-sha256" => key.verify(text.as_bytes(), &given).is_ok(),
        other => panic!("{other}"),
    }
}

/// A mail is signed, and each change of it is seen.
fn check(mail: &str, key: &UnparsedPublicKey<Vec<u8>>) {
    assert!(verifies(mail, key), "{mail}");
    for (from, to) in [
        ("To: ada@", "To: eve@"),
        ("<a@aerobus", "<b@aerobus"),
        ("Dear  Ada", "Dear  Eve"),
        ("Auto-Submitted: auto", "Auto-Submitted: no"),
    ] {
        assert_eq!(mail.matches(from).count(), 1);
        assert!(!verifies(&mail.replace(from, to), key), "{from}");
    }
    // What relays may do.
    assert!(verifies(&mail.replace("To: ada@", "TO:   ada@"), key));
}

#[test]
fn receivers_verify_what_an_ed25519_key_signs() {
    let private = ed25519_dalek::SigningKey::from_pkcs8_pem(ED25519_KEY).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, private.verifying_key().as_bytes().to_vec());
    for form in [ED25519_KEY.to_owned(), STANDARD.encode(private.as_bytes())] {
        check(&signed(&form), &key);
    }
}

#[test]
fn receivers_verify_what_an_rsa_key_signs() {
    let private = RsaPrivateKey::from_pkcs8_pem(RSA).unwrap();
    let public = private.to_public_key().to_pkcs1_der().unwrap();
    let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_bytes().to_vec());
    let pkcs1 = private.to_pkcs1_pem(LineEnding::LF).unwrap();
    for form in [RSA, pkcs1.as_str()] {
        check(&signed(form), &key);
    }
}

#[test]
fn keys_that_cannot_sign_are_refused_and_not_shown() {
    let refused = |key: &str| DkimSigner::new("s", "d.example", &key.to_owned().into()).unwrap_err();
    for key in [
        "",
        "hush",
        "-----BEGIN PRIVATE KEY-----\naHVzaA==\n-----END PRIVATE KEY-----",
        &STANDARD.encode([7; 31]),
    ] {
        assert_eq!(refused(key), InvalidDkimKey::Form, "{key}");
    }
    assert_eq!(refused(RSA_SHORT), InvalidDkimKey::Short);
    let signer = DkimSigner::new("s", "d.example", &RSA.to_owned().into()).unwrap();
    assert_eq!(format!("{signer:?}"), "DkimSigner");
}
