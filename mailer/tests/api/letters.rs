//! What letters say.

use crate::{
    bookings::{confirmation, confirmed, event, held},
    mailer_fixture::{DEADLINE, Mail, MailerFixture, RunningMailer},
};
use mailer::config::Destination;
use serde_json::{Value, json};
use shared::events::EventType;

#[actix_web::test]
async fn a_confirmation_says_all_in_both_parts() {
    let mailer = RunningMailer::start().await;
    let booking = confirmed();
    mailer.world.publish(&confirmation(&booking)).await;
    let received = mailer.sink.next(DEADLINE).await;
    assert_eq!(received.to, ["ada@example.org"]);
    let mail = Mail::of(&received);
    assert_eq!(mail.subject, "Booking confirmed: K7XQ2M, CDG-JFK");
    for part in [&mail.text, &mail.html] {
        for said in [
            "K7XQ2M",
            "AE101",
            "Paris",
            "Charles de Gaulle",
            "CDG",
            "New York",
            "JFK",
            "Tue 1 Dec 2026, 10:30 (Europe/Paris, UTC+1)",
            "Tue 1 Dec 2026, 12:45 (America/New_York, UTC-5)",
            "Ada Lovelace",
            "Byron Lovelace",
            "Annabella Lovelace",
            "12A",
            "12B",
            "9971234567890",
            "9971234567891",
            "9971234567892",
            "Premium economy",
            "Flex",
            "1203.40 EUR",
            "120.00 EUR",
            "1323.40 EUR",
            "http://localhost:8080",
        ] {
            assert!(part.contains(said), "{said} is missing in {part}");
        }
        assert!(!part.contains("1990"), "dates of birth do not belong into a mail");
    }
    assert_eq!(
        mail.message_id,
        format!("booking_confirmed.{}.2@aerobus.example", booking["id"].as_str().unwrap())
    );
    assert_eq!(mail.header("Auto-Submitted"), Some("auto-generated"));
    assert!(mail.header("Reply-To").is_some_and(|address| address.contains("service@aerobus.example")));
    assert!(mail.header("Date").is_some());
    assert!(mail.raw.contains("multipart/alternative"));
    assert!(mail.html.contains("<html lang=\"en\"") && mail.html.len() < 100_000, "{}", mail.html);
    let letter = mailer.letter_with("sent", 1).await;
    assert_eq!((&letter["recipient"], &letter["reference"]), (&json!("ada@example.org"), &json!("K7XQ2M")));
}

#[actix_web::test]
async fn machines_read_one_reservation_per_passenger_and_flight() {
    let mailer = RunningMailer::start().await;
    mailer.world.publish(&confirmation(&confirmed())).await;
    let html = mailer.next_mail().await.html;
    let script = html.split_once("<script type=\"application/ld+json\">").expect("a script").1;
    let json = script.split_once("</script>").expect("its end").0;
    let reservations: Vec<Value> = serde_json::from_str(json).expect("JSON");
    assert_eq!(reservations.len(), 3);
    let first = &reservations[0];
    assert_eq!(first["reservationNumber"], "K7XQ2M");
    assert_eq!(first["reservationFor"]["departureTime"], "2026-12-01T10:30:00+01:00");
    assert_eq!(first["reservationFor"]["flightNumber"], "101");
    assert_eq!(first["airplaneSeat"], "12A");
}

#[actix_web::test]
async fn names_are_only_ever_text() {
    let mailer = RunningMailer::start().await;
    let mut booking = confirmed();
    booking["passengers"][0]["given_name"] = "<script>alert(1)</script>\r\nBcc: all@example.org".into();
    booking["passengers"][1]["given_name"] = "Zoë 👩‍✈️ محمد".into();
    booking["passengers"][2]["family_name"] = "{{ locator }} {% raw %} \"&'".into();
    booking["locator"] = "X\r\nBcc: all@example.org".into();
    mailer.world.publish(&confirmation(&booking)).await;
    let received = mailer.sink.next(DEADLINE).await;
    assert_eq!(received.to, ["ada@example.org"]);
    let mail = Mail::of(&received);
    assert!(mail.header("Bcc").is_none());
    assert!(!mail.html.contains("<script>alert"), "{}", mail.html);
    assert!(
        mail.html.contains("&lt;script&gt;alert(1)") && mail.html.contains("Zoë 👩‍✈️ محمد"),
        "{}",
        mail.html
    );
    assert!(mail.text.contains("<script>alert(1)") && mail.text.contains("Zoë 👩‍✈️ محمد"), "{}", mail.text);
    assert!(mail.text.contains("{{ locator }} {% raw %} \"&'"), "{}", mail.text);
    assert_eq!(mail.html.matches("</script>").count(), 1, "names do not end the script of machines");
}

