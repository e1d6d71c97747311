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
            "10:30",
            "12:45",
            "Tue, 1 Dec 2026",
            "Ada Lovelace",
            "Byron Lovelace",
            "Annabella Lovelace",
            "12A",
            "12B",
            "9971234567890",
            "9971234567891",
            "9971234567892",
            "8 h 15 min",
            "Premium Economy · Flex",
            "EUR\u{a0}1,203.40",
            "EUR\u{a0}120.00",
            "EUR\u{a0}1,323.40",
            "http://localhost:8080/manage",
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
    assert_eq!(
        mail.parts,
        [
            "multipart/mixed",
            "multipart/alternative",
            "text/plain",
            "text/html",
            "application/pdf",
            "text/calendar"
        ]
    );
    assert!(mail.attachment("ticket.pdf").starts_with(b"%PDF-1.7"));
    let calendar = String::from_utf8(mail.attachment("calendar.ics").to_vec()).expect("UTF-8");
    let calendar = calendar.replace("\r\n ", "");
    let uid = format!(
        "UID:{}.{}\r\n",
        booking["id"].as_str().unwrap(),
        booking["segments"][0]["flight_id"].as_str().unwrap()
    );
    for said in [
        uid.as_str(),
        "METHOD:PUBLISH",
        "SEQUENCE:2",
        "STATUS:CONFIRMED",
        "DTSTART;TZID=Europe/Paris:20261201T103000",
    ] {
        assert!(calendar.contains(said), "{said} is missing in {calendar}");
    }
    assert!(mail.raw.contains("text/calendar; method=PUBLISH; charset=utf-8"));
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
    assert_eq!(mail.text.matches("AE101: Seat 12A").count(), 6 * 18);
}

#[actix_web::test]
async fn held_cancelled_and_expired_bookings_have_their_letters() {
    let mailer = RunningMailer::start().await;
    let held = held(&confirmed());
    mailer.world.publish(&event(EventType::BookingHeld, &held)).await;
    let mail = mailer.next_mail().await;
    assert_eq!(mail.subject, "Your seats are held: K7XQ2M, CDG-JFK");
    assert!(
        mail.text.contains("until: Fri, 20 Nov 2026, 13:00 (Paris time)")
            && mail.html.contains("EUR\u{a0}1,323.40")
    );

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
        mail.text.contains("EUR\u{a0}120.00 of the EUR\u{a0}1,323.40")
            && mail.html.contains("EUR\u{a0}120.00"),
        "{}",
        mail.text
    );

    mailer.world.publish(&event(EventType::BookingExpired, &crate::bookings::held(&confirmed()))).await;
    let mail = mailer.next_mail().await;
    assert_eq!(mail.subject, "Your hold has ended: K7XQ2M, CDG-JFK");
}

#[actix_web::test]
async fn letters_are_in_the_language_of_the_contact_and_english_where_nobody_told_it() {
    let mailer = RunningMailer::start().await;
    let german = |mut booking: Value| {
        booking["contact"]["locale"] = "de-AT".into();
        booking
    };
    let booking = german(confirmed());
    let mut rescheduled = booking.clone();
    rescheduled["version"] = 3.into();
    rescheduled["disruption"] = json!({
        "kind": "rescheduled", "flight_id": booking["segments"][0]["flight_id"], "reason": "Nebel", "reseated": [],
    });
    let mut changed = booking.clone();
    changed["version"] = 4.into();
    let mut reseated = booking.clone();
    reseated["version"] = 5.into();
    let moved = json!({"passenger_id": booking["passengers"][0]["id"], "from": "12C", "to": "12A"});
    reseated["disruption"] = json!({
        "kind": "reseated", "flight_id": booking["segments"][0]["flight_id"], "reason": null, "reseated": [moved],
    });
    let mut cancelled = german(confirmed());
    cancelled["status"] = "cancelled".into();
    let mut disrupted = cancelled.clone();
    disrupted["id"] = confirmed()["id"].clone();
    disrupted["disruption"] = json!({
        "kind": "cancelled", "flight_id": cancelled["segments"][0]["flight_id"], "reason": null, "reseated": [],
    });
    for (kind, booking, subject, said) in [
        (EventType::BookingConfirmed, &booking, "Buchung bestätigt", "1.203,40\u{a0}EUR"),
        (
            EventType::BookingChanged,
            &rescheduled,
            "Neue Flugzeiten",
            "Begründung der Fluggesellschaft: Nebel",
        ),
        (EventType::BookingChanged, &changed, "Buchung geändert", "So sieht sie jetzt aus."),
        (
            EventType::BookingChanged,
            &reseated,
            "Buchung geändert",
            "Ada Lovelace, AE101: statt 12C jetzt 12A",
        ),
        (EventType::BookingCancelled, &cancelled, "Buchung storniert", "keine Erstattung"),
        (EventType::BookingCancelled, &disrupted, "Flug gestrichen", "AE101 findet nicht statt"),
        (
            EventType::BookingHeld,
            &german(held(&confirmed())),
            "Ihre Plätze sind reserviert",
            "Di., 01.12.2026",
        ),
        (EventType::BookingConfirmed, &confirmed(), "Booking confirmed", "Your booking is confirmed."),
    ] {
        mailer.world.publish(&event(kind, booking)).await;
        let mail = mailer.next_mail().await;
        assert_eq!(mail.subject, format!("{subject}: K7XQ2M, CDG-JFK"));
        assert!(mail.text.contains(said), "{said} is missing in {}", mail.text);
    }
    let letters = mailer.letters().await;
    let locales: Vec<_> = letters.iter().map(|letter| letter["locale"].as_str().unwrap()).collect();
    assert_eq!(locales, ["en", "de", "de", "de", "de", "de", "de", "de"]);
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
    assert!(matches!(names.as_slice(), [name] if name.contains("Z-K7XQ2M-booking_confirmed-")), "{names:?}");
    let mail = Mail::read(&std::fs::read(path.join(&names[0])).expect("a mail"));
    assert_eq!(mail.subject, "Booking confirmed: K7XQ2M, CDG-JFK");
    assert!(mail.text.contains("12A") && mail.html.contains("12A"));
}
