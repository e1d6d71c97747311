//! A booking has the same documents by mail and by HTTP.

use crate::system::{PATIENCE, RunningSystem, book, booking};
use mail_parser::{MessageParser, MimeHeaders};
use serde_json::json;

/// The attachments of the next letter that has some: their media types and bytes.
async fn next_attachments(system: &RunningSystem) -> Vec<(String, Vec<u8>)> {
    loop {
        let mail = system.smtp.next(PATIENCE).await;
        let parsed = MessageParser::default().parse(&mail.raw).expect("a mail");
        let attachments = parsed.attachments().map(|part| {
            let kind = part.content_type().expect("a media type");
            let name = format!("{}/{}", kind.ctype(), kind.subtype().unwrap_or_default());
            (name, part.contents().to_vec())
        });
        let attachments: Vec<_> = attachments.collect();
        if !attachments.is_empty() {
            return attachments;
        }
    }
}

#[actix_web::test]
async fn the_documents_of_the_letter_are_those_of_the_api() {
    let system = RunningSystem::start().await;
    let admin = system.administrator().await;
    let flight = system.one_flight(&admin).await;
    let ada = system.traveller("ada@aerobus.example").await;
    let mut order = booking(&flight, Some("12A"), Some("tok_visa"));
    order["contact"]["locale"] = json!("de");
    let bought = book(&ada, &order).await.expect(201);
    let letter = next_attachments(&system).await;
    let path = format!("/api/v1/bookings/{}", bought["id"].as_str().unwrap());
    let pdf = ada.get(&format!("{path}/ticket.pdf")).await;
    let calendar = ada.get(&format!("{path}/calendar.ics")).await;
    assert_eq!((pdf.header("content-language"), calendar.header("content-language")), ("de", "de"));
    let documents = [("application/pdf".to_owned(), pdf.bytes), ("text/calendar".to_owned(), calendar.bytes)];
    assert!(letter == documents, "the letter has other documents");

    // Asked for again, the confirmation brings them once more.
    ada.post(&format!("{path}/resend-confirmation"), &json!({})).await.expect(202);
    assert!(next_attachments(&system).await == documents, "the second letter has other documents");
    system.stop().await;
}