#[actix_web::test]
async fn the_largest_party_fits_into_a_letter() {
    let mailer = RunningMailer::start().await;
    let mut booking = confirmed();
    let (segment, passenger) = (booking["segments"][0].clone(), booking["passengers"][0].clone());
    booking["segments"] = json!(vec![segment; 6]);
    booking["passengers"] = json!(vec![passenger; 18]);
    mailer.world.publish(&confirmation(&booking)).await;
    let mail = mailer.next_mail().await;
    assert!(mail.html.len() < 100_000, "{}", mail.html.len());
    assert_eq!(mail.text.matches("seat 12A").count(), 6 * 18);
}

#[actix_web::test]
async fn held_cancelled_and_expired_bookings_have_their_letters() {
    let mailer = RunningMailer::start().await;
    let held = held(&confirmed());
    mailer.world.publish(&event(EventType::BookingHeld, &held)).await;
    let mail = mailer.next_mail().await;
    assert_eq!(mail.subject, "Your seats are held: K7XQ2M, CDG-JFK");
    assert!(mail.text.contains("until Fri 20 Nov 2026, 12:00 UTC") && mail.html.contains("1323.40 EUR"));

    let mut cancelled = confirmed();
    let refund = json!({
        "id": "01936f5e-0000-7000-8000-000000000001", "amount": {"amount": "120.00", "currency": "EUR"},
        "reason": "taxes", "status": "settled", "created_at": "2026-11-20T12:00:00Z",
    });
    cancelled["refunds"] = json!([refund]);
    mailer.world.publish(&event(EventType::BookingCancelled, &cancelled)).await;
    let mail = mailer.next_mail().await;
    assert_eq!(mail.subject, "Booking cancelled: K7XQ2M, CDG-JFK");
    assert!(
        mail.text.contains("120.00 EUR of the 1323.40 EUR") && mail.html.contains("120.00 EUR"),
        "{}",
        mail.text
    );

    mailer.world.publish(&event(EventType::BookingExpired, &crate::bookings::held(&confirmed()))).await;
    let mail = mailer.next_mail().await;
    assert_eq!(mail.subject, "Your hold has ended: K7XQ2M, CDG-JFK");
}

#[actix_web::test]
async fn a_hold_that_is_paid_in_the_same_call_has_no_letter_of_its_own() {
    let mailer = RunningMailer::start().await;
    let booking = confirmed();
    let mut processing = held(&booking);
    processing["payment_status"] = "processing".into();
    mailer.world.publish(&event(EventType::BookingHeld, &processing)).await;
    mailer.world.publish(&confirmation(&booking)).await;
    assert!(mailer.next_mail().await.subject.starts_with("Booking confirmed"));
    assert_eq!(mailer.letters().await.len(), 1);
}

#[actix_web::test]
async fn in_the_folder_lies_the_same_mail_under_a_readable_name() {
    let (world, folder) = (MailerFixture::new().await, tempfile::tempdir().expect("a folder"));
    let path = folder.path().join("mail");
    let running = world.start(world.config(Destination::Folder(path.clone()))).await;
    world.publish(&confirmation(&confirmed())).await;
    let admin = world.admin(&running);
    let sent = async {
        let path = "/api/v1/admin/mail?status=sent";
        while admin.get(path).await.expect(200)["data"].as_array().is_none_or(Vec::is_empty) {}
    };
    tokio::time::timeout(DEADLINE, sent).await.expect("a letter is written");
    running.stop().await;
    let names: Vec<String> = std::fs::read_dir(&path)
        .expect("the folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        matches!(names.as_slice(), [name] if name.ends_with("Z-K7XQ2M-booking_confirmed.eml")),
        "{names:?}"
    );
    let mail = Mail::read(&std::fs::read(path.join(&names[0])).expect("a mail"));
    assert_eq!(mail.subject, "Booking confirmed: K7XQ2M, CDG-JFK");
    assert!(mail.text.contains("12A") && mail.html.contains("12A"));
}
